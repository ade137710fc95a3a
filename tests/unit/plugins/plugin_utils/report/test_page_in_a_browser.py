"""The page of a report in Debian's Chromium: no complaint in the console, nothing runs, accessible, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of

from tests.edge.browser import Browser, browser, installed
from tests.monitoring.accessibility import problems
from tests.support import reported

CUT = (
    "[...document.querySelectorAll('body *')]"
    ".filter(one => one.getBoundingClientRect().right > 390 && !one.closest('.wide'))"
)
MARKS = (
    "[...document.querySelectorAll('mark')].map(one => getComputedStyle(one))"
    ".map(one => `${one.backgroundColor} ${one.color}`)"
)
FOLDED = "[...document.querySelectorAll('details > :not(summary)')].filter(one => !one.checkVisibility()).length"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    installed()
    with browser(tmp_path_factory.mktemp("browser"), {}) as opened:
        yield opened


@pytest.mark.parametrize("name", ["verified", "failed", "refused", "planned", "hostile"])
def test_a_page(name: str, window: Browser, tmp_path: Path) -> None:
    document = getattr(reported, name)()
    path = tmp_path / "report.html"
    path.write_text(page_of(document))
    window.open(path.as_uri())
    assert window.ask("return document.scripts.length + document.images.length") == 0
    title = f"{document['outcome']}: {document['sentence']}"[:120]
    assert window.ask("return document.title").split() == title.split(), "nobody else wrote it"
    assert window.ask("return document.querySelector('h1').innerText").split()[0] == document["sentence"].split()[0]
    window.show(390, 800, dark=False)
    assert window.ask(f"return {CUT}.map(one => one.outerHTML.slice(0, 200))") == [], "on a phone"
    for dark in (False, True):
        window.show(1100, 900, dark=dark)
        assert problems(window) == []
    foldable = window.ask("return document.querySelectorAll('details').length")
    assert window.ask(f"return {FOLDED}") >= min(foldable, 1), "on the screen some of it is folded"
    window.show_print()
    assert window.ask(f"return {FOLDED}") == 0, "on paper all is unfolded"
    assert set(window.ask(f"return {MARKS}")) <= {"rgba(0, 0, 0, 0) rgb(179, 23, 31)"}, "backgrounds are not printed"
    assert window.said() == []


def test_what_is_wrong_is_noticed(window: Browser, tmp_path: Path) -> None:
    path = tmp_path / "wrong.html"
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    path.write_text(f"<html><head>{policy}</head><body><img src='https://lost.test/x'><script>1</script>")
    window.open(path.as_uri())
    assert [each.partition(":")[0] for each in problems(window) if each.startswith("image-alt")] == ["image-alt"]
    assert len(window.said()) == 2, "the policy stops both"
