"""What failed revisions left behind goes; what is somebody's, holds data or is to be kept stays."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import ReleaseStatus, Revision
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, PVC, Resource
from ansible_collections.todo.cloud.plugins.module_utils.releases.orphans import failed_since_good, remove_orphans

from tests.unit.plugins.module_utils.releases.fake_kube import FakeKube
from tests.unit.plugins.module_utils.releases.stored import store

OURS = {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}


@pytest.mark.parametrize(
    ("statuses", "failed"),
    [
        ((), []),
        (("deployed",), []),
        (("failed",), [1]),
        (("deployed", "failed", "failed"), [3, 2]),
        (("failed", "superseded", "failed"), [3]),
    ],
)
def test_revisions_since_the_last_good_one(statuses: tuple[str, ...], failed: list[int]) -> None:
    history = [Revision("api", "ns", n, ReleaseStatus(s)) for n, s in enumerate(statuses, 1)]
    assert failed_since_good(history) == failed


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
    return remove_orphans(kube, "ns", "api", [2], 3)  # type: ignore[arg-type]  # a fake session


def test_only_what_no_later_manifest_holds_goes() -> None:
    kube = world()
    assert sweep(kube) == ["ConfigMap left"]
    assert sweep(kube) == []
    assert kube.find(CONFIG_MAP, "ns", "a")


@pytest.mark.parametrize(
    "annotations",
    [
        {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "ns"},
        {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "elsewhere"},
        {"somebody": "else"},
        {**OURS, "helm.sh/resource-policy": "keep"},
    ],
)
def test_what_is_not_this_releases_or_is_to_be_kept_stays(annotations: dict[str, str]) -> None:
    assert sweep(world(**annotations)) == []


def test_what_holds_data_stays() -> None:
    assert sweep(world(PVC)) == []


def test_without_the_newest_manifest_nothing_goes() -> None:
    kube = world()
    store(kube, revision=3, payload="garbage")
    assert sweep(kube) == []
