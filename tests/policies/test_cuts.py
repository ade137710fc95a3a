"""Links cut by policy for a minute each: status names the link and the policy, and nothing that was taken is lost."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import NETWORK_POLICY
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster import state
from tests.cluster.node import lifecycle
from tests.e2e.conftest import NAMESPACE, Cluster, User
from tests.e2e.test_app import broker_messages
from tests.integration.support import eventually

SECONDS = 60
WRITTEN_BY_THE_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


@dataclass(frozen=True)
class Link:
    """A policy that is deleted, or changed, and what status says then."""

    policy: str
    change: dict[str, Any] | None
    said: str
    answers: bool  # whether users are served meanwhile


LINKS = {
    "app to app": Link(
        "backend-api",
        {"spec": {"ingress": []}},
        r"cut by policy: .*frontend.* -> .*backend-api.* : .*\(NetworkPolicy backend-api was changed\)",
        False,
    ),
    "app to broker": Link(
        "allow-broker",
        None,
        r"cut by policy: .*backend-api.* -> namespace kafka : 9092, 9095 \(NetworkPolicy allow-broker does not exist",
        True,
    ),
    "app to database": Link(
        "allow-database",
        None,
        r"cut by policy: .*backend-api.* : 5432 \(NetworkPolicy allow-database does not exist any more\)",
        False,
    ),
}


@pytest.fixture(scope="module")
def app() -> Cluster:
    """The cluster that enforces policies, with the Todo app in it."""
    found = state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"])
    facts = json.loads((Path(found.kubeconfig).parent / "cluster.json").read_text())
    return Cluster(found.name, found.kubeconfig, facts)


@pytest.fixture(scope="module", autouse=True)
def reader(app: Cluster) -> Iterator[None]:
    """The broker's pod may connect to nobody; here it reads its own topics by the broker's public name."""
    everything: dict[str, Any] = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}], "egress": [{}]}
    metadata = {"name": "tests-read", "namespace": "kafka"}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": everything}
    with KubeSession.from_params({"kubeconfig": app.kubeconfig}, user_agent="todo.cloud tests") as kube:
        kube.create(NETWORK_POLICY, "kafka", body)
        yield
        kube.delete(NETWORK_POLICY, "kafka", "tests-read")


@pytest.fixture
def user(app: Cluster) -> Iterator[User]:
    url = str(app.facts["url"])
    credentials = {"username": f"cut-{uuid.uuid4().hex[:8]}", "password": uuid.uuid4().hex}
    with httpx.Client(base_url=url, timeout=5, headers={"Origin": url}) as http:
        for step in ("register", "login"):
            assert http.post(f"/api/auth/{step}", json=credentials).status_code in (200, 201)
        yield User(http, credentials["username"])


@contextmanager
def cut(app: Cluster, kube: KubeSession, link: Link) -> Iterator[None]:
    """The policy without what it allowed; put back at the end. Connections that are open are judged anew."""
    before = kube.get(NETWORK_POLICY, NAMESPACE, link.policy)
    body = {key: value for key, value in before.items() if key != "status"}
    body["metadata"] = {k: v for k, v in before["metadata"].items() if k not in WRITTEN_BY_THE_SERVER}
    if link.change is None:
        kube.delete(NETWORK_POLICY, NAMESPACE, link.policy)
    else:
        merge = "application/merge-patch+json"
        kube.patch(NETWORK_POLICY, NAMESPACE, link.policy, link.change, content_type=merge)
    try:
        time.sleep(3)  # the engine has heard of it
        lifecycle.execute(state.load(app.name), ["conntrack", "-F"])
        yield
    finally:
        if link.change is None:
            kube.create(NETWORK_POLICY, NAMESPACE, body)
        else:
            restored = {"spec": before["spec"]}
            kube.patch(NETWORK_POLICY, NAMESPACE, link.policy, restored, content_type="application/merge-patch+json")


def tried(user: User) -> str:
    """The id of a task that the app took; empty when it did not answer."""
    try:
        answer = user.http.post("/api/tasks", json={"title": "cut"})
    except httpx.HTTPError:
        return ""
    return str(answer.json()["id"]) if answer.status_code == 201 else ""


def listed(user: User) -> set[str]:
    try:
        return {task["id"] for task in user.tasks()}
    except (AssertionError, httpx.HTTPError):
        return set()


@pytest.mark.parametrize("link", LINKS.values(), ids=list(LINKS))
def test_nothing_is_lost_and_status_names_the_link(app: Cluster, user: User, link: Link) -> None:
    taken, refused = [user.add("before")["id"]], 0
    with KubeSession.from_params({"kubeconfig": app.kubeconfig}, user_agent="todo.cloud tests") as kube:
        with cut(app, kube, link):
            ends = time.monotonic() + SECONDS
            status = " ".join(app.playbook("playbooks/status.yml").ok().output.split())
            assert re.search(link.said, status), status
            while time.monotonic() < ends:
                task = tried(user)
                taken += [task] if task else []
                refused += not task
                time.sleep(1)
        print(f"{len(taken)} tasks taken, {refused} refused")
        assert (refused <= 2) is link.answers  # connections that were open when all were judged anew
        eventually("every task", lambda: set(taken) <= listed(user), 120)

    def told() -> set[str]:
        events = broker_messages(app, f"{NAMESPACE}task-events")
        return {m["data"].get("task", m["data"])["id"] for m in events if m["type"] == "task.created"}

    eventually("every event", lambda: set(taken) <= told(), 180)
    status = " ".join(app.playbook("playbooks/status.yml").ok().output.split())
    assert "cut by policy" not in status, status
