"""The Job is one that a restricted namespace admits, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, WELL_KNOWN

from tests.support.logins import Cluster, checked, refused


def test_nothing_stays_behind_and_nothing_is_shown() -> None:
    kube = Cluster()
    report = checked(kube)
    left = {key[0] for key in kube.objects if key[1] == "todo"} - {"Pod"}
    assert left == {"Secret", "ConfigMap"}
    assert [key[2] for key in kube.objects if key[0] == "Secret"] == ["database"]
    record = kube.get(CONFIG_MAP, "todo", "logins")
    assert "hunter2" not in json.dumps([kube.jobs, record, report.as_result()])
    (copy,) = kube.copies
    assert copy["metadata"]["ownerReferences"][0]["kind"] == "Job", "it goes with the Job even if this run is killed"
    assert b"password=hunter2-secret" in base64.b64decode(copy["data"]["service"])


def test_the_job_is_one_that_a_restricted_namespace_admits_and_policies_let_out() -> None:
    kube = Cluster()
    checked(kube)
    (job,) = kube.jobs
    template = job["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert template["metadata"]["labels"]["todo.cloud/access-database"] == "true"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} == set(container["resources"]["limits"]) == set(container["resources"]["requests"])
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


def test_a_connection_that_policies_cut_is_named() -> None:
    kube = Cluster("login: failed\ntimeout expired")
    policy = WELL_KNOWN["networking.k8s.io/v1", "NetworkPolicy"]
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}
    kube.put(policy, "todo", {"metadata": {"name": "default-deny"}, "spec": spec})
    failure = refused(kube)
    assert failure.code is Code.CONNECTION_CUT
    assert "policies of namespace todo (default-deny) do not let its pods reach db.example.com:5432" in failure.message
    assert "networkPolicies.database" in failure.message
    spec["egress"] = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 5432}]}]
    kube.put(policy, "todo", {"metadata": {"name": "default-deny"}, "spec": spec})
    assert refused(kube).code is Code.DEPENDENCY_DOWN
