# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods of workloads, read from objects of whatever shape."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import built_in, template_of


def workload(kind: str, version: str, **spec: Any) -> dict[str, Any]:
    pods = {"template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "app"}]}}}
    inner = {"jobTemplate": {"spec": pods}} if kind == "CronJob" else pods
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "api"}, "spec": {**inner, **spec}}


@pytest.mark.parametrize(
    ("kind", "version", "ours"),
    [("Deployment", "apps/v1", True), ("CronJob", "batch/v1", True), ("Job", "batch/v1", True),
     ("Deployment", "example.org/v1", False), ("Rollout", "argoproj.io/v1alpha1", False)],
)  # fmt: skip
def test_kinds_with_pods(kind: str, version: str, ours: bool) -> None:
    found = template_of(workload(kind, version), "ns")
    assert found is not None
    assert (found.owner, found.namespace, found.labels) == (f"{kind} api", "ns", {"app": "x"})
    assert (built_in(workload(kind, version)) is not None) is ours


@pytest.mark.parametrize(
    "item",
    [{}, {"kind": "Service", "spec": {"ports": []}}, {"kind": "Deployment", "spec": None},
     {"kind": "Deployment", "spec": {"template": "x"}}, {"kind": "CronJob", "spec": {"jobTemplate": [1]}}],
)  # fmt: skip
def test_objects_without_any(item: dict[str, Any]) -> None:
    assert template_of(item) is None


def test_a_job_s_pod_may_be_created_as_it_stands() -> None:
    found = template_of(workload("Job", "batch/v1"))
    assert found is not None
    assert found.pod("trial") == {
        "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app"}], "restartPolicy": "Never"},
        "metadata": {"name": "trial", "labels": {"app": "x"}, "annotations": {}},
    }  # fmt: skip
    assert found.spec == {"containers": [{"name": "app"}]}, "its template stays as it was"
