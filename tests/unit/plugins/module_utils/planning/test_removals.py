"""What is said before a release is removed, or comes back under another name."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, StoredRelease
from ansible_collections.todo.cloud.plugins.module_utils.labels import MIGRATION
from ansible_collections.todo.cloud.plugins.module_utils.planning.removals import removal_notes
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec

from tests.support.fake_environment import CHART

VALUES = {"image": "r:5000/search:v1@sha256:ab", "command": ["serve"]}
KEEP = {"helm.sh/resource-policy": "keep"}
FULL: list[dict[str, Any]] = [
    {"kind": "Service", "metadata": {"name": "search"}},
    {"kind": "StatefulSet", "metadata": {"name": "search"}, "spec": {
        "template": {"metadata": {"annotations": {"dapr.io/app-id": "finder"}}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}},
    {"kind": "Ingress", "metadata": {"name": "search"}, "spec": {"rules": [{"host": "search.example.com"}, None]}},
    {"kind": "HTTPRoute", "metadata": {"name": "search"}, "spec": {"hostnames": ["s.example.com"]}},
    {"kind": "PersistentVolumeClaim", "metadata": {"name": "cache"}},
    {"kind": "PersistentVolumeClaim", "metadata": {"name": "archive", "annotations": KEEP}},
]  # fmt: skip


def stored(*items: dict[str, Any], **labels: str) -> StoredRelease:
    manifest = "\n---\n".join(json.dumps(item) for item in items)
    return StoredRelease(
        "search", "shop", 3, ReleaseStatus.DEPLOYED, "", "service", "1", "1", VALUES, manifest, 0, labels
    )


def new(name: str = "seek", app_id: str = "", **values: Any) -> ReleaseSpec:
    given = {**VALUES, "image": "r:5000/search:v2", **values}
    return ReleaseSpec.parse({"name": name, "namespace": "shop", "chart": CHART, "values": given, "app_id": app_id})


def test_what_goes_and_what_stays() -> None:
    assert removal_notes(stored(*FULL), []) == [
        "Removing search takes away its DNS name search; the Dapr app id finder, and its consumer group shop.finder is "
        "not read any more; the public host s.example.com; the public host search.example.com; claim cache with "
        "its data.",
        "Removing search leaves claim archive, the claims data-search-… of its pods and the data in them.",
    ]


def test_what_others_do_not_see_goes_without_a_word() -> None:
    assert removal_notes(stored({"kind": "ConfigMap", "metadata": {"name": "x"}}), []) == []
    assert removal_notes(stored(*FULL, **{MIGRATION: "search"}), []) == []
    assert (
        removal_notes(stored({"kind": "Ingress", "spec": {"rules": "x"}}, {"kind": "StatefulSet", "spec": 1}), []) == []
    )


def test_a_rename() -> None:
    begins = "seek is new and has the image of search: if it was renamed, it is another service for Kubernetes: "
    assert removal_notes(stored(*FULL), [new(app_id="seek"), new("web", image="r/web:v1")])[-1] == (
        f"{begins}who calls search has to call seek; its app id and consumer group are new, so it does not know which "
        "messages were read (dapr: {app_id: finder} keeps them); its claims are new and empty."
    )
    assert removal_notes(stored(*FULL[:1]), [new()])[-1] == f"{begins}who calls search has to call seek."


def test_no_rename() -> None:
    for others in ([new(command=["work"])], [new(), new("seek-2")], [new(image="r:5000/other:v1")]):
        assert len(removal_notes(stored(*FULL[:1]), others)) == 1
