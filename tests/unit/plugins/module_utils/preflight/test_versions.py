# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions that do not go together are told, and stop nothing."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import HelmVersion
from ansible_collections.todo.cloud.plugins.module_utils.preflight.versions import (
    dapr_of_pods,
    helm_and_cluster,
    misplaced,
)
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import Template


@pytest.mark.parametrize(
    ("helm", "kubernetes", "told"),
    [
        ("v4.3.1", "v1.36.3", ""),
        ("v4.3.1", "v1.34.0-gke.1", ""),
        ("v4.3.1", "v1.33.0", "made for Kubernetes 1.34 to 1.37, and this cluster has v1.33.0: use an older Helm"),
        ("v4.1.0", "v1.36.0", ""),
        ("v4.1.0", "v1.37.0", "made for Kubernetes 1.32 to 1.35, and this cluster has v1.37.0: use a newer Helm"),
        ("v3.19.0", "v1.31.2", ""),
        ("v3.19.0", "v1.30.2", "made for Kubernetes 1.31 to 1.34"),
        ("v5.0.0", "v1.20.0", ""),  # nothing is known of it
        ("v4.3.1", "2.0", ""),
    ],
)
def test_helm_and_the_cluster(helm: str, kubernetes: str, told: str) -> None:
    found = list(helm_and_cluster("test", HelmVersion.parse(helm), kubernetes))
    assert (told in str(found[0]) and not found[0].certain) if told else found == []


@pytest.mark.parametrize(
    ("image", "notes", "told"),
    [
        ("ghcr.io/dapr/daprd:1.14.0", {}, []),
        ("ghcr.io/dapr/daprd:1.18.2", {"dapr.io/enable-native-sidecar": "true"}, []),
        (
            "ghcr.io/dapr/daprd:1.14.0",
            {"dapr.io/enable-native-sidecar": "true"},
            ["Dapr 1.14.0 ignores: use Dapr 1.18"],
        ),
        ("ghcr.io/dapr/daprd:1.9.6", {}, ["get a sidecar of Dapr 1.9.6"]),
        ("ghcr.io/dapr/daprd@sha256:1", {"dapr.io/enable-native-sidecar": "true"}, []),
    ],
)
def test_dapr_and_what_pods_ask_of_it(image: str, notes: dict[str, str], told: list[str]) -> None:
    template = Template("Deployment api", "ns", notes, {}, {})
    pod = {"spec": {"containers": [{"name": "app"}, {"name": "daprd", "image": image}]}}
    found = list(dapr_of_pods("api", template, pod))
    assert all(text in str(each) and not each.certain for text, each in zip(told, found, strict=True))
    assert list(dapr_of_pods("api", template, {"spec": {"containers": "x"}})) == []


@pytest.mark.parametrize(
    ("kind", "own", "pods", "told"),
    [
        ("Deployment", {"dapr.io/enabled": "true"}, {}, True),
        ("Deployment", {"dapr.io/enabled": "true"}, {"dapr.io/enabled": "true"}, False),
        ("Deployment", {"dapr.io/enabled": "true"}, {"dapr.io/enabled": "false"}, False),  # left out on purpose
        ("Deployment", {"dapr.io/enabled": "false"}, {}, False),
        ("Pod", {"dapr.io/enabled": "true"}, {}, False),
        ("Widget", {"dapr.io/enabled": "true"}, {}, False),
    ],
)
def test_annotations_that_dapr_does_not_read(kind: str, own: dict[str, str], pods: dict[str, str], told: bool) -> None:
    template = {"metadata": {"annotations": pods}, "spec": {"containers": [{"name": "app"}]}}
    item = {"apiVersion": "v1" if kind == "Pod" else "apps/v1", "kind": kind, "spec": {"template": template},
            "metadata": {"name": "api", "annotations": own}}  # fmt: skip
    found = list(misplaced("api", item))
    assert [each.certain for each in found] == ([False] if told else [])
    assert not told or "Deployment api has dapr.io/enabled on itself, where Dapr does not look" in str(found[0])
