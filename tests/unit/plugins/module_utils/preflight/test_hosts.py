"""Hosts that two Ingresses or two routes of Gateways claim."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import INGRESS, INGRESS_CLASS, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.hosts import hosts
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem

from tests.support.fake_kube import FakeKube

GROUP = "gateway.networking.k8s.io"
ROUTES = {
    kind: Resource(f"{GROUP}/{version}", kind, f"{kind.lower()}s")
    for kind, version in (("HTTPRoute", "v1"), ("GRPCRoute", "v1"), ("TLSRoute", "v1alpha2"))
}


def ingress(name: str, host: str = "todo.example", path: str = "/", **spec: Any) -> dict[str, Any]:
    rules = [{"host": host, "http": {"paths": [{"path": path}]}}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name},
            "spec": {"rules": rules, **spec}}  # fmt: skip


class Everywhere(FakeKube):
    """Lists objects of all namespaces, as the API does without one; has the routes of Gateways."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds.update({(each.api_version, kind): each for kind, each in ROUTES.items()})

    def list_(self, resource: Resource, namespace: str = "", **options: Any) -> tuple[list[dict[str, Any]], str]:
        if not namespace:
            return [item for (kind, _ns, _name), item in self.objects.items() if kind == resource.kind], "1"
        return super().list_(resource, namespace, **options)


def claimed(kube: FakeKube, **rendered: list[dict[str, Any]]) -> list[Problem]:
    return list(hosts(kube, "ns", rendered))


def test_a_host_that_another_namespace_claims() -> None:
    kube = Everywhere()
    kube.put(INGRESS, "other", ingress("web"))
    kube.put(INGRESS, "ns", ingress("mine"))
    (problem,) = claimed(kube, api=[ingress("mine")])
    assert (problem.code, problem.certain) == (Code.CONFLICT, True)
    assert "namespace other" in problem.message
    assert claimed(kube, api=[ingress("mine", path="/api")]) == []
    assert claimed(kube, api=[ingress("mine", ingressClassName="internal")]) == []


def at(name: str, entry_point: str) -> dict[str, Any]:
    found = ingress(name)
    found["metadata"]["annotations"] = {"traefik.ingress.kubernetes.io/router.entrypoints": entry_point}
    return found


def test_a_redirect_is_not_in_the_way_of_what_it_leads_to() -> None:
    secure, plain = at("shop", "websecure"), at("shop-http", "web")
    assert claimed(Everywhere(), shop=[secure, plain]) == []
    (problem,) = claimed(Everywhere(), shop=[secure, at("shop-too", "websecure")])
    assert problem.code == Code.CONFLICT
    assert len(claimed(Everywhere(), shop=[secure], other=[plain])) == 1


def test_a_host_within_the_namespace_may_be_one_that_goes() -> None:
    kube = Everywhere()
    kube.put(INGRESS, "ns", ingress("old-name"))
    assert [problem.certain for problem in claimed(kube, api=[ingress("new-name")])] == [False]


def test_two_releases_claim_one_host() -> None:
    (problem,) = claimed(Everywhere(), api=[ingress("a")], web=[ingress("b")])
    assert (problem.release, problem.certain) == ("web", True)
    canary = ingress("b")
    canary["metadata"]["annotations"] = {"nginx.ingress.kubernetes.io/canary": "true"}
    assert claimed(Everywhere(), api=[ingress("a")], web=[canary]) == []


def test_an_exact_path_and_a_prefix_may_both_be_there() -> None:
    exact = ingress("b")
    exact["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = "Exact"
    assert claimed(Everywhere(), api=[ingress("a")], web=[exact]) == []


SECURE = {"name": "edge", "namespace": "gateways", "sectionName": "https"}
# What the API server stores for the same: with its defaults.
STORED = {"group": GROUP, "kind": "Gateway", **SECURE}


def route(
    name: str, *matches: dict[str, Any], host: str = "todo.example", kind: str = "HTTPRoute",
    parent: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    rule = {"backendRefs": [{"name": name, "port": 80}], **({"matches": list(matches)} if matches else {})}
    return {"apiVersion": ROUTES[kind].api_version, "kind": kind, "metadata": {"name": name},
            "spec": {"parentRefs": [parent or SECURE], "hostnames": [host], "rules": [rule]}}  # fmt: skip


def path(value: str, **rest: Any) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": value}, **rest}


def header(name: str, value: str) -> dict[str, Any]:
    return {"headers": [{"name": name, "value": value}]}


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("HTTPRoute", {}, {}),
        ("HTTPRoute", {}, path("/")),
        ("HTTPRoute", path("/api"), path("/api")),
        ("HTTPRoute", header("X-Beta", "1"), {"headers": [{"type": "Exact", "name": "x-beta", "value": "1"}]}),
        ("GRPCRoute", {}, {}),
        ("GRPCRoute", {"method": {"service": "todo.Tasks"}}, {"method": {"type": "Exact", "service": "todo.Tasks"}}),
        ("TLSRoute", {}, {}),
    ],
)
def test_two_releases_have_the_same_route(kind: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    ours, twin = route("a", first, kind=kind), route("b", second, kind=kind, host="Todo.example", parent=STORED)
    (problem,) = claimed(Everywhere(), api=[ours], web=[twin])
    assert (problem.release, problem.code, problem.certain) == ("web", Code.CONFLICT, True)
    assert problem.message.startswith(f"{kind} b claims todo.example")
    assert problem.message.endswith("which release api claims too")


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        ("HTTPRoute", route("b", path("/api"))),
        ("HTTPRoute", route("b", {"path": {"type": "Exact", "value": "/"}})),
        ("HTTPRoute", route("b", {"method": "POST"})),
        ("HTTPRoute", route("b", header("x-beta", "1"))),
        ("HTTPRoute", route("b", {"queryParams": [{"name": "beta", "value": "1"}]})),
        ("HTTPRoute", route("b", host="other.example")),
        ("HTTPRoute", route("b", parent={**SECURE, "name": "internal"})),
        ("HTTPRoute", route("b", parent={**SECURE, "sectionName": "http"})),
        ("HTTPRoute", ingress("b", path="/api")),
        ("GRPCRoute", route("b", {"method": {"service": "todo.Tasks"}}, kind="GRPCRoute")),
        ("TLSRoute", route("b", host="other.example", kind="TLSRoute")),
    ],
)
def test_routes_may_share_what_is_not_all_the_same(kind: str, second: dict[str, Any]) -> None:
    assert claimed(Everywhere(), api=[route("a", kind=kind)], web=[second]) == []


def test_a_route_that_is_in_the_cluster() -> None:
    kube = Everywhere()
    live = route("web", path("/"), parent=STORED)
    kube.put(ROUTES["HTTPRoute"], "other", {key: live[key] for key in ("metadata", "spec")})
    (problem,) = claimed(kube, api=[route("api")])
    assert problem.message == ("HTTPRoute api claims todo.example/, which HTTPRoute web in namespace other claims too")
    assert problem.certain
    assert claimed(kube, api=[route("api", path("/api"))]) == []
    kube.put(ROUTES["HTTPRoute"], "ns", {"metadata": {"name": "api"}, "spec": route("api", path("/api"))["spec"]})
    assert claimed(kube, api=[route("api", path("/api"))]) == []


def test_a_gateway_of_the_routes_own_namespace() -> None:
    ours, named = {"name": "edge"}, {"name": "edge", "namespace": "ns"}
    assert len(claimed(Everywhere(), api=[route("a", parent=ours)], web=[route("b", parent=named)])) == 1


def test_a_kind_of_that_name_in_another_group_is_none_of_a_gateway() -> None:
    foreign = {**route("b"), "apiVersion": "example.com/v1"}
    assert claimed(Everywhere(), api=[{**route("a"), "apiVersion": "example.com/v1"}], web=[foreign]) == []


def test_routes_that_the_cluster_does_not_know_are_compared_with_each_other() -> None:
    assert len(claimed(FakeKube(), api=[route("a")], web=[route("b")])) == 1


def test_what_may_not_be_listed_is_not_looked_at() -> None:
    class Narrow(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise Forbidden("no", 403)

    assert claimed(Narrow(), api=[ingress("a")]) == []
    assert len(claimed(Narrow(), api=[ingress("a")], web=[ingress("b")])) == 1


WHOLE = {"name": "edge", "namespace": "gateways"}  # all listeners
ON_PORT = {**WHOLE, "port": 443}


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (route("a"), route("b", parent=WHOLE)),
        (route("a", parent=WHOLE), route("b")),
        (route("a"), route("b", parent=ON_PORT)),
        (ingress("a"), route("b")),
        (route("a", path("/api/")), ingress("b", path="/api")),
        (route("a"), route("b", kind="GRPCRoute", parent=WHOLE)),
    ],
)
def test_what_may_be_in_the_way_of_another_is_told(ours: dict[str, Any], other: dict[str, Any]) -> None:
    (problem,) = claimed(Everywhere(), api=[ours], web=[other])
    assert (problem.release, problem.code, problem.certain) == ("web", Code.CONFLICT, False)
    assert problem.message.startswith(f"{other['kind']} b claims todo.example")
    kube = Everywhere()
    resource = ROUTES.get(other["kind"], INGRESS)
    kube.put(resource, "other", {key: other[key] for key in ("metadata", "spec")})
    (problem,) = claimed(kube, api=[ours])
    assert f"{other['kind']} b in namespace other" in problem.message
    assert not problem.certain


def test_other_listeners_and_an_ingress_beside_its_own_route_are_no_clash() -> None:
    plain = route("a", parent={**WHOLE, "port": 80})
    assert claimed(Everywhere(), api=[plain], web=[route("b", parent=ON_PORT)]) == []
    assert claimed(Everywhere(), api=[ingress("a"), route("a")]) == []
    beta = route("b", path("/", **header("x-beta", "1")))
    assert claimed(Everywhere(), api=[ingress("a")], web=[beta]) == []
    assert claimed(Everywhere(), api=[route("a")], web=[route("b", kind="GRPCRoute", host="other.example")]) == []


def test_a_slash_at_the_end_of_a_prefix_says_nothing() -> None:
    assert len(claimed(Everywhere(), api=[route("a", path("/api"))], web=[route("b", path("/api/"))])) == 1
    one, other = ingress("a", path="/api"), ingress("b", path="/api/")
    for item in (one, other):
        item["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = "Prefix"
    assert len(claimed(Everywhere(), api=[one], web=[other])) == 1


def test_no_host_is_every_host() -> None:
    one, other = ingress("a"), ingress("b")
    for item in (one, other):
        del item["spec"]["rules"][0]["host"]
    (problem,) = claimed(Everywhere(), api=[one], web=[other])
    assert "claims every host at /" in problem.message
    assert not problem.certain
    assert claimed(Everywhere(), api=[one], web=[ingress("b")]) == [], "a host that is named wins"
    bare, twin = route("a"), route("b")
    for item in (bare, twin):
        del item["spec"]["hostnames"]
    assert len(claimed(Everywhere(), api=[bare], web=[twin])) == 1
    assert claimed(Everywhere(), api=[bare], web=[route("b")]) == []


def test_an_ingress_without_a_class_has_the_clusters() -> None:
    kube = Everywhere()
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    kube.put(INGRESS_CLASS, "", {"metadata": {"name": "traefik", "annotations": default}})
    kube.put(INGRESS, "other", ingress("web", ingressClassName="traefik"))
    (problem,) = claimed(kube, api=[ingress("mine")])
    assert "Ingress web in namespace other" in problem.message
    kube.put(INGRESS_CLASS, "", {"metadata": {"name": "traefik"}})
    assert claimed(kube, api=[ingress("mine")]) == []
