"""Objects that roles apply: what a controller writes into them between two looks is not counted as a change."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.service import diff_objects

from tests.cluster.paths import TOP

APPLIED = {"roles/namespace/tasks/main.yml": "Quota, limits and network policies are there",
           "roles/cert_manager/tasks/issuers.yml": "Issuers are there"}  # fmt: skip


def seen(version: str, spec: str, status: str) -> dict[str, Any]:
    fields = [{"manager": "kube-controller-manager", "time": version}]
    return {"kind": "ResourceQuota", "metadata": {"name": "x", "resourceVersion": version, "managedFields": fields},
            "spec": {"hard": {"pods": spec}}, "status": {"used": {"pods": status}}}  # fmt: skip


@pytest.mark.parametrize("file", APPLIED)
def test_a_status_that_moves_is_no_change(file: str) -> None:
    (task,) = [task for task in yaml.safe_load((TOP / file).read_text()) if task["name"] == APPLIED[file]]
    hidden = task["kubernetes.core.k8s"]["hidden_fields"]
    before = seen("1", spec="10", status="1")
    assert diff_objects(before, seen("2", spec="10", status="2"), hidden)[0]
    assert not diff_objects(before, seen("2", spec="11", status="1"), hidden)[0]
    assert not diff_objects(before, seen("2", spec="10", status="2"))[0], "without it, it would be one"
