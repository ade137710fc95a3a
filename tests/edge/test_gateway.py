"""A public host by a route of the Gateway API, with another Traefik as the Gateway's controller."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SERVICE

from tests.cluster.build.charts import traefik
from tests.cluster.build.images import PYTHON
from tests.cluster.build.parts import GATEWAY_KINDS
from tests.cluster.paths import BIN, TOP, cache
from tests.edge.conftest import SERVICE as PROGRAM
from tests.edge.conftest import SMALL, Edge
from tests.integration.support import apply, documents, eventually, run_module

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
    argv = [
        str(BIN / "helm"),
        "upgrade",
        "--install",
        "gateway",
        str(traefik()),
        "--namespace",
        NAMESPACE,
        "--values",
        "-",
    ]
    subprocess.run(argv, input=yaml.safe_dump(TRAEFIK), text=True, check=True, env=edge._env())
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
    authority = str(Path(edge.cluster.folder) / "pki" / "public-ca.crt")
    try:
        raw = socket.create_connection((address, 443 if https else 80), 5)
        connection = http.client.HTTPConnection(HOST)
        context = ssl.create_default_context(cafile=authority)
        connection.sock = context.wrap_socket(raw, server_hostname=HOST) if https else raw
        connection.request("GET", "/health?a=b", headers={"Host": HOST})
        return connection.getresponse()
    except OSError:
        return None


def test_a_route_is_waited_for_and_leads_to_the_service(edge: Edge, gateway: str) -> None:
    names = {"name": "edge", "namespace": NAMESPACE, "httpsListener": "https", "httpListener": "http"}
    values = {
        "environment": "edge", "image": PYTHON, "command": ["python3", "-u", "-c", PROGRAM], "resources": SMALL,
        "minReadySeconds": 1, "exposure": {"api": "gateway", "host": HOST, "gateway": names},
    }  # fmt: skip
    params = {"name": "routed", "namespace": NAMESPACE, "chart": str(TOP / "charts/service"), "values": values,
              "helm_binary": str(BIN / "helm"), "timeout": 120}  # fmt: skip
    run = run_module("helm_release", params, edge.cluster.kubeconfig)
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
    names = {"name": "edge", "namespace": NAMESPACE, "httpsListener": "tls", "httpListener": ""}
    values = {
        "environment": "edge", "image": PYTHON, "command": ["python3", "-u", "-c", PROGRAM], "resources": SMALL,
        "minReadySeconds": 1, "exposure": {"api": "gateway", "host": "lost.edge.test", "gateway": names},
    }  # fmt: skip
    params = {"name": "lost", "namespace": NAMESPACE, "chart": str(TOP / "charts/service"), "values": values,
              "helm_binary": str(BIN / "helm"), "timeout": 60, "graces": {"resource_failed": 3}}  # fmt: skip
    run = run_module("helm_release", params, edge.cluster.kubeconfig)
    assert run.failed, run.output
    print(run.result["msg"])
    assert "HTTPRoute lost" in run.result["msg"]
    assert "NoMatchingParent" in run.result["msg"]
