"""Component types that daprd does not know; and who may bring their own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD, WELL_KNOWN, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.component_types import unknown_types
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import Template

from tests.support.fake_kube import FakeKube

IMAGE = "ghcr.io/dapr/daprd:1.18.5"
COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]


def component(kind: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    meta = {"name": "cart", "annotations": annotations or {}}
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": meta, "spec": {"type": kind, **spec}}


def kube(image: str = IMAGE, fake: type[FakeKube] = FakeKube) -> FakeKube:
    found = fake()
    containers = [{"name": "injector", "env": [{"name": "SIDECAR_IMAGE", "value": image}]}]
    spec = {"template": {"spec": {"containers": containers}}}
    found.put(DEPLOYMENT, "dapr", {"metadata": {"name": "dapr-sidecar-injector"}, "spec": spec})
    return found


def found_in(there: FakeKube, item: dict[str, Any], **annotations: str) -> list[Problem]:
    pods = Template("Deployment web", "ns", annotations, {}, {})
    return list(unknown_types(there, "ns", "dapr", {"dapr-components": [item]}, [pods]))


@pytest.mark.parametrize("kind", ["state.redis", "bindings.cron", "middleware.http.oauth2", "Pubsub.Kafka"])
def test_nothing_is_asked_about_known_types(kind: str) -> None:
    class Mute(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise AssertionError(verb)

    assert found_in(Mute(), component(kind)) == []
    assert found_in(Mute(), component("state.rediss") | {"apiVersion": "acme.com/v1"}) == []


@pytest.mark.parametrize(
    ("kind", "near"),
    [("state.rediss", "; did you mean 'state.redis'?"), ("statestores.redis", "; did you mean"), ("x", "")],
)
@pytest.mark.parametrize("image", [IMAGE, "daprio/daprd:1.13.0-mariner", "mirror.acme.com/docker/daprio/daprd:1.17.1"])
def test_others_are_refused(kind: str, near: str, image: str) -> None:
    (problem,) = found_in(kube(image), component(kind))
    assert (problem.release, problem.code, problem.certain) == ("dapr-components", Code.COMPONENT_NOT_LOADED, True)
    assert f"Component cart has the type {kind!r}, which Dapr 1.1" in str(problem)
    assert near in problem.remedy


@pytest.mark.parametrize(
    "image", ["", "ghcr.io/dapr/daprd:1.19.0", "ghcr.io/dapr/daprd:1.12.5", "acme/daprd:1.18.5", "x/dapr/daprd:edge"]
)
def test_what_the_table_does_not_cover_is_only_told(image: str) -> None:
    (problem,) = found_in(kube(image), component("state.acme"))
    assert not problem.certain


def test_dapr_goes_on_without_a_component_that_may_fail() -> None:
    (problem,) = found_in(kube(), component("state.acme", ignoreErrors=True))
    assert not problem.certain


def test_who_brings_types_is_not_refused() -> None:
    own = component("state.acme")
    assert found_in(kube(), own, **{"dapr.io/pluggable-components": "acme"}) == []
    assert found_in(kube(), own, **{"dapr.io/sidecar-image": "acme/daprd:1"}) == []
    assert found_in(kube(), component("state.acme", {"dapr.io/component-container": "{}"})) == []
    running = kube()
    annotations = {"dapr.io/inject-pluggable-components": "true"}
    running.put(POD, "ns", {"metadata": {"name": "web", "annotations": annotations}})
    assert found_in(running, own) == []
    loaded = kube()
    loaded.put(COMPONENT, "ns", component("state.ACME"))
    assert found_in(loaded, own) == []


def test_what_cannot_be_read_is_no_reason() -> None:
    class Narrow(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if verb == "list":
                raise Forbidden("no", 403)

    assert found_in(kube(fake=Narrow), component("state.acme")) == []
