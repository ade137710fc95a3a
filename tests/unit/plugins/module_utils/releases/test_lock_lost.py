"""Whoever loses the lock writes nothing more: tried for every operation that takes it, and at each of its writes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    POD,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT
from ansible_collections.todo.cloud.plugins.module_utils.locking import lock as lock_module
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.records.record import WITHDRAWN
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import RollbackTarget, remember
from ansible_collections.todo.cloud.plugins.module_utils.releases.adopt import Adoption
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import Engine
from ansible_collections.todo.cloud.plugins.module_utils.releases.helm_release import HelmReleaseRun
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback
from ansible_collections.todo.cloud.plugins.module_utils.releases.rollback import Rollback
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure, Settings

from tests.support.fake_helm import FakeHelm, Object
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
WRITES = ("create", "replace", "patch", "delete")
SLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
WEBHOOK = WELL_KNOWN["admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"]


class Kube(FakeKube):
    """Counts writes, Helm's among them; at number ``theft`` somebody else takes the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.counting = False
        self.theft = 0
        self.written: list[str] = []
        self.unlocked: list[str] = []  # written while this run did not hold the lock
        self.helm = Helm(self)

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb in WRITES and resource.kind != LEASE.kind:
            self.note(f"{verb} {resource.kind} {name}")

    def note(self, write: str) -> None:
        """A write that reached the server."""
        if not self.counting:
            return
        self.written.append(write)
        lease = self.objects.get(("Lease", "ns", LOCK_NAME), {"spec": {}})
        if lease["spec"].get("holderIdentity") in (None, "somebody else"):
            self.unlocked.append(write)
        if len(self.written) == self.theft:
            self.put(LEASE, "ns", {**lease, "spec": {**lease["spec"], "holderIdentity": "somebody else"}})

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        """A pod that is deleted is made again, with what the injector gives it by now."""
        pod = self.objects.get((resource.kind, namespace, name))
        done = super().delete(resource, namespace, name, **options)
        if pod and resource is POD:
            owner = pod["metadata"]["ownerReferences"][0]["uid"]
            replica_set = next(o for o in self.objects.values() if o["metadata"].get("uid") == owner)
            self.helm.injecting = True
            self.helm.start_pod(replica_set, f"{name}-again")
        return done


class Helm(FakeHelm):
    """Its calls are writes too."""

    kube: Kube

    def before(self, verb: str, name: str) -> None:
        self.kube.note(f"helm {verb} {name}")


SETTINGS = Settings("staging", "ns", timeout=20, wait=WaitOptions(stability_seconds=0))


@dataclass
class World:
    """An environment with a component and a service, and what is done to it."""

    kube: Kube = field(default_factory=Kube)

    def __post_init__(self) -> None:
        self.helm = self.kube.helm
        self.kube.put(NAMESPACE, "", {"metadata": {"name": "kube-system"}})
        self.kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {ENVIRONMENT: "staging"}}})
        injector = {"metadata": {"name": "dapr-sidecar-injector"}, "status": {"readyReplicas": 1},
                    "spec": {"template": {"spec": {"containers": [{"image": "r/injector:1.14.0"}]}}}}  # fmt: skip
        self.kube.put(DEPLOYMENT, "dapr-system", injector)
        self.kube.put(SLICE, "dapr-system", {
            "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "dapr-sidecar-injector"}},
            "endpoints": [{"conditions": {"ready": True}}],
        })  # fmt: skip
        self.kube.put(WEBHOOK, "", {
            "metadata": {"name": "dapr-sidecar-injector"}, "webhooks": [{"clientConfig": {"caBundle": "x"}}],
        })  # fmt: skip

    def apply(self, *values: Object, **settings: Any) -> Any:
        """Component and service with these values, each in a wave of its own."""
        waves = [[spec(name, v)] for name, v in zip(("components", "api"), values, strict=True) if v]
        return Engine(self._run(**settings), waves).apply()

    def rollback(self) -> Any:
        return Rollback(self._run(), "verified", []).run()

    def image(self, image: str) -> Any:
        return ImageRollback(self._run(), ["api"], image).run()

    def adopt(self, *values: Object) -> Any:
        waves = [[spec(name, v)] for name, v in zip(("components", "api"), values, strict=True)]
        return Adoption(self._run(), waves).run()

    def present(self, values: Object) -> Any:
        return self._single().present(spec("api", values))

    def absent(self) -> Any:
        return self._single().absent("api")

    def _single(self) -> HelmReleaseRun:
        return HelmReleaseRun(self._run(environment=""))

    def _run(self, **settings: Any) -> Run:
        return Run(self.kube, self.helm, replace(SETTINGS, **settings), lambda line: None, "a test")


def spec(name: str, values: Object) -> ReleaseSpec:
    app_id = name if values.get("dapr") else ""
    raw = {"name": name, "namespace": "ns", "chart": CHART, "values": values, "app_id": app_id}
    return ReleaseSpec.parse(raw)


C1, C2 = {"component": "pubsub"}, {"component": "pubsub", "maps": ["new"]}
A1, A2, BAD = ({"image": f"r/api:{tag}", "dapr": True} for tag in ("v1", "v2", "bad"))
WITH_MAP = {**A1, "maps": ["old"]}


def install(world: World) -> None:
    world.apply(C1, A1)


def upgrade(world: World) -> None:
    world.apply(C2, A2)


def two_sets(world: World) -> None:
    install(world)
    upgrade(world)


def nothing(world: World) -> None:
    """An empty namespace."""


LEFT = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "left"}}'
OURS = {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}


def with_troubles(world: World) -> None:
    """A Helm call died over one release, the other's newest revision can't be read; a third is no longer wanted."""
    world.apply(C1, WITH_MAP)
    labels = {ENVIRONMENT: "staging"}
    store(world.kube, "api", 2, "failed", labels=labels, manifest=LEFT)
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "left", "annotations": OURS}})
    store(world.kube, "api", 3, "pending-upgrade", labels={**labels, "todo.cloud/inputs": "x"}, manifest="")
    store(world.kube, "components", 2, labels=labels, payload="garbage")
    store(world.kube, "unwanted", 1, labels=labels, manifest="")


def unreadable(world: World) -> None:
    world.present(A1)
    store(world.kube, "api", 2, payload="garbage")


def orphaned(world: World) -> None:
    """What a failed revision made, and no later one holds, was not removed yet."""
    world.present(A1)
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "left", "annotations": OURS}})
    good = world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]["metadata"]["labels"]
    labels = {key: value for key, value in good.items() if key.startswith("todo.cloud/")}
    store(world.kube, "api", 2, "failed", manifest=LEFT)
    store(world.kube, "api", 3, labels={**labels, "todo.cloud/revision": "3"}, manifest="")


def without_injector(world: World) -> None:
    world.helm.injecting = False


def pruned(world: World) -> None:
    """The first revisions are gone from Helm's history."""
    two_sets(world)
    for name in ("components", "api"):
        del world.kube.objects["Secret", "ns", f"sh.helm.release.v1.{name}.v1"]


def by_hand(world: World) -> None:
    for name, values in (("components", C1), ("api", A1)):
        world.helm.apply(ApplyRequest(name, "ns", CHART, values))
    world.kube.objects["Namespace", "", "ns"]["metadata"]["labels"] = {}


def killed_at_the_end(world: World) -> None:
    """A rollback that was killed after its record was written."""
    two_sets(world)
    world.rollback()
    remember(world.kube, "ns", RollbackTarget(1, (), (2,), "ada@ci"))
    del world.kube.objects["ConfigMap", "ns", "release-set-2"]["metadata"]["annotations"][WITHDRAWN]


Step = Callable[[World], Any]
# What was before, what is done, and a write that must be among those it makes.
OPERATIONS: dict[str, tuple[Step, Step, str]] = {
    "apply: first install": (nothing, install, "create ConfigMap release-set-1"),
    "apply: upgrade": (install, upgrade, "create ConfigMap release-set-2"),
    "apply: mends, removes": (
        with_troubles, lambda w: w.apply(C2, A2, prune=True, all_releases=("components", "api")),
        "delete ConfigMap left",
    ),
    "apply: the set goes back": (install, lambda w: w.apply(C2, BAD), "helm rollback components"),
    "apply: the release goes back": (
        install, lambda w: w.apply(C2, BAD, on_failure=OnFailure.RELEASE), "helm rollback api"
    ),
    "apply: a failed first install is removed": (
        nothing, lambda w: w.apply(C1, BAD, remove_failed_installs=True), "helm uninstall api"
    ),
    "apply: sidecars are repaired": (without_injector, install, "delete Pod api-32c2bf71-1"),
    "rollback": (two_sets, lambda w: w.rollback(), "helm rollback components"),
    "rollback: redeploys from the record": (pruned, lambda w: w.rollback(), "helm upgrade components"),
    "rollback: only its end": (killed_at_the_end, lambda w: w.rollback(), "patch ConfigMap release-set-2"),
    "rollback: to an image": (two_sets, lambda w: w.image("v1"), "patch ConfigMap release-set-2"),
    "adopt": (by_hand, lambda w: w.adopt(C1, A1), "create ConfigMap release-set-1"),
    "helm_release: install": (nothing, lambda w: w.present(A1), "helm upgrade api"),
    "helm_release: upgrade": (lambda w: w.present(WITH_MAP), lambda w: w.present(A2), "helm upgrade api"),
    "helm_release: mends": (with_troubles, lambda w: w.present(A2), "delete ConfigMap left"),
    "helm_release: removes orphans": (orphaned, lambda w: w.present(A1), "delete ConfigMap left"),
    "helm_release: absent": (lambda w: w.present(A1), lambda w: w.absent(), "helm uninstall api"),
    "helm_release: absent, unreadable": (unreadable, lambda w: w.absent(), "helm uninstall api"),
}  # fmt: skip
# The run itself ends with a failure, whatever the lock.
FAILS = {"apply: the set goes back", "apply: the release goes back", "apply: a failed first install is removed"}


@pytest.fixture(autouse=True)
def _overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every renewal of the lock is overdue: each time the lock is asked, it asks the server."""
    monkeypatch.setattr(lock_module, "lasting", itertools.count(1000.0, 1000.0).__next__)


@dataclass
class Ended:
    """How an operation ended. ``late``: what it wrote after the lock was lost."""

    written: list[str]
    late: list[str]
    error: TodoCloudError | None


def perform(operation: str, theft: int = 0) -> Ended:
    """In a world of its own; the lock is lost at the write of that number."""
    before, act, _ = OPERATIONS[operation]
    world = World()
    before(world)
    kube = world.kube
    kube.counting, kube.theft = True, theft
    caught = None
    try:
        act(world)
    except TodoCloudError as exc:
        caught = exc
    return Ended(kube.written, kube.unlocked, caught)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_written_after_the_lock_was_lost(operation: str) -> None:
    whole = perform(operation)
    assert bool(whole.error) == (operation in FAILS), whole.error
    assert OPERATIONS[operation][2] in whole.written
    assert whole.late == [], "written without the lock"
    for number in range(1, len(whole.written) + 1):
        ended = perform(operation, number)
        at = f"lost at {number}: {whole.written[number - 1]}"
        assert ended.late == [], at
        if number < len(whole.written):
            assert ended.error is not None, at
            assert ended.error.failure.code is Code.LOCK_LOST, at
            assert "is back" not in str(ended.error), at
