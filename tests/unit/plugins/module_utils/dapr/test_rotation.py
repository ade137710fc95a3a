"""A rotation of Dapr's certificates: each step, and what a kill at any write leaves for the next run."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.authority import signed_by, split
from ansible_collections.todo.cloud.plugins.module_utils.dapr.rotation import NEXT_KEY, Rotated, Rotation, State, _stamp
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import ISSUER, ISSUER_KEY, ROOT, TRUST_BUNDLE
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    SECRET,
    Resource,
)

from tests.support.dapr_authority import first_authority
from tests.support.fake_kube import FakeKube

DAPR, NAMESPACE = "dapr-system", "ns"
SOON, NOW_DUE = 60, 400


class Killed(BaseException):
    """The run ends here."""


class Cluster(FakeKube):
    """Dapr with one part of a control plane and apps whose pods get what the ConfigMap says when they are made.

    ``writes_left``: the run is killed before the write after these.
    """

    def __init__(self, apps: dict[str, str]) -> None:
        super().__init__()
        self.now = datetime.now(UTC).timestamp()
        self.writes_left = 1000
        issuer, key, root = first_authority()
        self.bundle = {ROOT: root, ISSUER: issuer, ISSUER_KEY: key}
        self.put(CONFIG_MAP, DAPR, {"metadata": {"name": TRUST_BUNDLE}, "data": {ROOT: root}})
        data = {name: base64.b64encode(text.encode()).decode() for name, text in self.bundle.items()}
        self.put(SECRET, DAPR, {"metadata": {"name": TRUST_BUNDLE}, "data": data})
        self._workload(DAPR, "dapr-sentry", "", sidecar=False)
        for app, namespace in apps.items():
            self._workload(namespace, app, app, sidecar=True)
        self.restarted: list[str] = []

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb not in ("get", "list", "try"):
            if not self.writes_left:
                raise Killed
            self.writes_left -= 1

    def list_(self, resource: Resource, namespace: str = "", **options: Any) -> tuple[list[dict[str, Any]], str]:
        if resource is POD and not namespace:
            places = sorted({where for kind, where, _name in self.objects if kind == "Pod"})
            return [pod for where in places for pod in super(Cluster, self).list_(POD, where, **options)[0]], "1"
        return super().list_(resource, namespace, **options)

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **options: Any) -> dict[str, Any]:
        done = super().patch(resource, namespace, name, body, **options)
        if resource is DEPLOYMENT:
            self.restarted.append(name)
            self.restart(namespace, name)
        return done

    def _workload(self, namespace: str, name: str, release: str, *, sidecar: bool) -> None:
        marks = {"app": name, **({"dapr.io/sidecar-injected": "true"} if sidecar else {})}
        template = {"metadata": {"labels": marks, "annotations": {"dapr.io/enabled": "true"} if sidecar else {}},
                    "spec": {"containers": [{"name": "app", "image": "r/a:1"}]}}  # fmt: skip
        self.put(DEPLOYMENT, namespace, {
            "metadata": {
                "name": name, "uid": f"u-{name}", "generation": 1, "labels": {"app.kubernetes.io/part-of": "dapr"},
                "annotations": {"meta.helm.sh/release-name": release},
            },
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
            "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1,
                       "availableReplicas": 1},
        })  # fmt: skip
        self.put(REPLICA_SET, namespace, {
            "metadata": {"name": f"{name}-1", "uid": f"r-{name}", "labels": marks,
                         "annotations": {"deployment.kubernetes.io/revision": "1"},
                         "ownerReferences": [{"kind": "Deployment", "name": name, "uid": f"u-{name}",
                                              "controller": True}]},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
            "status": {"replicas": 1, "readyReplicas": 1, "observedGeneration": 1},
        })  # fmt: skip
        self.restart(namespace, name)

    def restart(self, namespace: str, name: str) -> None:
        """Its pod is made again, now."""
        self.now += 2
        template = self.objects["Deployment", namespace, name]["spec"]["template"]
        roots = self.objects["ConfigMap", DAPR, TRUST_BUNDLE]["data"][ROOT]
        daprd = {"name": "daprd", "image": "r/daprd:1.18.2", "env": [{"name": "DAPR_TRUST_ANCHORS", "value": roots}]}
        sidecar = "dapr.io/sidecar-injected" in template["metadata"]["labels"]
        containers = [*template["spec"]["containers"], *([daprd] if sidecar else [])]
        self.put(POD, namespace, {
            "metadata": {**template["metadata"], "name": f"{name}-pod", "creationTimestamp": _stamp(self.now),
                         "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-1", "uid": f"r-{name}",
                                              "controller": True}]},
            "spec": {"containers": containers},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                       "containerStatuses": [{"name": each["name"], "ready": True, "restartCount": 0,
                                              "state": {"running": {}}} for each in containers]},
        })  # fmt: skip

    def stored(self) -> dict[str, str]:
        data = self.objects["Secret", DAPR, TRUST_BUNDLE]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def step(self, below: int = 0, **options: Any) -> Rotated:
        def pause(seconds: float) -> None:
            self.now += seconds

        given: dict[str, Any] = {"manage": True, "check": False, **options}
        rotation = Rotation(
            self,
            NAMESPACE,
            DAPR,
            ["api", "web"],
            wait=lambda targets: None,
            progress=lambda line: None,
            pause=pause,
            **given,
        )
        return rotation.step(below)

    def rotate(self, below: int) -> list[State]:
        """As the playbook does it."""
        states = []
        for days in (below, 0, 0):
            done = self.step(days)
            states.append(done.state)
            for release in done.restart:
                self.restart(NAMESPACE, release)
        return states


def cluster() -> Cluster:
    return Cluster({"web": NAMESPACE, "api": NAMESPACE})


def test_a_rotation_from_its_begin_to_its_end() -> None:
    kube = cluster()
    old = kube.bundle

    begun = kube.step(NOW_DUE)
    assert (begun.state, begun.restart, begun.others, begun.changed) == (State.INTRODUCED, ["api", "web"], [], True)
    now = kube.stored()
    assert split(now[ROOT])[0] == old[ROOT]
    assert len(split(now[ROOT])) == 2
    assert now[ISSUER] == old[ISSUER], "nobody trusts the new one yet"
    assert kube.objects["ConfigMap", DAPR, TRUST_BUNDLE]["data"][ROOT] == now[ROOT]
    assert kube.restarted == ["dapr-sentry"]
    assert all(now[NEXT_KEY].strip() not in text for text in begun.lines)

    kube.restart(NAMESPACE, "api")
    assert kube.step().restart == ["web"], "a run that was killed amid the restarts does the rest"
    kube.restart(NAMESPACE, "web")

    switched = kube.step()
    assert (switched.state, switched.restart) == (State.SWITCHED, ["api", "web"])
    assert kube.restarted == ["dapr-sentry"] * 2
    after = kube.stored()
    assert (after[ROOT], NEXT_KEY in after) == (now[ROOT], False)
    assert signed_by(after[ISSUER], split(after[ROOT])) == split(now[ROOT])[1:]
    kube.restart(NAMESPACE, "api")
    kube.restart(NAMESPACE, "web")

    done = kube.step()
    assert (done.state, done.restart, done.changed) == (State.SETTLED, [], True)
    assert kube.stored()[ROOT] == split(now[ROOT])[1]
    assert kube.objects["ConfigMap", DAPR, TRUST_BUNDLE]["data"][ROOT] == kube.stored()[ROOT]

    kube.writes.clear()
    assert not kube.step(SOON).changed
    assert kube.writes == []


def test_nothing_begins_while_enough_days_are_left() -> None:
    kube = cluster()
    done = kube.step(SOON)
    assert (done.state, done.changed, kube.writes) == (State.SETTLED, False, [])
    assert done.lines == ["Dapr's certificates: 364 days; they are renewed when fewer than 60 are left"]


def test_check_mode_says_what_would_begin() -> None:
    kube = cluster()
    done = kube.step(NOW_DUE, check=True)
    assert (done.changed, done.restart, kube.writes) == (True, ["api", "web"], [])


@pytest.mark.parametrize("writes", range(12))
def test_a_run_that_is_killed_before_any_write_is_continued(writes: int) -> None:
    kube = cluster()
    kube.writes_left = writes
    try:
        kube.rotate(NOW_DUE)
    except Killed:
        secret, public = kube.stored()[ROOT], kube.objects["ConfigMap", DAPR, TRUST_BUNDLE]["data"][ROOT]
        # What every pod trusts signs, whoever starts now.
        assert signed_by(kube.stored()[ISSUER], [root for root in split(secret) if root in split(public)])
    kube.writes_left = 1000
    while kube.rotate(SOON)[-1] is not State.SETTLED:
        pass
    if len(kube.stored()) > 3 or kube.stored()[ROOT] == kube.bundle[ROOT]:  # killed before it had begun
        assert kube.rotate(NOW_DUE)[-1] is State.SETTLED
    end = kube.stored()
    assert end.keys() == {ROOT, ISSUER, ISSUER_KEY}
    assert end[ROOT] != kube.bundle[ROOT]
    assert signed_by(end[ISSUER], split(end[ROOT])) == [end[ROOT]]
    assert kube.objects["ConfigMap", DAPR, TRUST_BUNDLE]["data"][ROOT] == end[ROOT]


def test_pods_of_others_are_waited_for() -> None:
    kube = Cluster({"api": NAMESPACE, "web": NAMESPACE, "else": "elsewhere"})
    kube.step(NOW_DUE)
    for release in ("api", "web"):
        kube.restart(NAMESPACE, release)
    waiting = kube.step()
    assert (waiting.state, waiting.restart) == (State.INTRODUCED, [])
    assert waiting.others == ["else-pod in namespace elsewhere"]
    kube.restart("elsewhere", "else")
    assert kube.step().state is State.SWITCHED


def test_an_environment_that_does_not_manage_dapr_restarts_its_own_services_alone() -> None:
    kube = Cluster({"api": NAMESPACE, "else": "elsewhere"})
    assert kube.step(NOW_DUE, manage=False).restart == []
    kube.step(NOW_DUE)
    kube.writes.clear()
    asked = kube.step(NOW_DUE, manage=False)
    assert (asked.state, asked.restart, asked.others, kube.writes) == (State.INTRODUCED, ["api"], [], [])
    for namespace, name in ((NAMESPACE, "api"), ("elsewhere", "else")):
        kube.restart(namespace, name)
    assert kube.step(manage=False).restart == []
    kube.step()
    asked = kube.step(manage=False)
    assert (asked.state, asked.restart) == (State.SWITCHED, ["api"])


def test_roots_of_somebody_else_are_not_removed() -> None:
    kube = cluster()
    root = kube.bundle[ROOT] + first_authority(elliptic=True)[2]
    kube.patch(CONFIG_MAP, DAPR, TRUST_BUNDLE, {"data": {ROOT: root}})
    kube.patch(SECRET, DAPR, TRUST_BUNDLE, {"data": {ROOT: base64.b64encode(root.encode()).decode()}})
    with pytest.raises(TodoCloudError) as caught:
        kube.step(NOW_DUE)
    assert caught.value.failure.code is Code.DAPR_TRUST
    assert "holds 2 roots" in caught.value.failure.message
    assert kube.step(SOON).state is State.SETTLED


def test_without_a_bundle_nothing_is_made() -> None:
    kube = cluster()
    kube.patch(SECRET, DAPR, TRUST_BUNDLE, {"data": {ISSUER_KEY: None}})
    with pytest.raises(TodoCloudError) as caught:
        kube.step(NOW_DUE)
    assert "has no issuer.key" in caught.value.failure.message
