"""A run as a trace: which spans there are, inside of which, and how they ended. The receiver is a real one."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.records.announcement import Announce

from tests.support.fake_environment import A1, A2, BAD, C1, C2, CHART, World, deployed, two_sets
from tests.support.otlp_receiver import Receiver, Span, of_kind, receiving

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
JOB = {"service": "api", "command": ["check"], "chart": CHART}


@pytest.fixture(autouse=True)
def _of_the_chart_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The charts of these tests have another name."""
    name = "ansible_collections.todo.cloud.plugins.module_utils.deploy.verify_job.image_of_own"
    monkeypatch.setattr(name, lambda stored: stored.config["image"])


def wanted(receiver: Receiver, **more: Any) -> Announce:
    return Announce.parse({"trace_endpoint": receiver.url, **more})


def kind(span: Span) -> str:
    return str(span.attributes["todo.kind"])


def tree(spans: list[Span]) -> dict[str, list[str]]:
    """What is inside of each span, by its kind, in the order of time. It is so in time as well, but for pods, whose
    times are the API server's.
    """
    known = {span.id: span for span in spans}
    found: dict[str, list[str]] = {}
    for span in sorted(spans, key=lambda each: each.began):
        parent = known.get(span.parent)
        assert span.began <= span.ended
        if parent and kind(span) not in ("pod", "sidecar"):
            assert parent.began <= span.began
            assert span.ended <= parent.ended
            found.setdefault(kind(parent), []).append(kind(span))
    return found


def test_a_deployment_has_its_waves_helm_calls_waits_and_checks() -> None:
    world = deployed()
    with receiving() as receiver:
        world.apply(
            {"components": C2}, {"api": A2}, verify_job=JOB, commit="2222222bbbb",
            announce=wanted(receiver, trace_parent=PARENT),
        )  # fmt: skip
    root = next(span for span in receiver.spans if span.parent == PARENT[36:52])
    assert {span.trace for span in receiver.spans} == {PARENT[3:35]}
    found = tree(receiver.spans)
    assert found["run"] == ["plan", "lock", "wave", "wave", "job"]
    assert found["wave"][:2] == ["helm", "wait"]
    assert found["wave"].count("helm") == 2
    assert found["job"] == ["helm", "wait", "helm"]
    assert root.name == "run: a test of staging"
    told = {key: root.attributes[f"todo.{key}"] for key in ("outcome", "set", "set.before", "commit")}
    assert told == {"outcome": "succeeded", "set": 2, "set.before": 1, "commit": "2222222bbbb"}
    services = [span.attributes["todo.service"] for span in of_kind(receiver, "helm")]
    assert services == ["components", "api", "verify-job", "verify-job"]
    assert {span.code for span in receiver.spans} == {1}
    assert receiver.resource["deployment.environment.name"] == "staging"


def test_a_failure_and_what_was_taken_back_are_told_with_their_code() -> None:
    world = deployed()
    with receiving() as receiver:
        failed = world.fails({"components": C2}, {"api": BAD}, announce=wanted(receiver))
    found = tree(receiver.spans)
    (root,) = of_kind(receiver, "run")
    assert found["run"][-2:] == ["wave", "rollback"]
    assert "helm" in found["rollback"]
    assert "wait" in found["rollback"]
    code = failed.failure.code.value
    for span in (root, of_kind(receiver, "wave")[-1]):
        assert (span.code, span.attributes["todo.code"]) == (2, code)
    assert root.attributes["todo.outcome"] == "restored"
    assert [span.code for span in of_kind(receiver, "rollback")] == [1]
    assert root.message.startswith("api: container app")


def test_a_rollback_is_a_trace_of_its_own() -> None:
    world = two_sets()
    with receiving() as receiver:
        world.rollback(announce=wanted(receiver))
    found = tree(receiver.spans)
    assert found["run"] == ["lock", "rollback"]
    assert "wait" in found["rollback"]


def test_a_run_without_work_and_one_in_check_mode_send_none() -> None:
    world = deployed()
    with receiving() as receiver:
        world.apply({"components": C1}, {"api": A1}, announce=wanted(receiver))
        world.apply({"components": C2}, {"api": A2}, announce=wanted(receiver), check=True)
    assert receiver.bodies == []


def test_no_secret_is_in_it() -> None:
    world = deployed()
    with receiving() as receiver:
        secret = {**A2, "env": {"PASSWORD": "canary-7d1f"}}
        world.apply({"api": secret}, announce=wanted(receiver, trace_headers={"Authorization": "Bearer canary-7d1f"}))
    (body,) = receiver.bodies
    assert "canary-7d1f" not in body
    assert receiver.headers[0]["Authorization"] == "Bearer canary-7d1f"


def test_a_receiver_that_is_not_there_fails_no_run() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        report = World().apply({"api": A1}, announce=Announce.parse({"trace_endpoint": url}))
    assert report.set == 1
    found = [text for text in report.warnings if "trace" in text]
    assert found == ["The trace of this run was not taken by trace_endpoint: it gave no answer (URLError)."]


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(TodoCloudError, match=r"announce\.trace_endpoint must be a URL") as caught:
        Announce.parse({"trace_endpoint": "collector:4317"})
    assert caught.value.failure.code is Code.INVALID_INPUT
