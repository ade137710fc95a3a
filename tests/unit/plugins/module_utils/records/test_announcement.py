"""Who is told of a run, and what; and that nobody who does not listen can stop one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.announcement import RULES, Announce, Announcement
from ansible_collections.todo.cloud.plugins.module_utils.records.events import Event

from tests.support.fake_environment import A2, BAD, C1, deployed
from tests.support.fake_kube import FakeKube
from tests.support.receiver import Receiver

RUN = "https://ci.example.com/runs/7"
WELL = Event("2026-11-22T10:00:00Z", "deployment", "ada@ci", "1f3c5a7" * 5, 3, 4, "succeeded", 82.4)
LOST = Event(
    "2026-11-22T10:00:00Z", "deployment", "ada@ci", "1f3c5a7", 3, 3, "restored", 82.4, code="crash_loop",
    message="backend-api: <b>container & co</b>", url=RUN, failed_requests=2, longest_gap_ms=340.2,
)  # fmt: skip


class Monitored(FakeKube):
    """Keeps what is applied; ``refuses``: why it takes no rules."""

    refuses: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[Any] = []

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **more: Any) -> Any:
        if resource is not RULES:
            return super().patch(resource, namespace, name, body, **more)
        if self.refuses:
            raise self.refuses
        self.applied.append((namespace, name, body, more["content_type"], more["force"]))
        return body


def tell(of: Event, kube: FakeKube | None = None, **wanted: Any) -> list[str]:
    return list(Announcement(kube or FakeKube(), "ns", "staging", of).make(Announce.parse(wanted)))


def test_slack_gets_a_line_with_a_link() -> None:
    with Receiver().serving() as hook:
        assert tell(LOST, webhook=hook.url) == []
    [got] = hook.messages
    line, link = got["text"].split("\n")
    assert line == (
        "staging: deployment of 1f3c5a7 restored after 82 s, by ada@ci; longest outage 340 ms (crash_loop): "
        "backend-api: &lt;b&gt;container &amp; co&lt;/b&gt;"
    )
    assert link == f"<{RUN}|the run>"


def test_a_program_gets_the_whole_event() -> None:
    with Receiver(202).serving() as hook:
        assert tell(WELL, webhook=hook.url, webhook_format="json") == []
    [got] = hook.messages
    assert (got["environment"], got["namespace"], got["outcome"], got["to_set"]) == ("staging", "ns", "succeeded", 4)
    assert got["text"].startswith("staging: deployment of 1f3c5a71f3c5 succeeded after 82 s, set 3 to 4, by ada@ci")


@pytest.mark.parametrize(
    ("status", "why"), [(500, "it answered 500"), (404, "it answered 404"), (302, "it answered 302")]
)
def test_one_that_does_not_take_it_is_a_warning_without_its_url(status: int, why: str) -> None:
    with Receiver(status).serving() as hook:
        assert tell(WELL, webhook=hook.url) == [f"The webhook was not told of this run: {why}."]
    assert len(hook.messages) == 1


def test_one_that_is_dead_is_a_warning_without_its_url() -> None:
    [warning] = tell(WELL, webhook="http://127.0.0.1:9/hook/s3cret")
    assert warning.startswith("The webhook was not told of this run: it gave no answer (")
    assert "s3cret" not in warning


@pytest.mark.parametrize("url", ["hooks.example.com/x", "file:///etc/passwd", "https://:80/hook"])
def test_what_is_no_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(TodoCloudError, match=r"announce\.webhook must be a URL") as caught:
        Announce.parse({"webhook": url})
    assert url not in caught.value.failure.message


def test_the_namespace_gets_an_event() -> None:
    kube = FakeKube()
    assert tell(LOST, kube, event=True) == []
    [event] = [item for key, item in kube.objects.items() if key[0] == "Event"]
    assert (event["type"], event["reason"], event["source"]) == (
        "Warning",
        "DeploymentRestored",
        {"component": "todo.cloud"},
    )
    assert "(crash_loop)" in event["message"]
    assert event["involvedObject"]["name"] == "release-events"


def test_prometheus_gets_a_metric_of_the_last_run() -> None:
    kube = Monitored()
    assert tell(WELL, kube, metric=True) == []
    [(namespace, name, body, content_type, force)] = kube.applied
    assert (namespace, name, content_type, force) == ("ns", "release-events", "application/apply-patch+yaml", True)
    rules = {rule["record"]: rule for rule in body["spec"]["groups"][0]["rules"]}
    assert rules["todo:run:timestamp_seconds"]["expr"] == "vector(1795341600.000)"
    assert rules["todo:run:duration_seconds"]["expr"] == "vector(82.400)"
    assert rules["todo:run:outage_seconds"]["labels"] == {
        "namespace": "ns", "environment": "staging", "run": "deployment", "outcome": "succeeded",
        "commit": "1f3c5a7" * 5, "set": "4", "code": "",
    }  # fmt: skip


def test_prometheus_gets_all_runs_that_are_kept() -> None:
    kube = Monitored()
    kept = [
        replace(WELL, time="2026-11-22T12:00:00Z", lead_seconds=90.0),
        LOST,
        replace(LOST, run="scaling", time="no"),
    ]
    announcement = Announcement(kube, "ns", "staging", kept[0], kept)
    assert list(announcement.make(Announce(metric=True))) == []
    rules = kube.applied[0][2]["spec"]["groups"][1]["rules"]
    told = [(rule["record"], rule["expr"], rule["labels"].get("failed", "")) for rule in rules]
    assert told == [
        ("todo:runs:since_seconds", "vector(0.000)", ""),
        ("todo:runs:began_seconds", "vector(1795348800.000)", "false"),
        ("todo:runs:lead_seconds", "vector(90.000)", "false"),
        ("todo:runs:began_seconds", "vector(1795341600.000)", "true"),
        ("todo:runs:restore_seconds", "vector(82.400)", "true"),
        ("todo:runs:began_seconds", "vector(0.000)", "false"),
    ]
    began = [rule["labels"] for rule in rules if rule["record"] == "todo:runs:began_seconds"]
    assert len({tuple(each.items()) for each in began}) == 3, "each is a series of its own"
    assert began[0]["commit"] == "1f3c5a71f3c5"


def test_a_cluster_without_prometheus_is_no_warning_and_one_that_refuses_is() -> None:
    kube = Monitored()
    kube.refuses = NotFound("There is no such kind.", 404)
    assert tell(WELL, kube, metric=True) == []
    kube.refuses = Forbidden("No.", 403)
    assert tell(WELL, kube, metric=True) == ["This run is no metric: No."]


def test_a_run_tells_of_its_end_and_check_mode_does_not() -> None:
    with Receiver().serving() as hook:
        world = deployed()
        announce = Announce.parse({"webhook": hook.url, "event": True})
        world.apply({"components": C1}, {"api": A2}, announce=announce, check=True)
        assert hook.messages == []
        world.apply({"components": C1}, {"api": A2}, announce=announce)
        world.fails({"components": C1}, {"api": BAD}, announce=announce)
    assert [got["text"].split(" by ")[0].split(" after ")[0] for got in hook.messages] == [
        "staging: a test succeeded",
        "staging: a test restored",
    ]


def test_a_receiver_that_is_dead_fails_no_run() -> None:
    announce = Announce.parse({"webhook": "http://127.0.0.1:9/x"})
    report = deployed().apply({"components": C1}, {"api": A2}, announce=announce)
    assert any("The webhook was not told" in warning for warning in report.warnings)
