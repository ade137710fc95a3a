"""The Job that tries a login, in a restricted namespace with policies and a quota, at the cluster's PostgreSQL."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, JOB, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster import state
from tests.integration.support import ModuleRun, apply, eventually

IMAGE = "docker.io/library/postgres:17"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "small"},
    "spec": {"hard": {"pods": "2", "limits.cpu": "1", "limits.memory": "512Mi"}},
}


@pytest.fixture(scope="module")
def place(make_namespace: Callable[..., str], kube: KubeSession) -> str:
    name = make_namespace(**{"todo.cloud/environment": "logins", "pod-security.kubernetes.io/enforce": "restricted"})
    apply(kube, name, [QUOTA])
    return name


@pytest.fixture(scope="module")
def url() -> str:
    return state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"]).database_url


@pytest.fixture
def tried(place: str, kube: KubeSession, module: Callable[..., ModuleRun]) -> Callable[..., ModuleRun]:
    def run(text: str, **options: Any) -> ModuleRun:
        data = {"url": base64.b64encode(text.encode()).decode()}
        apply(kube, place, [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database"}, "data": data}])
        login = {"name": "database", "kind": "postgresql", "secret": "database", "image": IMAGE, "wait": 1}
        return module("login_check", {"environment": "logins", "namespace": place, **login, **options})

    return run


def test_a_good_login_is_tried_once_and_nothing_of_the_job_stays(
    tried: Callable[..., ModuleRun], url: str, place: str, kube: KubeSession
) -> None:
    first = tried(url, wait=60)
    assert not first.failed, first.output
    assert (first.result["tried"], first.result["about"][:12]) == (True, "PostgreSQL 1")
    again = tried(url)
    assert (again.result["tried"], again.result["changed"]) == (False, False), again.output
    eventually("the Job is gone", lambda: not kube.list_(JOB, place)[0])
    eventually(
        "and its copy of the Secret",
        lambda: [s["metadata"]["name"] for s in kube.list_(SECRET, place)[0]] == ["database"],
    )
    record = kube.get(CONFIG_MAP, place, "logins")
    assert state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"]).todo_password not in json.dumps(record)


def test_a_wrong_password_is_named_and_not_shown(tried: Callable[..., ModuleRun], url: str) -> None:
    wrong = tried(url.replace(":", ":wrong-", 2).replace("wrong-//", "//"))
    assert (wrong.failed, wrong.code) == (True, "login_denied"), wrong.output
    assert "the password is wrong, or there is no such user" in wrong.result["msg"]
