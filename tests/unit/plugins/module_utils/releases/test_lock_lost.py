"""Whoever loses the lock writes nothing more: tried for every operation that takes it, and at each of its writes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    LEASE,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT, RELEASE_EVENTS
from ansible_collections.todo.cloud.plugins.module_utils.locking import lock as lock_module
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME
from ansible_collections.todo.cloud.plugins.module_utils.records.record import WITHDRAWN
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import RollbackTarget, remember
from ansible_collections.todo.cloud.plugins.module_utils.releases.helm_release import HelmReleaseRun
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A1, A2, BAD, C1, C2, Cluster, World, spec
from tests.support.fake_helm import FakeHelm, Object
from tests.support.stored_releases import store

WRITES = ("create", "replace", "patch", "delete")


class Kube(Cluster):
    """Counts writes, Helm's among them; at number ``theft`` somebody else takes the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.counting = False
        self.theft = 0
        self.written: list[str] = []
        self.unlocked: list[str] = []  # written while this run did not hold the lock
        self.helm = Helm(self)

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb in WRITES and resource.kind != LEASE.kind and name != RELEASE_EVENTS:  # what failed is kept as well
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


class Helm(FakeHelm):
    """Its calls are writes too."""

    kube: Kube

    def before(self, verb: str, name: str) -> None:
        self.kube.note(f"helm {verb} {name}")


def apply(world: World, *values: Object, **settings: Any) -> Any:
    """Component and service with these values, each in a wave of its own."""
    return world.apply(*waves(*values), **settings)


def waves(*values: Object) -> list[dict[str, Object]]:
    return [{name: given} for name, given in zip(("components", "api"), values, strict=True)]


def single(world: World) -> HelmReleaseRun:
    return HelmReleaseRun(world.run(environment=""))


def present(world: World, values: Object) -> Any:
    return single(world).present(spec("api", values))


WITH_MAP = {**A1, "maps": ["old"]}


def install(world: World) -> None:
    apply(world, C1, A1)


def upgrade(world: World) -> None:
    apply(world, C2, A2)


def two_sets(world: World) -> None:
    install(world)
    upgrade(world)


def nothing(world: World) -> None:
    """An empty namespace."""


LEFT = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "left"}}'
OURS = {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}


def with_troubles(world: World) -> None:
    """A Helm call died over one release, the other's newest revision can't be read; a third is no longer wanted."""
    apply(world, C1, WITH_MAP)
    labels = {ENVIRONMENT: "staging"}
    store(world.kube, "api", 2, "failed", labels=labels, manifest=LEFT)
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "left", "annotations": OURS}})
    store(world.kube, "api", 3, "pending-upgrade", labels={**labels, "todo.cloud/inputs": "x"}, manifest="")
    store(world.kube, "components", 2, labels=labels, payload="garbage")
    store(world.kube, "unwanted", 1, labels=labels, manifest="")


def unreadable(world: World) -> None:
    present(world, A1)
    store(world.kube, "api", 2, payload="garbage")


def orphaned(world: World) -> None:
    """What a failed revision made, and no later one holds, was not removed yet."""
    present(world, A1)
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


def manually(world: World) -> None:
    for name, values in (("components", C1), ("api", A1)):
        world.manual(name, values)
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
        with_troubles, lambda w: apply(w, C2, A2, prune=True, all_releases=("components", "api")),
        "delete ConfigMap left",
    ),
    "apply: the set goes back": (install, lambda w: apply(w, C2, BAD), "helm rollback components"),
    "apply: the release goes back": (
        install, lambda w: apply(w, C2, BAD, on_failure=OnFailure.RELEASE), "helm rollback api"
    ),
    "apply: a failed first install is removed": (
        nothing, lambda w: apply(w, C1, BAD, remove_failed_installs=True), "helm uninstall api"
    ),
    "apply: sidecars are repaired": (without_injector, install, "delete Pod api-bfd1f0f3-1"),
    "rollback": (two_sets, lambda w: w.rollback(), "helm rollback components"),
    "rollback: redeploys from the record": (pruned, lambda w: w.rollback(), "helm upgrade components"),
    "rollback: only its end": (killed_at_the_end, lambda w: w.rollback(), "patch ConfigMap release-set-2"),
    "rollback: to an image": (
        two_sets, lambda w: ImageRollback(w.run(), ["api"], "v1.0.0").run(), "patch ConfigMap release-set-2"
    ),
    "adopt": (manually, lambda w: w.adopt(*waves(C1, A1)), "create ConfigMap release-set-1"),
    "helm_release: install": (nothing, lambda w: present(w, A1), "helm upgrade api"),
    "helm_release: upgrade": (lambda w: present(w, WITH_MAP), lambda w: present(w, A2), "helm upgrade api"),
    "helm_release: mends": (with_troubles, lambda w: present(w, A2), "delete ConfigMap left"),
    "helm_release: removes orphans": (orphaned, lambda w: present(w, A1), "delete ConfigMap left"),
    "helm_release: absent": (lambda w: present(w, A1), lambda w: single(w).absent("api"), "helm uninstall api"),
    "helm_release: absent, unreadable": (unreadable, lambda w: single(w).absent("api"), "helm uninstall api"),
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
    kube = Kube()
    world = World(kube)
    before(world)
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
