"""A public host by a route of the Gateway API, with another Traefik as the Gateway's controller."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SERVICE

from tests.cluster.build.charts import traefik
from tests.cluster.build.images import PYTHON
from tests.cluster.build.parts import GATEWAY_KINDS
from tests.cluster.paths import BIN, TOP, cache
from tests.edge.conftest import SERVICE as PROGRAM
from tests.edge.conftest import SMALL, Edge
from tests.integration.support import ModuleRun, apply, documents, eventually, run_module

HOST, NAMESPACE = "route.edge.test", "gateway"
GROUP = "gateway.networking.k8s.io/v1"
TRAEFIK = {
    "global": {"checkNewVersion": False},
    "ingressClass": {"enabled": False},
    "providers": {
        "kubernetesCRD": {"enabled": False},
        "kubernetesIngress": {"enabled": False},
        "kubernetesGateway": {"enabled": True},
    },
    "service": {"spec": {"type": "ClusterIP"}},
    "resources": SMALL,
}


def described(kind: str, spec: dict[str, Any], api_version: str = GROUP) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "edge"}, "spec": spec}


def listener(name: str, port: int, protocol: str, **more: Any) -> dict[str, Any]:
    anywhere = {"namespaces": {"from": "All"}}
    return {"name": name, "port": port, "protocol": protocol, "allowedRoutes": anywhere, **more}


@pytest.fixture(scope="module")
def gateway(edge: Edge) -> str:
    """The address of a Gateway with a certificate."""
    kinds = [kind for file in sorted((cache() / GATEWAY_KINDS.place).glob("*.yaml")) for kind in documents(file)]
    apply(edge.kube, "", [kind for kind in kinds if kind["kind"] == "CustomResourceDefinition"])
    apply(edge.kube, "", [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    edge.install("gateway", traefik(), NAMESPACE, TRAEFIK)
    issuer = {"kind": "ClusterIssuer", "name": "own-ca"}
    asked = {"dnsNames": [HOST], "secretName": "edge-tls", "issuerRef": issuer}
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "edge-tls"}]}
    listeners = [listener("http", 8000, "HTTP"), listener("https", 8443, "HTTPS", tls=tls)]
    apply(
        edge.kube,
        NAMESPACE,
        [
            described("Certificate", asked, "cert-manager.io/v1"),
            described("GatewayClass", {"controllerName": "traefik.io/gateway-controller"}),
            described("Gateway", {"gatewayClassName": "edge", "listeners": listeners}),
        ],
    )
    return str(edge.kube.get(SERVICE, NAMESPACE, "gateway")["spec"]["clusterIP"])


def ask(edge: Edge, address: str, *, https: bool) -> http.client.HTTPResponse | None:
    authority = edge.cluster.folder / "pki" / "public-ca.crt"
    try:
        return edge.get("/health?a=b", https=https, host=HOST, address=address, root=authority)
    except OSError:
        return None


def deployed(edge: Edge, name: str, host: str, options: dict[str, Any], **listeners: str) -> ModuleRun:
    """A service of our chart with a route to these listeners."""
    gateway = {"name": "edge", "namespace": NAMESPACE, **listeners}
    values = {
        "environment": "edge", "image": PYTHON, "command": ["python3", "-u", "-c", PROGRAM], "resources": SMALL,
        "minReadySeconds": 1, "exposure": {"api": "gateway", "host": host, "gateway": gateway},
    }  # fmt: skip
    params = {"name": name, "namespace": NAMESPACE, "chart": str(TOP / "charts/service"), "values": values,
              "helm_binary": str(BIN / "helm"), **options}  # fmt: skip
    return run_module("helm_release", params, edge.cluster.kubeconfig)


def test_a_route_is_waited_for_and_leads_to_the_service(edge: Edge, gateway: str) -> None:
    run = deployed(edge, "routed", HOST, {"timeout": 120}, httpsListener="https", httpListener="http")
    assert not run.failed, run.output
    routes = edge.kube.list_(edge.kube.resource(GROUP, "HTTPRoute"), NAMESPACE)[0]
    assert {route["metadata"]["name"] for route in routes} == {"routed", "routed-http"}
    assert all(route["status"]["parents"] for route in routes), "it was waited for"
    page = eventually("HTTPS by the route", lambda: ask(edge, gateway, https=True))
    assert (page.status, page.read()) == (200, b"data: 0\n\n")
    away = ask(edge, gateway, https=False)
    assert away is not None
    assert (away.status, away.getheader("location")) == (301, f"https://{HOST}/health?a=b")


def test_a_listener_that_is_not_there_is_told_in_the_gateways_words(edge: Edge, gateway: str) -> None:
    options = {"timeout": 60, "graces": {"resource_failed": 3}}
    run = deployed(edge, "lost", "lost.edge.test", options, httpsListener="tls", httpListener="")
    assert run.failed, run.output
    print(run.result["msg"])
    assert "HTTPRoute lost" in run.result["msg"]
    assert "NoMatchingParent" in run.result["msg"]
