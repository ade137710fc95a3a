"""Orphans of failed revisions are removed; what is somebody's, holds data or is to be kept stays."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.orphans import LEFT, remove_orphans, with_orphans
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, Revision
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, PVC, Resource

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

OURS = {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        ((), []),
        (("deployed",), []),
        (("failed",), []),
        (("deployed", "failed"), []),
        (("superseded", "failed", "failed", "deployed"), [2, 3]),
        (("failed", "superseded", "failed", "deployed"), [1, 3]),
    ],
)
def test_failed_revisions_that_nobody_looked_after(statuses: tuple[str, ...], left: list[int]) -> None:
    history = [Revision("api", "ns", n, ReleaseStatus(s)) for n, s in enumerate(statuses, 1)]
    assert [r.revision for r in with_orphans(history)] == left


@pytest.mark.parametrize(
    ("status", "label", "left"),
    [
        ("failed", "", True),
        ("failed", "nothing-1", False),
        ("failed", "nothing-7", True),  # another revision's, handed on by Helm
        ("superseded", "maybe-1", True),  # a rollback that failed made Helm call it so
        ("superseded", "maybe-7", False),
        ("superseded", "nothing-1", False),
    ],
)
def test_a_label_counts_for_its_own_revision(status: str, label: str, left: bool) -> None:
    first = Revision("api", "ns", 1, ReleaseStatus(status), labels={LEFT: label} if label else {})
    assert bool(with_orphans([first, Revision("api", "ns", 2, ReleaseStatus.DEPLOYED)])) is left


def manifest(*names: str, kind: str = "ConfigMap") -> str:
    return "---\n".join(f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n" for name in names)


def world(resource: Resource = CONFIG_MAP, **annotations: Any) -> FakeKube:
    """Revision 1 good, 2 failed with one object more, 3 good again."""
    kube = FakeKube()
    store(kube, revision=1, status="superseded", manifest=manifest("a", kind=resource.kind))
    store(kube, revision=2, status="failed", manifest=manifest("a", "left", kind=resource.kind))
    store(kube, revision=3, manifest=manifest("a", kind=resource.kind))
    for name in ("a", "left"):
        kube.put(resource, "ns", {"metadata": {"name": name, "annotations": annotations or OURS}})
    return kube


def sweep(kube: FakeKube) -> list[str]:
    revisions = HelmReader(kube, "ns").history("api")
    return remove_orphans(kube, HelmReader(kube, "ns"), "api", revisions)


def test_only_what_no_later_manifest_holds_goes() -> None:
    kube = world()
    assert sweep(kube) == ["ConfigMap left"]
    assert sweep(kube) == []
    assert kube.find(CONFIG_MAP, "ns", "a")
    again = with_orphans(HelmReader(kube, "ns").history("api"))
    assert again == [], "marked: not looked after again"


def test_what_only_the_good_revision_before_a_failed_rollback_held_goes() -> None:
    kube = world()
    store(kube, revision=1, status="superseded", manifest=manifest("a", "left"))
    store(kube, revision=2, status="failed", manifest=manifest("a"))
    assert sweep(kube) == ["ConfigMap left"]


@pytest.mark.parametrize(
    "annotations",
    [
        {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "ns"},
        {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "elsewhere"},
        {"somebody": "else"},
        {**OURS, "helm.sh/resource-policy": "keep"},
    ],
)
def test_what_is_not_this_releases_or_is_to_be_kept_stays(annotations: dict[str, Any]) -> None:
    assert sweep(world(**annotations)) == []


def test_what_holds_data_stays() -> None:
    assert sweep(world(PVC)) == []


def test_without_the_newest_manifest_nothing_goes() -> None:
    kube = world()
    store(kube, revision=3, payload="garbage")
    assert sweep(kube) == []


def test_an_object_in_another_version_of_its_group_is_the_same() -> None:
    kube, version = FakeKube(), "apiVersion: autoscaling/v{}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: a}}\n"
    store(kube, revision=1, status="failed", manifest=version.format("2beta2"))
    store(kube, revision=2, manifest=version.format(2))
    storage = HelmReader(kube, "ns")
    assert remove_orphans(kube, storage, "api", storage.history("api")) == []
    assert not [write for write in kube.writes if write[0] == "delete"]


def test_an_orphan_whose_kind_is_gone_is_gone_too() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="failed", manifest="apiVersion: x.io/v1\nkind: Widget\nmetadata: {name: w}\n")
    store(kube, revision=2, manifest=manifest("a"))
    storage = HelmReader(kube, "ns")
    assert remove_orphans(kube, storage, "api", storage.history("api")) == []
    assert with_orphans(storage.history("api")) == []
