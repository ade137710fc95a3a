# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Job with Kafka's tools."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kafka.job import SCRIPT, Broker, BrokerTools
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import JOB, POD, STATEFUL_SET, Resource

from tests.support.fake_kube import FakeKube

SPEC = {
    "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
    "imagePullSecrets": [{"name": "hub"}],
    "containers": [{"name": "kafka", "image": "kafka:4", "imagePullPolicy": "IfNotPresent"}],
}


class Cluster(FakeKube):
    """Each Job has a pod that is done at once."""

    def __init__(self, status: dict[str, Any], log: str = "") -> None:
        super().__init__()
        self.job: dict[str, Any] = {}
        self._status, self._log = status, log
        self.put(STATEFUL_SET, "kafka", {"metadata": {"name": "kafka"}, "spec": {"template": {"spec": SPEC}}})

    def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, dry_run: bool = False, **_: Any
    ) -> dict[str, Any]:
        self.job = dict(body)
        labels = {"job-name": body["metadata"]["name"]}
        self.put(POD, namespace, {"metadata": {"name": "p", "labels": labels}, "status": self._status})
        return super().create(resource, namespace, body, dry_run=dry_run)

    def logs(self, *_: Any, **__: Any) -> str:
        return self._log


def test_a_job_says_what_it_found_and_is_gone() -> None:
    kube = Cluster({"phase": "Succeeded"}, "a\nb\n")
    assert BrokerTools(kube, Broker("kafka"), 5).run("describe", "x") == ["a", "b"]
    assert not [key for key in kube.objects if key[0] == JOB.kind]
    pod = kube.job["spec"]["template"]["spec"]
    (tools,) = pod["containers"]
    assert (tools["image"], tools["args"]) == ("kafka:4", ["describe", "x"])
    assert pod["securityContext"]["runAsUser"] == 1000
    assert "fsGroup" not in pod["securityContext"]
    assert pod["imagePullSecrets"] == [{"name": "hub"}]
    assert pod["automountServiceAccountToken"] is False
    assert kube.job["spec"]["ttlSecondsAfterFinished"] > 0
    assert {"requests", "limits"} == set(tools["resources"])
    assert [each["name"] for each in tools["env"] if "value" not in each] == ["ADMIN_PASSWORD"]


def test_what_it_says_when_it_fails_is_told_in_one_line() -> None:
    kube = Cluster({"phase": "Failed"}, "Error: it is\n\x1b[31mdown\n")
    with pytest.raises(TodoCloudError, match=r"^Kafka's tools failed in namespace kafka: Error: it is down$") as caught:
        BrokerTools(kube, Broker("kafka"), 5).run("describe", "x")
    assert caught.value.failure.code is Code.JOB_FAILED
    assert not [key for key in kube.objects if key[0] == JOB.kind]


def test_a_broker_that_does_not_answer_is_an_outage() -> None:
    said = "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment. Call: listTopics"
    kube = Cluster({"phase": "Failed"}, f"{said}\n")
    with pytest.raises(TodoCloudError, match=r"^The broker at kafka\.kafka\.svc:9092 does not answer: ") as caught:
        BrokerTools(kube, Broker("kafka"), 5).run("describe", "x")
    assert caught.value.failure.code is Code.DEPENDENCY_DOWN


def test_what_it_waits_for_is_told() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    kube = Cluster({"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]})
    with pytest.raises(TodoCloudError, match=r"did not end within 1 s: ImagePullBackOff no such image\.$") as caught:
        BrokerTools(kube, Broker("kafka"), 1).run("describe", "x")
    assert caught.value.failure.code is Code.TIMEOUT


def test_the_script_is_sound(tmp_path: Path) -> None:
    script = tmp_path / "tools.sh"
    script.write_text(f"#!/bin/sh\n{SCRIPT}")
    subprocess.run(["shellcheck", str(script)], check=True)
