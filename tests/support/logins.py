"""A cluster in which a Job that tries a login is over at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import JOB, NAMESPACE, POD, SECRET, Resource
from ansible_collections.todo.cloud.plugins.module_utils.logins.check import check_login
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Report

from tests.schemas import check_result
from tests.support.fake_kube import FakeKube

URL = "postgresql://todo:hunter2-secret@db.example.com/todo?sslmode=require"
GOOD = "login: again\nConnection refused\nlogin: ok\nSSL connection (protocol: TLSv1.3, cipher)\n17.2"
PARAMS: dict[str, Any] = {
    "environment": "local", "namespace": "todo", "cluster_id": None, "name": "database", "kind": "postgresql",
    "secret": "database", "key": "url", "tls": "required", "topics": [], "groups": [], "login": "job",
    "image": "docker.io/library/postgres:17", "pull_secrets": ["registry"], "wait": 5, "hint": "Correct it.",
}  # fmt: skip


class Cluster(FakeKube):
    """One in which a Job is over at once, and has said ``log``."""

    def __init__(self, log: str = GOOD) -> None:
        super().__init__()
        self.log = log
        self.jobs: list[dict[str, Any]] = []
        self.copies: list[dict[str, Any]] = []
        self.put(NAMESPACE, "", {"metadata": {"name": "todo", "labels": {"todo.cloud/environment": "local"}}})
        self.put(NAMESPACE, "", {"metadata": {"name": "kube-system"}})
        self.secret(url=URL)

    def secret(self, **texts: str) -> None:
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        self.put(SECRET, "todo", {"metadata": {"name": "database", "uid": "s"}, "data": data})

    def create(self, resource: Resource, namespace: str, body: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        if resource == JOB:
            self.jobs.append(dict(body))
            body = {**body, "status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}}
            labels = {"job-name": body["metadata"]["name"]}
            self.put(POD, namespace, {"metadata": {"name": f"{body['metadata']['name']}-x", "labels": labels}})
        if resource == SECRET:
            self.copies.append(dict(body))
        return super().create(resource, namespace, body, **options)


def checked(kube: FakeKube, *, check: bool = False, **params: Any) -> Report:
    report = check_login(kube, {**PARAMS, **params}, lambda line: None, check=check)
    check_result("login_check", report.as_result())
    return report


def refused(kube: FakeKube, **params: Any) -> Failure:
    with pytest.raises(TodoCloudError) as caught:
        checked(kube, **params)
    assert "hunter2" not in json.dumps(caught.value.failure.as_result()) + json.dumps(caught.value.results)
    return caught.value.failure
