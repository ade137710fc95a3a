# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    EVENT,
    JOB,
    NODE,
    POD,
    REPLICA_SET,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.kube.watch import Feed
from ansible_collections.todo.cloud.plugins.module_utils.rollout.request import requested
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import (
    WORKLOADS,
    Target,
    feeds_for,
    targets_of_manifest,
)

MANIFEST = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: a}
---
---
apiVersion: v1
kind: Service
metadata: {name: plain}
---
apiVersion: v1
kind: Service
metadata: {name: public}
spec: {type: LoadBalancer}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend-api}
---
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: kafka, namespace: elsewhere}
"""


def deployment(name: str, namespace: str = "ns") -> Target:
    return Target("apps/v1", "Deployment", namespace, name)


def test_targets_of_a_manifest() -> None:
    found = targets_of_manifest(MANIFEST, "ns", "backend")
    assert [(one.kind, one.namespace, one.name, one.release) for one in found] == [
        ("Service", "ns", "public", "backend"),
        ("Deployment", "ns", "backend-api", "backend"),
        ("StatefulSet", "elsewhere", "kafka", "backend"),
    ]


def test_a_list_of_a_kind_may_leave_it_out_of_its_items() -> None:
    """As Kubernetes' client, and so Helm, reads it; also within another list."""
    inner = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"metadata": {"name": "api"}}, 5]}
    outer = json.dumps({"apiVersion": "v1", "kind": "List", "items": [inner, {"metadata": {"name": "no-kind"}}]})
    assert targets_of_manifest(outer, "ns") == [deployment("api")]


def test_manifest_that_is_no_yaml() -> None:
    with pytest.raises(TodoCloudError, match="release x is not valid YAML"):
        targets_of_manifest("a: [", "ns", "x")


@pytest.mark.parametrize(
    ("target", "label"),
    [
        (deployment("backend-api"), "backend-api"),
        (Target("apps/v1", "StatefulSet", "ns", "kafka", "kafka"), "kafka"),
        (Target("batch/v1", "Job", "ns", "migrate", "backend"), "Job migrate"),
    ],
)
def test_labels(target: Target, label: str) -> None:
    assert target.label == label


def feeds(*targets: Target) -> set[Feed]:
    resources = {(resource.api_version, resource.kind): resource for resource in WORKLOADS.values()}
    return set(feeds_for(targets, resources))


def test_feeds_of_one_deployment() -> None:
    assert feeds(deployment("a")) == {
        Feed(DEPLOYMENT, "ns", "a"),
        Feed(REPLICA_SET, "ns"),
        Feed(POD, "ns"),
        Feed(EVENT, "ns", optional=True),
    }


def test_two_of_a_kind_share_a_feed() -> None:
    assert Feed(DEPLOYMENT, "ns") in feeds(deployment("a"), deployment("b"))
    assert len(feeds(deployment("a"), deployment("b"), deployment("c"))) == 4


def test_namespaces_do_not_share() -> None:
    assert len(feeds(deployment("a"), deployment("a", "other"))) == 8


def test_only_daemon_sets_ask_for_nodes() -> None:
    assert Feed(NODE, optional=True) in feeds(Target("apps/v1", "DaemonSet", "ns", "a"))
    assert feeds(Target("batch/v1", "Job", "ns", "a")) == {
        Feed(JOB, "ns", "a"),
        Feed(POD, "ns"),
        Feed(EVENT, "ns", optional=True),
    }


def request(**params: Any) -> list[Target]:
    with KubeSession({"host": "http://127.0.0.1:1", "api_key": "x"}) as kube:
        return requested(kube, {"releases": [], "workloads": [], "resources": [], **params})


def test_requests_become_targets_in_order() -> None:
    workloads = [{"kind": "Job", "name": "migrate", "namespace": "ns"}]
    resources = [
        {"api_version": "v1", "kind": "Topic", "name": "t", "namespace": "", "ready_when": "a", "failed_when": "b"}
    ]
    assert request(workloads=workloads, resources=resources) == [
        Target("batch/v1", "Job", "ns", "migrate"),
        Target("v1", "Topic", "", "t", ready_when="a", failed_when="b"),
    ]


def test_nothing_asked_for_is_refused() -> None:
    with pytest.raises(TodoCloudError, match="There is nothing to wait for"):
        request()


def test_failed_when_alone_is_refused() -> None:
    resources = [{"api_version": "v1", "kind": "T", "name": "t", "namespace": "", "ready_when": "", "failed_when": "b"}]
    with pytest.raises(TodoCloudError, match="failed_when but no ready_when"):
        request(resources=resources)
