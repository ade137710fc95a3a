# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rollout_wait on everything of rollout_zoo.yaml at once, run by Ansible against the real node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import ModuleRun, apply, documents
from tests.support.patience import patience

ZOO = documents(Path(__file__).with_name("rollout_zoo.yaml"))
CASES = [obj for obj in ZOO if "expect" in obj["metadata"].get("annotations", {})]
# Graces are shortened so that the whole zoo is decided within a minute; the classes stay apart.
GRACES = {"image_pull_final": 5, "config_missing": 5, "unschedulable": 5, "failed_create": 5, "sidecar_not_ready": 8,
          "paused": 5, "not_found": 5, "container_start": 5, "probe_failing": 12, "probe_wrong": 5}  # fmt: skip


@pytest.fixture(scope="module")
def verdicts(
    kube: KubeSession, make_namespace: Callable[..., str], module: Callable[..., ModuleRun]
) -> dict[str, dict[str, Any]]:
    """What one call returned for each workload: name -> its entry, with the whole failure under ``failure``."""
    namespace = make_namespace()
    apply(kube, namespace, ZOO)
    workloads = [{"kind": obj["kind"], "name": obj["metadata"]["name"], "namespace": namespace} for obj in CASES]
    workloads.append({"name": "not-there", "namespace": namespace})
    timeout = 45 + round(patience(15))  # the pods' own sleeps and probes, and their start
    given = {"workloads": workloads, "fail_fast": False, "timeout": timeout, "graces": GRACES, "log_lines": 5}
    run = module("rollout_wait", given)
    assert run.failed, run.output
    failures = {failure["details"]["workload"]: failure for failure in run.result["failures"]}
    return {entry["name"]: {**entry, "failure": failures.get(entry["name"])} for entry in run.result["workloads"]}


@pytest.mark.parametrize("case", CASES, ids=lambda obj: str(obj["metadata"]["name"]))
def test_verdict(case: dict[str, Any], verdicts: dict[str, dict[str, Any]]) -> None:
    wanted = case["metadata"]["annotations"]
    found = verdicts[case["metadata"]["name"]]
    if wanted["expect"] == "Current":
        assert found["state"] == "Current", found
        return
    assert found["code"] == wanted["expect"], found
    assert wanted["says"] in found["message"], found


def test_absent_workload_is_named(verdicts: dict[str, dict[str, Any]]) -> None:
    assert verdicts["not-there"]["code"] == "not_found"
    assert verdicts["not-there"]["message"] == "not-there: it does not exist"


def test_crash_loop_carries_its_evidence(verdicts: dict[str, dict[str, Any]]) -> None:
    details = verdicts["crash-app"]["failure"]["details"]
    assert details["container"] == "app"
    assert details["exit_code"] == 3
    assert details["restarts"] >= 1
    assert sorted(details["log_tail"]) == ["KeyError: 'DATABASE_URL'", "starting"]  # two streams, no fixed order
    assert details["could_not_read"] == []
    assert any(event["reason"] == "BackOff" for event in details["events"])
    assert verdicts["crash-app"]["message"].endswith("KeyError: 'DATABASE_URL'")


def test_daprd_reports_why_in_the_sentence(verdicts: dict[str, dict[str, Any]]) -> None:
    failure = verdicts["crash-daprd"]["failure"]
    assert "INIT_COMPONENT_FAILURE" in failure["message"]
    assert "SASL Authentication failed" in failure["message"]
    assert failure["details"]["container"] == "daprd"
    assert any("SASL Authentication failed" in line for line in failure["details"]["log_tail"])


def test_probe_is_shown_with_its_definition(verdicts: dict[str, dict[str, Any]]) -> None:
    details = verdicts["wrong-port"]["failure"]["details"]
    assert details["probes"] == {"readinessProbe": "GET :8080/ready every 1 s, 3 failures"}
    assert details["failing_probe"]["probe"] == "readinessProbe"
    assert "connection refused" in details["failing_probe"]["message"]


def test_failed_job_shows_its_pod(verdicts: dict[str, dict[str, Any]]) -> None:
    failure = verdicts["job-fails"]["failure"]
    assert failure["details"]["exit_code"] == 4
    assert failure["details"]["log_tail"] == ["the migration found no schema"]
