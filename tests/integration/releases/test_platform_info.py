"""platform_info against a real API server: dry runs find what differs, write nothing and show no secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.applied import MANAGER
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET

from tests.integration.releases.world import CHART, World
from tests.integration.support import ModuleRun
from tests.support.api_proxy import ApiProxy
from tests.support.patience import patience

Run = Callable[..., ModuleRun]
PASSWORD = "not-to-be-shown-anywhere"


def described(world: World, **values: Any) -> dict[str, Any]:
    """A namespace, a Secret and a release."""
    secret = {"name": "app", "namespace": world.namespace, "values": {"user": "app", "password": PASSWORD}}
    release = {"name": "one", "namespace": world.namespace, "chart": str(CHART), "values": {"text": "one", **values}}
    return {
        "name": "part",
        "cluster": {"minimum_version": "1.30"},
        "namespaces": [{"name": world.namespace, "labels": {"todo.cloud/environment": "test"}}],
        "secrets": [{**secret, "generated": ["key"]}],
        "releases": [release],
    }


def test_what_differs_is_named_and_nothing_is_written(world: World, module: Run) -> None:
    part = described(world)
    (release,) = part["releases"]

    def missing(described: dict[str, Any]) -> list[str]:
        with ApiProxy(world.kubeconfig) as proxy:
            run = module("platform_info", {"parts": json.dumps([described])}, kubeconfig=str(proxy.kubeconfig))
            assert not run.failed, run.output
            assert proxy.counts.writes == 0
        assert PASSWORD not in run.output
        assert base64.b64encode(PASSWORD.encode()).decode() not in run.output
        return list(run.result["parts"][0]["missing"])

    content = f"content of Secret app in namespace {world.namespace}"
    assert missing(part) == [content, "release one is absent"]
    data = {"user": "app", "password": PASSWORD, "key": "made once"}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "app"},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
    world.kube.patch(SECRET, world.namespace, "app", body, content_type=APPLY, field_manager=MANAGER, force=True)
    helm = {"helm_binary": world.helm, "stability_seconds": 0.5, "timeout": round(patience(60))}
    assert not module("helm_release", {**release, **helm}).failed
    assert missing(part) == []
    assert missing(described(world, text="two")) == ["release one is outdated"]
    # A key that the inventory names no more is removed by the next apply.
    (secret,) = part["secrets"]
    fewer = {**secret, "values": {"password": PASSWORD}}
    assert missing({"name": "part", "secrets": [fewer]}) == [content]


def test_a_cluster_that_does_not_answer_is_no_finding(world: World, module: Run) -> None:
    with ApiProxy(world.kubeconfig) as proxy:
        proxy.down()
        run = module("platform_info", {"parts": "[]"}, kubeconfig=str(proxy.kubeconfig))
    assert (run.failed, run.code) == (True, "unreachable")
