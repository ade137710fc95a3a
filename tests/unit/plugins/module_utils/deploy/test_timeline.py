"""When a run did what: spans in the order of their starts, and the pods that it has started."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.timeline import Timeline
from ansible_collections.todo.cloud.plugins.module_utils.deploy.verification import Verifier
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import PodTimes

from tests.support.fake_environment import A1, A2, BAD, C1, C2, World, deployed


def test_spans_are_told_in_the_order_of_their_starts_and_an_error_is_a_failure() -> None:
    timeline = Timeline()
    with suppress(KeyError), timeline.span("wave", "1"):
        with timeline.span("helm", "api revision 2", "api"):
            pass
        raise KeyError
    with timeline.span("wait", "api") as span:
        span.outcome = "failed"
    found = timeline.as_result()
    assert [(each["kind"], each["outcome"]) for each in found] == [
        ("wave", "failed"),
        ("helm", "ok"),
        ("wait", "failed"),
    ]
    assert found[1]["release"] == "api"
    assert abs(found[0]["start"] - time.time()) < 60
    for _number in range(300):
        with timeline.span("wait", "x"):
            pass
    assert len(timeline.as_result()) == 200


def test_what_other_threads_do_is_a_part_of_what_the_run_does() -> None:
    timeline = Timeline()

    def release(name: str) -> None:
        with timeline.span("release", name), timeline.span("helm", name):
            pass

    with timeline.span("wave", "1") as wave, ThreadPoolExecutor(4) as pool:
        list(pool.map(release, map(str, range(20))))
    with suppress(TodoCloudError), timeline.span("bake", "") as bake:
        raise error(Code.REGRESSION, "slow")
    found = {(span.kind, span.name): span for span in timeline.spans}
    for name in map(str, range(20)):
        assert found["release", name].parent == wave.id
        assert found["helm", name].parent == found["release", name].id
    assert (wave.parent, bake.parent) == (timeline.root.id, timeline.root.id)
    assert bake.failure
    assert bake.failure.code is Code.REGRESSION


def test_pods_that_were_there_before_are_left_out_and_each_is_told_once() -> None:
    timeline, now, ahead = Timeline(), time.time(), 3600.0
    at = now + ahead
    old = PodTimes("api", "old", at - 60, at - 50)
    new = PodTimes("api", "new", at + 1, at + 5, (("daprd", at + 2),))
    timeline.pods([old, new], ahead)
    timeline.pods([new, PodTimes("api", "broken", at)], ahead)
    spans = {each["name"]: each for each in timeline.as_result()}
    assert set(spans) == {"new", "broken", "daprd of new"}
    assert spans["new"]["start"] == pytest.approx(now + 1, abs=0.1)
    assert (spans["new"]["seconds"], spans["daprd of new"]["seconds"]) == (4.0, 3.0)
    assert spans["broken"]["outcome"] == "failed"


def test_a_wait_tells_when_pods_were_made_and_ready_and_their_sidecars_started() -> None:
    world = deployed()
    for (kind, _namespace, _name), pod in world.kube.objects.items():
        if kind == "Pod":
            pod["metadata"]["creationTimestamp"] = "2026-11-30T10:00:00Z"
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-30T10:00:07Z"}
            pod["status"]["conditions"] = [ready]
            for status in pod["status"]["containerStatuses"]:
                status["state"] = {"running": {"startedAt": "2026-11-30T10:00:02Z"}}
    found = Verifier(world.run(), repair_sidecars=False).verify(["api"], {"api": "api"}, Deadline.after(20))
    assert found.verdict
    (pod_times,) = found.verdict.pods
    began = datetime(2026, 11, 30, 10, tzinfo=UTC).timestamp()
    assert (pod_times.release, pod_times.created, pod_times.ready) == ("api", began, began + 7)
    assert pod_times.sidecars == (("daprd", began + 2),)


def kinds(timeline: list[dict[str, str]]) -> list[str]:
    return [
        f"{each['kind']} {each['outcome']} {each['name']}"
        for each in timeline
        if each["kind"] in ("wave", "helm", "rollback")
    ]


def test_a_run_tells_its_waves_and_the_calls_of_helm() -> None:
    timeline = World().apply({"components": C1}, {"api": A1}).as_result()["timeline"]
    assert kinds(timeline) == [
        "wave ok wave 1 of 2", "helm ok components revision 1", "wave ok wave 2 of 2", "helm ok api revision 1",
    ]  # fmt: skip
    assert [each["kind"] for each in timeline][:2] == ["plan", "lock"]
    waits = [each for each in timeline if each["kind"] == "wait"]
    assert [each["release"] for each in waits] == ["components", "api"]


def test_a_run_that_failed_tells_how_it_went_back() -> None:
    world = deployed()
    timeline = world.fails({"components": C2}, {"api": BAD}).results["timeline"]
    assert kinds(timeline)[:4] == [
        "wave ok wave 1 of 2", "helm ok components revision 2", "wave failed wave 2 of 2", "helm ok api revision 2",
    ]  # fmt: skip
    assert kinds(timeline)[4] == "rollback ok back to what was verified"
    assert len(kinds(timeline)) == 7, "and Helm's rollbacks of both"


def test_a_run_that_changes_nothing_has_only_looked() -> None:
    timeline = deployed().apply({"components": C1}, {"api": A1}).as_result()["timeline"]
    assert [each["kind"] for each in timeline] == ["plan"]


def test_a_rollback_tells_where_it_went() -> None:
    world = deployed()
    world.apply({"components": C2}, {"api": A2})
    assert "rollback ok back to release set 1" in kinds(world.rollback().as_result()["timeline"])
