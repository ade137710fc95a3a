"""The page of dashboard.yml in Debian's Chromium. tests/monitoring/test_dashboard.py has one of a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.observing.page import Page, page_of
from ansible_collections.todo.cloud.plugins.module_utils.observing.panels import queries_of

from tests.edge.browser import Browser, browser, installed
from tests.monitoring.accessibility import problems
from tests.unit.plugins.module_utils.observing.test_page import HOSTILE, MOMENT, NOW, alert, one
from tests.unit.plugins.module_utils.observing.test_panels import BOARDS

FOLDED = (
    "return [...document.querySelectorAll('details > :not(summary)')].filter(each => !each.checkVisibility()).length"
)


def page() -> str:
    """Of an environment in trouble, with names that nobody hopes to see."""
    names = [f"{HOSTILE}-{'x' * 80}", *(f"service-{letter}" for letter in "abcdefghi")]
    series = [
        {"labels": dict.fromkeys(("service", "pod", "deployment"), name),
         "points": [[MOMENT - 10800 + 180 * n, (n + number) % 9 / 10] for n in range(61)]}
        for number, name in enumerate(names)
    ]  # fmt: skip
    ready = [one(name != names[1], pod=name) for name in names]
    runs = [
        one(MOMENT - 3600 * n, run="deployment", outcome="failed", set="4", commit=names[0], code=HOSTILE)
        for n in range(3)
    ]
    now: dict[str, Any] = {**NOW, "ready": ready, "restarts": [one(3, pod=names[2])], "runs": runs, "age": [one(9)]}
    alerts = [alert("Errors", "critical"), alert(HOSTILE, "warning", "pending"), alert("Quota", "warning")]
    drawn = dict.fromkeys(queries_of(BOARDS, "todo-staging"), series)
    return page_of(Page("Todo: staging", "staging", "todo-staging", 3, MOMENT), BOARDS, drawn, now, alerts)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    installed()
    with browser(tmp_path_factory.mktemp("browser"), {}) as opened:
        yield opened


def test_it_can_be_read_on_every_screen_and_on_paper(window: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page())
    window.open(path.as_uri())
    assert window.ask("return document.scripts.length + document.images.length") == 0
    assert window.ask("return document.title") == "Todo: staging"
    assert window.ask("return document.querySelectorAll('figure svg').length") > 20
    for width, dark in ((1400, False), (1400, True), (375, False), (375, True)):
        window.show(width, 900, dark=dark)
        assert window.ask("return document.documentElement.scrollWidth") <= width
        if (width, dark) != (375, False):  # its colours are those of the wide one
            assert problems(window) == []
    assert window.ask(FOLDED) > 0
    window.show_print()
    assert window.ask(FOLDED) == 0
    assert window.said() == []
