"""The page of a report: nothing in it is a script, a link of others or an element of others; and its Markdown."""

from __future__ import annotations

import copy
import html
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import Line
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import markdown_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import (
    cause_in,
    evidence,
    image_text,
    link,
    page_of,
)
from ansible_collections.todo.cloud.plugins.plugin_utils.report.timeline import LEFT, RIGHT, WIDTH, picture_of, said

from tests.support import reported

ALL = ("verified", "failed", "refused", "planned", "hostile")
TEXT = {"h1", "h2", "h3", "p", "span", "ul", "li", "code", "br", "ins", "del", "pre", "mark", "dl", "dt", "dd"}
TABLE = {"table", "tr", "th", "td", "details", "summary"}
FRAME = {"html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "div", "a"}
OWN = {"svg", "desc", "line", "text", "rect", *FRAME, *TEXT, *TABLE}


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_whole_and_made_of_its_own_elements(name: str) -> None:
    page = page_of(getattr(reported, name)())
    found = Elements(page)
    assert found.open == []
    assert found.tags <= OWN
    assert not [each for each, _value in found.attributes if each.startswith("on") or each in ("src", "style")]
    links = [value for each, value in found.attributes if each == "href"]
    assert {urlsplit(url).scheme for url in links} <= {"https"}
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert len(page) < 400_000


def test_what_others_wrote_is_text() -> None:
    page = page_of(reported.hostile())
    assert "&lt;img src=x onerror=" in page
    assert "{{ 7 * 7 }}" in page, "no template"
    assert "javascript:alert" in page, "as text: test_a_page_is_whole sees that it is no link"
    assert len([line for line in page.splitlines() if len(line) > 10_000]) == 0, "a long line is cut"


def test_the_reason_is_in_the_first_lines() -> None:
    page = page_of(reported.failed())
    shown = page[page.index("<body>") :]
    assert "<h1>backend-api: container backend-api exits with code 3" in shown
    assert "The whole set is back at what was verified (release set 12)." in shown[:1500]
    assert "<mark>KeyError: &#39;REMINDERS_TOPIC&#39;</mark>" in shown[:4000]
    assert shown.index("restored") < shown.index("unchanged"), "what changed comes first"
    assert 'class="bar pod failed"' in shown
    assert '/docs/failure-codes.md#crash_loop" rel=' in shown


def test_the_line_that_tells_is_marked_within_json_too() -> None:
    message = "api: container api exits with code 1 (Error, 1 restart): can't start: no topic."
    assert cause_in('{"level": "error", "message": "can\'t start: no topic"}', message)
    assert cause_in("  can't start: no topic", message)
    assert not cause_in('{"level": "info", "message": "started"}', message)
    assert not cause_in("any line", "api: is not ready.")


def test_alike_lines_are_folded_and_a_warning_is_marked_where_the_sentence_quotes_none() -> None:
    telling = '{"level": "warning", "message": "backend-api gives no answer: ConnectError"}'
    log = [f'{{"level": "info", "message": "GET /api/tasks: trying again", "ms": {n}}}' for n in range(40)]
    document: Any = reported.failed()
    document["failures"][0] |= {"message": "frontend: container frontend runs but is not ready."}
    document["failures"][0]["details"] |= {"log_tail": [*log[:3], telling, *log[3:]]}
    page = page_of(document)
    assert f"<mark>{html.escape(telling).replace('&quot;', '&#34;')}</mark>" in page
    assert page.count("trying again") == 1
    assert "&#34;ms&#34;: 39} (x 40)" in page
    assert f"{telling}\n{log[-1]} (x 40)" in markdown_of(document)


def test_a_plan_has_what_is_in_the_way_and_the_differences() -> None:
    page = page_of(reported.planned())
    assert page.index("needs key") < page.index("<h2>Plan</h2>") < page.index("<ins>+        - image: ")
    assert "<h2>Releases</h2>" not in page


def test_what_a_run_was_refused_for_is_a_list_with_remedies() -> None:
    page = page_of(reported.refused())
    assert "<h2>Why</h2>" not in page, "it would say the same once more"
    assert page.index("<h2>In the way</h2>") < page.index("create it, or add it to environment_secrets")
    text = markdown_of(reported.refused())
    assert (
        "| frontend | ghcr.io/todo-app/frontend:v9 is not in its registry | push it, or name another version |" in text
    )


def test_what_to_do_is_a_link_to_its_section() -> None:
    section = "https://github.com/todo-app/todo.cloud/blob/main/docs/operations.md#"
    place = f"{section}a-container-ends-again-and-again"
    assert f'mend what its last lines name, then deploy again: <a href="{place}"' in page_of(reported.failed())
    told = (
        f"What to do: mend what its last lines name, then deploy again: [A container ends again and again](<{place}>)"
    )
    assert told in markdown_of(reported.failed())
    refused = page_of(reported.refused())
    assert f'<a href="{section}an-image-cannot-be-pulled"' in refused
    assert (
        f"More: [Secrets were rotated or changed](<{section}secrets-were-rotated-or-changed>), "
        f"[An image cannot be pulled](<{section}an-image-cannot-be-pulled>)"
    ) in markdown_of(reported.refused())


def test_a_document_of_nothing_is_a_page() -> None:
    empty = {key: type(value)() if value is not None else None for key, value in reported.verified().items()}
    empty |= {"outcome": "ok", "sentence": "nothing failed.", "run": reported.verified()["run"]}
    empty["api"] = {"requests": 0, "retries": 0, "relists": 0}
    assert "nothing failed." in page_of(empty)
    assert (
        markdown_of(empty)
        == "### ✅ nothing failed.\n\n2027-01-15 08:00:00 UTC, took 38 s, [the job](<https://github.com/todo-app/todo.cloud/actions/runs/1>)\n"
    )


def test_a_link_is_escaped_and_only_the_web_is_linked() -> None:
    assert link("javascript:alert(1)", "text") == "text"
    assert link("https://h/?a&b", "<b>") == '<a href="https://h/?a&amp;b" rel="noopener noreferrer">&lt;b&gt;</a>'


def test_evidence_is_named_and_what_says_nothing_is_left_out() -> None:
    details = {"kind": "Job", "workload": "x", "pod": "x-1", "log_tail": ["a"], "signal": None, "quota": [],
               "probes": {"readinessProbe": "GET :80/"}, "more": 3}  # fmt: skip
    facts = [("where", "Job x, pod x-1"), ("probes", "readinessProbe GET :80/"), ("more", "3")]
    assert evidence(details) == ([("Last lines of the log", [Line("a")])], facts)
    assert image_text("r/api:v1@sha256:" + "0" * 64) == "r/api:v1@sha256:000000000000"


def test_bars_are_where_their_time_is() -> None:
    document: Any = reported.failed()
    picture = picture_of(document)
    assert picture
    rows = {row.label: row for row in picture.rows}
    wide = WIDTH - LEFT - RIGHT
    (bar,) = rows["Helm backend-api revision 9"].bars
    assert bar.x == pytest.approx(LEFT + wide * 23.6 / 34.8, abs=0.1)
    assert bar.width == pytest.approx(wide * 1.2 / 34.8, abs=0.2)
    endpoint = rows["endpoint"]
    assert [bar.outcome for bar in endpoint.bars] == ["ok", "failed", "failed"]
    assert endpoint.text == "2 failed"
    assert endpoint.bars[1].x == pytest.approx(LEFT + wide * 22.12 / 34.8, abs=0.1)
    assert rows["pod backend-api-6d5f7c9b8-x2x7q"].text == "7.7 s failed"
    assert [text for _x, text in picture.ticks][:2] == ["0 s", "5 s"]
    assert all(LEFT <= bar.x <= WIDTH for row in picture.rows for bar in row.bars)
    many = copy.deepcopy(document) | {"timeline": [{**document["timeline"][0], "name": f"n{n}"} for n in range(100)]}
    shown = picture_of(many)
    assert shown
    assert (len(shown.rows), shown.more) == (60, 41), "the endpoint is one, too"
    assert picture_of({**document, "timeline": []}) is None
    assert [said(seconds) for seconds in (0.24, 9.0, 12.6, 125)] == ["0.2 s", "9 s", "13 s", "2 min 5 s"]


def test_markdown_says_why_first() -> None:
    text = markdown_of(reported.failed())
    assert text.startswith("### ❌ backend-api: container backend-api exits with code 3")
    assert "| backend-api | **restored**: crash\\_loop, back at set 12 | 7 | 9 | " in text


def test_evidence_that_is_nested_deeply_takes_no_time() -> None:
    nested: Any = "the end"
    for _level in range(200):
        nested = {"x": nested}
    _logs, facts = evidence({"quota": nested}, "it failed", 15)
    assert any(text.endswith("the end") for _name, text in facts)
