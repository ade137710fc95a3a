"""Environments in a cluster are read from its namespaces, with a kubeconfig that lives for minutes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean import occupants
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.kubeconfig import Fetched
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import FakeDigitalOcean
from tests.support.fake_api import Answer, FakeApi, fake_api, listing, obj
from tests.support.fake_api import failure as refusal
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure


def kubeconfig(kube: FakeApi) -> Fetched:
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "do",
        "clusters": [{"name": "do", "cluster": {"server": kube.url}}],
        "users": [{"name": "do-admin", "user": {"token": "t"}}],
        "contexts": [{"name": "do", "context": {"cluster": "do", "user": "do-admin"}}],
    }  # fmt: skip
    return Fetched(content, "do", 0)


def namespace(name: str, environment: str) -> dict[str, Any]:
    found = obj(name)
    found["metadata"]["labels"] = {"todo.cloud/environment": environment}
    return found


def test_environments_are_those_of_labelled_namespaces(
    cloud: FakeDigitalOcean, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubeconfig leads to a server without TLS, which DigitalOcean's never does."""
    spaces = [namespace("todo-staging", "staging"), namespace("b", "production"), namespace("c", "staging")]
    asked: list[int] = []
    with fake_api(lambda request, number: listing(spaces)) as kube:

        def fetch(_cloud: object, _cluster: object, seconds: int) -> Fetched:
            asked.append(seconds)
            return kubeconfig(kube)

        monkeypatch.setattr(occupants, "fetch", fetch)
        assert occupants.environments_in(api(cloud), {"id": "x"}) == ["production", "staging"]
    assert asked == [300]
    (request,) = kube.requests
    assert (request.path, request.query["labelSelector"]) == ("/api/v1/namespaces", "todo.cloud/environment")


def test_a_cluster_that_does_not_say(cloud: FakeDigitalOcean, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object) -> Answer:
        return refusal(403, "Forbidden", "namespaces is forbidden")

    with fake_api(answer) as kube:
        monkeypatch.setattr(occupants, "fetch", lambda *_: kubeconfig(kube))
        assert failure(occupants.environments_in, api(cloud), {"id": "x"}).code is Code.REFUSED


def test_a_cluster_without_a_kubeconfig(cloud: FakeDigitalOcean) -> None:
    made = api(cloud).create_cluster(body())
    assert failure(occupants.environments_in, api(cloud), made).code is Code.NOT_FOUND
