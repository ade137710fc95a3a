"""Restart and scale of one service: what is written, what the record says, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, Resource
from ansible_collections.todo.cloud.plugins.module_utils.releases.adjust import RESTARTED_AT, Adjusted, Adjustment
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.schemas import check_result
from tests.support.fake_environment import A1, A2, BAD, C1, Cluster, World, deployed
from tests.support.stored_releases import store

KNOWN = ["api", "components"]


class Rolling(Cluster):
    """A Deployment whose pods change with its template."""

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **options: Any) -> Any:
        done = super().patch(resource, namespace, name, body, **options)
        if resource is DEPLOYMENT and RESTARTED_AT in str(body):
            self.helm._roll(self.objects["Deployment", namespace, name])
        return done


def adjust(world: World, service: str = "api", replicas: int | None = None, **settings: Any) -> Adjusted:
    adjustment = Adjustment(world.run(**settings), service, KNOWN)
    done = adjustment.restart() if replicas is None else adjustment.scale(replicas)
    check_result("release_adjust", done.as_result())
    return done


def refused(world: World, **given: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        adjust(world, **given)
    assert world.writes() == []
    return str(caught.value.failure.message)


@pytest.fixture
def own() -> World:
    """A verified service of the chart ``service``."""
    return deployed()


def test_a_restart_is_an_annotation_and_the_set_stays() -> None:
    world = World(kube=Rolling())
    world.apply({"components": C1}, {"api": A1})
    done = adjust(world.forget())
    assert (done.workloads, done.set, world.writes()) == (["api"], 1, ["patch Deployment api"])
    template = world.kube.objects["Deployment", "ns", "api"]["spec"]["template"]
    assert RESTARTED_AT in template["metadata"]["annotations"]
    report = world.apply({"components": C1}, {"api": A1}, drift=OnDrift.REPORT)
    assert (report.changed, report.warnings) == (False, [])


def test_a_restart_that_leaves_it_broken_is_a_failure() -> None:
    world = World(kube=Rolling())
    world.fails({"api": BAD})
    with pytest.raises(TodoCloudError, match=r"^After the restart: ") as caught:
        adjust(world)
    assert caught.value.failure.code is Code.CRASH_LOOP


def test_another_number_of_pods_is_a_verified_set_and_the_plan_says_what_comes_next(own: World) -> None:
    done = adjust(own, replicas=4)
    assert (done.replicas, done.set, done.changed) == ((1, 4), 2, True)
    assert own.record(2).members["api"].values == {**A1, "replicas": 4}
    assert done.notes[0].endswith("to keep them, set `scale: 4` in its entry.")
    plan = own.apply({"components": C1}, {"api": {**A1, "replicas": 2}}, check=True).plan
    assert [item.why for item in plan] == ["", "replicas 4 -> 2"]
    assert not adjust(own, replicas=4).changed, "a second time nothing changes"


def test_check_mode_writes_nothing(own: World) -> None:
    assert adjust(own, check=True).workloads == ["api"]
    assert adjust(own, replicas=3, check=True).replicas == (1, 3)
    assert own.writes() == []


def test_what_was_not_verified_is_not_scaled(own: World) -> None:
    store(own.kube, "api", 2, config=A2)
    assert "revision 2 is deployed and was not verified" in refused(own, replicas=2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "CronJob"}, "api is a CronJob: there is no number of pods to change."),
        ({"autoscaling": {"enabled": True}}, "api is scaled by an autoscaler, which would undo it"),
    ],
)
def test_what_has_no_number_of_pods(own: World, config: dict[str, Any], message: str) -> None:
    store(own.kube, "api", 2, config={"image": "r/api:v1", **config})
    assert refused(own, replicas=2).startswith(message)


def test_what_is_refused() -> None:
    assert "only for services of the chart 'service'" in refused(deployed(), service="components", replicas=2)
    assert "replicas is 101" in refused(deployed(), replicas=101)
    assert "did you mean 'api'?" in refused(deployed(), service="aapi")
    assert "components has no pods that stay" in refused(deployed(), service="components")


def test_a_restart_leaves_workloads_of_other_namespaces_alone(own: World) -> None:
    """What Helm stores may be forged by whoever may write Secrets."""
    elsewhere = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "production"}}
    store(own.kube, "api", 2, config=A2, manifest=json.dumps(elsewhere))
    assert "'Deployment api' is in namespace 'production'" in refused(own)


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ({}, "release set 1 is not signed and would bring 'ClusterRoleBinding admin'"),
        (
            {"local": False, "chart": "oci://evil.example/x", "chart_version": "1.0.0"},
            "names the chart 'oci://evil.example/x'",
        ),
    ],
)
def test_a_forged_record_brings_no_more_by_scale_than_by_a_rollback(
    own: World, forged: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the revision that is deployed, and another chart or other values."""
    record = own.record(1)
    members = {**record.members, "api": replace(record.members["api"], **forged)}
    del own.kube.objects["ConfigMap", "ns", "release-set-1"]
    own.run().records.write(replace(record, members=members, charts={} if forged else record.charts))
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "admin"},
    }  # fmt: skip
    monkeypatch.setattr(own.helm, "render", lambda request: Rendered(json.dumps(binding)))
    assert words in refused(own.forget(), replicas=2)
