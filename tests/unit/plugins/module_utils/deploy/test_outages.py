"""A wave that fails because something else is down: it is waited for, named, and nothing goes back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.down import Down
from ansible_collections.todo.cloud.plugins.module_utils.deploy import back_off, outages
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun
from ansible_collections.todo.cloud.plugins.module_utils.deploy.verification import Verification
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SERVICE, Resource

from tests.support.fake_environment import A1, BAD, C1, SLICE, Cluster, World, outcomes


class Logging(Cluster):
    """Its containers say that they can't reach db. ``back_after``: looks at db's endpoints until it is ready again."""

    back_after = 1000
    line = "connect to db:5432: connection refused"

    def logs(self, namespace: str, pod: str, container: str, **_: Any) -> str:
        return self.line

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        """The pod that is made then is ready."""
        done = super().delete(resource, namespace, name, **options)
        self.objects["Deployment", "ns", "other"]["status"]["availableReplicas"] = 1
        return done

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "list" and resource.kind == "EndpointSlice":
            self.back_after -= 1
            if self.back_after == 0:
                database(self, ready=True)


def database(kube: Cluster, *, ready: bool) -> None:
    kube.put(SERVICE, "ns", {"metadata": {"name": "db"}, "spec": {"selector": {"app": "db"}}})
    labels = {"kubernetes.io/service-name": "db"}
    endpoints = [{"conditions": {"ready": ready}}]
    kube.put(SLICE, "ns", {"metadata": {"name": "db-1", "labels": labels}, "endpoints": endpoints})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A set was verified; then the database went away."""
    monkeypatch.setattr(outages.Outages.__init__, "__defaults__", (0.05,))
    found = World(Logging())
    found.apply({"components": C1}, {"api": A1})
    database(found.kube, ready=False)
    return found


def test_nothing_goes_back_for_something_that_is_down(world: World) -> None:
    caught = world.fails({"api": BAD}, timeout=3)
    assert caught.failure.code is Code.DEPENDENCY_DOWN
    assert "db:5432" in caught.failure.details["dependency"]
    assert caught.failure.details["cause"]["code"] == "crash_loop"
    assert outcomes(caught.results) == {"api": "failed"}
    assert world.helm.commands[-1] == "upgrade api"


@pytest.mark.parametrize(
    ("said", "told"), [("Dapr's injector", "that Dapr's injector"), ("The Job failed", "that the Job failed")]
)
def test_names_keep_their_capital_amid_the_sentence(said: str, told: str) -> None:
    assert told in outages._blamed(Failure(Code.INJECTOR_DOWN, said), Down("db:5432", "no")).message


def test_what_comes_back_in_time_lets_the_run_go_on(world: World) -> None:
    assert isinstance(world.kube, Logging)
    world.kube.back_after = 3
    report = world.apply({"other": BAD}, timeout=20)
    assert outcomes(report.as_result()) == {"other": "verified"}
    assert report.set == 2
    assert any("is back" in line for line in world.lines)
    assert any("back-off" in line for line in world.lines)


def test_a_release_that_fails_by_itself_goes_back_as_ever(world: World) -> None:
    assert isinstance(world.kube, Logging)
    world.kube.line = "ValueError: no"
    caught = world.fails({"api": BAD}, timeout=20)
    assert caught.failure.code is Code.CRASH_LOOP
    assert world.helm.commands[-1] == "rollback api"


def test_what_the_old_pods_suffer_from_too_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no name, but it may end; pods that run are left to run, since nothing says that it has."""
    monkeypatch.setattr(outages.Outages.__init__, "__defaults__", (0.05,))
    monkeypatch.setattr(back_off, "_NOTICE_SECONDS", 0.0)
    world = World(Logging())
    world.apply({"components": C1}, {"api": A1})
    (pod,) = (item for key, item in world.kube.objects.items() if key[0] == "Pod")
    pod["status"]["conditions"][0] |= {"status": "False", "lastTransitionTime": "1970-01-11T00:00:00Z"}
    pod["status"]["containerStatuses"][0]["ready"] = False
    held = world.fails({"api": BAD}, timeout=3)
    assert (held.failure.code, world.helm.commands[-1]) == (Code.DEPENDENCY_DOWN, "upgrade api")
    assert any("what the old pods need too" in line and "waiting" in line for line in world.lines)
    assert not any("is not ready yet" in line for line in world.lines)


def test_a_job_that_failed_while_something_was_down_is_not_blamed_for_it(world: World) -> None:
    """It does not run again by itself: once the database is back, the run ends, and nothing goes back."""
    assert isinstance(world.kube, Logging)
    world.kube.back_after = 3
    answers = [Failure(Code.JOB_FAILED, "api: the Job failed.", {"log_tail": [world.kube.line]})] * 2

    class Failing:
        def verify(self, *_: Any) -> Verification:
            return Verification({"api": answers.pop()})

    run = world.run()
    verifier = outages.Outages(LockedRun(run, always_allowed), Failing(), run.look(), 0.01)  # type: ignore[arg-type]  # a verifier
    found = verifier.verify(["api"], {}, Deadline.after(20))
    assert found.failures["api"].code is Code.DEPENDENCY_DOWN
    assert (answers, found.failures["api"].details["cause"]["code"]) == ([], "job_failed")


def test_whether_a_registry_is_back_is_for_the_next_pull_to_tell(world: World) -> None:
    pull = 'Failed to pull image "ghcr.io/a/b:1": dial tcp 1.2.3.4:443: connection refused'
    answers = [
        Verification(),
        *[Verification({"api": Failure(Code.IMAGE_PULL, "api: no.", {"api_message": pull})})] * 3,
    ]

    class Pulling:
        def verify(self, *_: Any) -> Verification:
            return answers.pop()

    run = world.run()
    verifier = outages.Outages(LockedRun(run, always_allowed), Pulling(), run.look(), 0.01)  # type: ignore[arg-type]  # a verifier
    assert verifier.verify(["api"], {}, Deadline.after(20)).ok
    assert answers == []


@pytest.mark.parametrize(
    ("line", "looks"), [("dial tcp: connect to dapr-sentry:443: connection refused", 2), ("SASL failed", 1)]
)
def test_a_sidecar_that_ended_during_a_short_outage_is_started_once_more(world: World, line: str, looks: int) -> None:
    """When it is asked about, everything is up again."""
    details = {"log_tail": [line], "container_role": "sidecar"}
    answers = [Verification({"api": Failure(Code.CRASH_LOOP, "api: no.", details)})] * 3

    class Ending:
        def verify(self, *_: Any) -> Verification:
            return answers.pop()

    run = world.run()
    verifier = outages.Outages(LockedRun(run, always_allowed), Ending(), run.look(), 0.01)  # type: ignore[arg-type]  # a verifier
    assert verifier.verify(["api"], {}, Deadline.after(20)).failures["api"].code is Code.CRASH_LOOP
    assert 3 - len(answers) == looks
