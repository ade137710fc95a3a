"""playbooks/dashboard.yml and logs.yml: what they ask for, and what they write and show of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {"environment": {"namespace": {}}}
POD = {"labels": {"pod": "api-1"}, "points": [[10.0, 1.0]]}
LINE = {
    "time": "2026-11-21T09:30:00Z",
    "pod": "api-1",
    "container": "app",
    "level": "",
    "trace_id": "",
    "message": "\x1b[2Jx",
}


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("observing")) as found:
        yield found


def test_the_dashboard_is_written(stubbed: Stubbed, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    found = {"ready": [POD], "restarts": [], "runs": [], "age": []}
    answers = {"todo.cloud.metrics_info": {"series": found, "alerts": []}}
    options = ("-e", f"dashboard_file={file}", "-e", "dashboard_hours=2")
    done = stubbed.run("dashboard", inventory(GROUPS), *options, answers=answers)
    assert done.code == 0, done.output
    drawn, now = done.arguments("metrics_info")
    assert (int(drawn["seconds"]), int(drawn["step"])) == (7200, 40)
    assert 'todo:requests:rate{namespace="todo-test"}' in drawn["queries"].values()
    assert now["queries"]["ready"].startswith('kube_pod_status_ready{condition="true",namespace="todo-test"} unless')
    assert now["alerts"] is True
    assert '<td class="long">api-1</td>' in file.read_text()
    assert "page.html: 1 of 1 pods ready" in done.text


def test_lines_of_logs_are_shown_as_text(stubbed: Stubbed) -> None:
    given = ("-e", "service=api", "-e", "since=1h", "-e", "level=error", "-e", "lines=5")
    done = stubbed.run("logs", inventory(GROUPS), *given, answers={"todo.cloud.logs_info": {"output": [LINE]}})
    assert done.code == 0, done.output
    (asked,) = done.arguments("logs_info")
    assert (asked["of_namespace"], asked["of_service"], asked["since"], asked["level"]) == (
        "todo-test",
        "api",
        "1h",
        "error",
    )
    assert asked["with_namespaces"] == []
    assert "api-1 app" in done.text
    assert "\x1b[2J" not in done.output


def test_a_trace_is_looked_for_at_the_public_door_too(stubbed: Stubbed) -> None:
    given = ("-e", "trace=4bf92f", "-e", "ingress_namespace=edge")
    done = stubbed.run("logs", inventory(GROUPS), *given, answers={"todo.cloud.logs_info": {"output": [LINE]}})
    assert done.code == 0, done.output
    (asked,) = done.arguments("logs_info")
    assert (asked["trace_id"], asked["with_namespaces"]) == ("4bf92f", ["edge"])


RELEASES: dict[str, dict[str, Any]] = {"components": {"dapr_components": {}}, "core_services": {"backend_api": {}}}


@pytest.mark.parametrize(
    ("hosts", "given", "expected"),
    [
        ({}, {}, None),
        ({"monitoring": {}}, {}, {"namespace": "monitoring", "url": ""}),
        ({"monitoring": {}}, {"monitoring_manage": False}, None),
        ({"monitoring": {"platform_wanted": False}}, {}, None),
        ({"monitoring": {}}, {"monitoring_logs": False}, None),
        ({}, {"monitoring_namespace": "watch"}, {"namespace": "watch", "url": ""}),
    ],
    ids=["none", "managed", "not managed", "not wanted", "without logs", "named"],
)
def test_last_words_are_asked_for_where_the_inventory_has_logs(
    hosts: dict[str, Any], given: dict[str, Any], expected: dict[str, str] | None, stubbed: Stubbed
) -> None:
    endpoint = {"release_trace_endpoint": "https://collector:4318", "release_trace_headers": {"x-token": "t"}}
    groups = {**RELEASES, "platform": hosts}
    done = stubbed.run(
        "rollback", inventory(groups, **endpoint, **given), answers={"todo.cloud.release_rollback": {"table": []}}
    )
    assert done.code == 0, done.output
    (asked,) = done.arguments("release_rollback")
    assert asked.get("log_store") == expected
    assert "next deployment" not in done.output, "nothing was taken back"
    told = asked["announce"]
    assert (told["trace_endpoint"], told["trace_headers"]) == ("https://collector:4318", {"x-token": "t"})


def test_a_rollback_says_that_the_inventory_stays_as_it_is(stubbed: Stubbed) -> None:
    done_it = {"todo.cloud.release_rollback": {"table": ["api  rollback"], "changed": True}}
    done = stubbed.run("rollback", inventory(RELEASES), answers=done_it)
    assert done.code == 0, done.output
    assert "The inventory still describes what was taken back: the next deployment brings it again" in done.text


@pytest.mark.parametrize(("dead", "said"), [(False, "since 10:00"), (True, "since 10:00 (its holder is dead)")])
def test_who_holds_the_lock_is_said_in_words(dead: bool, said: str, stubbed: Stubbed) -> None:
    holder = {"description": "a deployment of eve on ci-7"}
    found = {"held": True, "since": "10:00", "expired": dead, "taken_over": "", "holder": holder}
    done = stubbed.run("lock", inventory({"environment": {"namespace": {}}}), answers={"todo.cloud.deploy_lock": found})
    assert done.code == 0, done.output
    assert f"held by a deployment of eve on ci-7, {said}" in done.text
