from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.observing.page import Page, page_of

MOMENT = 1764000000.0
PAGE = Page("Todo: staging", "staging", "todo-staging", 3, MOMENT)
NOW: dict[str, Any] = {"ready": [], "restarts": [], "runs": [], "age": []}
HOSTILE = "<script>alert(1)</script>"


def one(number: float | None, **labels: str) -> dict[str, Any]:
    return {"labels": labels, "points": [[MOMENT, number]]}


def alert(name: str, severity: str, state: str = "firing", ago: float = 600, **more: str) -> dict[str, Any]:
    labels = {"alertname": name, "severity": severity, "namespace": "todo-staging", **more}
    return {"labels": labels, "annotations": {"summary": f"{name} is so"}, "state": state, "since": MOMENT - ago}


def page(alerts: Any = (), **now: Any) -> str:
    return page_of(PAGE, [], {}, {**NOW, **now}, alerts)


def rows(text: str, title: str) -> list[list[str]]:
    """Cells of the table below a title, as text."""
    section = text.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    found = re.findall(r"<tr>(<td.*?)</tr>", section.partition("<tbody>")[2])
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall("<td[^>]*>(.*?)</td>", row)] for row in found]


def alerts_of(text: str) -> list[list[str]]:
    """Name with severity, since when, text."""
    found = re.findall(r"<li class=\"\w+\"><b>(.*?)</b> (.*?)<p>(.*?)</p></li>", text)
    return [[re.sub("<[^>]*>", "", part) for part in each] for each in found]


def state(text: str) -> list[tuple[str, str]]:
    return re.findall(r'<p class="state (\w+)">(.*?)</p>', text)


def test_the_worst_alert_comes_first_and_others_environments_do_not() -> None:
    given = [
        alert("Slow", "warning", "pending"),
        alert("Quota", "warning"),
        alert("Odd", "loud", ago=5),
        alert("Elsewhere", "critical", namespace="todo-production", environment="production"),
        alert("Edge", "critical", namespace="traefik", environment="staging", ago=7300),
        alert("Errors", "critical", ago=90),
    ]
    text = page(given, ready=[one(1, pod="api-1")], age=[one(4)])
    assert alerts_of(text) == [
        ["critical: Edge", "for 2 h", "Edge is so"], ["critical: Errors", "for 90 s", "Errors is so"],
        ["warning: Quota", "for 10 min", "Quota is so"], ["loud: Odd", "for 5 s", "Odd is so"],
        ["warning: Slow", "not yet, for 10 min so far", "Slow is so"],
    ]  # fmt: skip
    assert state(text) == [("bad", "Alerts: 2 critical, 1 warning, 1 other; 1 of 1 pods ready.")]
    assert text.index("Alerts: 2") < text.index("Active alerts") < text.index("Pods") < text.index("Runs, as")


@pytest.mark.parametrize(
    ("alerts", "ready", "told"),
    [
        ([], [one(1, pod="a")], ("good", "No alert fires; 1 of 1 pods ready.")),
        ([alert("Slow", "warning", "pending")], [one(1, pod="a")], ("good", "No alert fires; 1 of 1 pods ready.")),
        ([alert("Quota", "warning")], [one(1, pod="a")], ("warn", "Alerts: 1 warning; 1 of 1 pods ready.")),
        ([], [one(1, pod="a"), one(0, pod="b")], ("bad", "No alert fires; 1 of 2 pods ready.")),
        ([], [], ("warn", "No alert fires; no pods.")),
    ],
)
def test_all_in_one_line(alerts: Any, ready: Any, told: tuple[str, str]) -> None:
    assert state(page(alerts, ready=ready, age=[one(4)])) == [told]


def test_a_link_leads_to_a_page_only() -> None:
    good, bad = alert("A", "warning"), alert("B", "warning")
    good["annotations"]["runbook_url"] = 'https://example.com/#a"b'
    bad["annotations"] = {"runbook_url": "javascript:alert(1)"}
    text = page([good, bad])
    assert re.findall('href="([^"]*)"', text.partition("<body>")[2]) == ["https://example.com/#a&quot;b"]
    assert "javascript" not in text


def test_pods_that_are_not_ready_come_first_then_those_that_restart() -> None:
    ready = [one(1, pod="a"), one(1, pod="b"), one(0, pod="c")]
    often = [one(2.02, pod="b", container="app"), one(1, pod="b", container="daprd"), one(0.1, pod="a")]
    text = page(ready=ready, restarts=often)
    assert rows(text.replace("</section>", "", 1), "Pods") == [
        ["c", "not ready", "0"],
        ["b", "ready", "3"],
        ["a", "ready", "0"],
    ]
    assert text.index("<details><summary>1 ready, without restarts</summary>") > text.index("<td>3</td>")


def test_runs_are_numbered_and_older_ones_are_not_drawn() -> None:
    runs = [
        one(MOMENT - 7200, run="deployment", outcome="succeeded", set="4", commit="1f3c5a7" * 5),
        one(MOMENT - 600, run="rollback", outcome="failed", set="3", code="crash_loop"),
        one(MOMENT - 5 * 3600, run="scaling", outcome="succeeded"),
    ]
    assert rows(page(runs=runs), "Runs, as numbered in the plots") == [
        ["1", "15:50", "rollback", "failed (crash_loop)", "3", ""],
        ["2", "14:00", "deployment", "succeeded", "4", "1f3c5a71f3c5"],
    ]
    assert "none within 3 h; the one before was 2025-11-24 11:00:00 UTC" in page(runs=runs[2:])


@pytest.mark.parametrize(
    ("age", "told"),
    [
        ([one(12.4)], '<p class="quiet">newest sample 12 s old</p>'),
        ([one(240)], '<p class="state bad">The newest sample is 4 min old: what happened since is not below.</p>'),
        ([], "No sample of todo-staging within 3 h: Prometheus does not read it"),
    ],
)
def test_it_says_how_old_it_is(age: Any, told: str) -> None:
    assert told in page(age=age)
    assert "As of 2025-11-24 16:00:00 UTC, plots of the last 3 h" in page(age=age)


def test_a_plot_of_two_dashboards_is_drawn_once_and_empty_ones_are_listed() -> None:
    panel = {"id": 1, "type": "timeseries", "title": "Requests", "fieldConfig": {"defaults": {"unit": "reqps"}}}
    target = {"refId": "A", "expr": "x", "legendFormat": "{{service}}"}
    lists = [[target], [{**target, "expr": "y"}]]
    first = {"title": "app", "uid": "app", "panels": [{**panel, "targets": each} for each in lists[:1]]}
    other = {"title": "more", "uid": "more", "panels": [{**panel, "targets": each, "title": "No <b>" if n else "Same"}
                                                        for n, each in enumerate(lists)]}  # fmt: skip
    drawn = {"app.1.A": [one(1, service="a")]}
    text = page_of(PAGE, [first, other], drawn, NOW, [])
    assert text.count("<figure>") == 1
    assert '<p class="quiet">No data: No &lt;b&gt;.</p>' in text
    assert "Same" not in text


def test_texts_of_others_are_only_text() -> None:
    hostile = {
        "labels": {"alertname": HOSTILE, "severity": HOSTILE, "namespace": "todo-staging", HOSTILE: HOSTILE},
        "annotations": {}, "state": "firing", "since": MOMENT,
    }  # fmt: skip
    described = {**hostile, "annotations": {"summary": HOSTILE}}
    texts = dict.fromkeys(("run", "outcome", "set", "commit", "code"), HOSTILE)
    now = {"ready": [one(1, pod=HOSTILE)], "runs": [one(MOMENT, **texts)], "age": []}
    board = {"title": HOSTILE, "uid": "x", "panels": []}
    given = Page(HOSTILE, "staging", "todo-staging", 3, MOMENT)
    text = page_of(given, [board], {}, {**NOW, **now}, [hostile, described])
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 16, "title, alerts, pod, run, dashboard"


def test_nothing_can_be_loaded_and_no_script_runs() -> None:
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]+)"', page())
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    assert "script" not in policy[1]
