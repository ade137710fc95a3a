"""A cluster with HTTPS: the platform's roles, a service of charts/service with a public host, and an ACME server."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from cryptography import x509

from tests.cluster import state
from tests.cluster.build.images import PYTHON
from tests.cluster.paths import BIN, TOP
from tests.edge import pebble
from tests.integration.support import apply, eventually
from tests.support.environ import ANSIBLES_OUTPUT

HOST, LOST = "todo.edge.test", "lost.edge.test"
NAMESPACE = "edge"
INVENTORIES = ("-i", "inventories/local", "-i", "inventories/local_acme")
SERVICE = """\
import http.server, time
HEARS = "seen = []; new EventSource('/events').onmessage = event => seen.push(event.data)"
PAGE = f"<title>shop</title><script>{HEARS}</script>"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        stream = self.path == "/events"
        self.send_response(200)
        kind = {"/events": "text/event-stream", "/page": "text/html"}.get(self.path, "text/plain")
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        for number in range(10**6 if stream else 1):
            text = PAGE if self.path == "/page" else f"data: {number}\\n\\n"
            self.wfile.write(text.encode())
            self.wfile.flush()
            time.sleep(0.2 if stream else 0)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
SMALL = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}


@dataclass(frozen=True)
class Edge:
    """The cluster with everything in it."""

    cluster: state.Cluster
    kube: KubeSession
    root: Path  # the ACME server's root certificate

    @property
    def address(self) -> str:
        return self.cluster.node_ip

    def served(self, host: str = HOST) -> x509.Certificate:
        """The certificate that Traefik shows for a host, whoever signed it."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((self.address, 443), 5) as raw,
            context.wrap_socket(raw, server_hostname=host) as s,
        ):
            return x509.load_der_x509_certificate(s.getpeercert(binary_form=True) or b"")

    def get(
        self, path: str, *, https: bool = True, host: str = HOST, address: str = "", root: Path | None = None
    ) -> http.client.HTTPResponse:
        """One request as a browser that trusts the root sends it."""
        raw = socket.create_connection((address or self.address, 443 if https else 80), 5)
        connection = http.client.HTTPConnection(host)
        context = ssl.create_default_context(cafile=str(root or self.root))
        connection.sock = context.wrap_socket(raw, server_hostname=host) if https else raw
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse()

    def deploy(self, name: str, host: str, issuer: str = "pebble") -> None:
        """A service of our chart with a public host."""
        values = {
            "environment": "edge",
            "image": PYTHON,
            "command": ["python3", "-u", "-c", SERVICE],
            "resources": SMALL,
            "minReadySeconds": 1,
            "preStopSleepSeconds": 1,
            "exposure": {
                "api": "ingress",
                "host": host,
                "ingress": {
                    "className": "traefik",
                    "tlsSecretName": f"{name}-tls",
                    "clusterIssuer": issuer,
                    "traefikRedirect": True,
                },
            },
        }
        self.install(name, TOP / "charts/service", NAMESPACE, values)

    def install(self, name: str, chart: Path, namespace: str, values: dict[str, Any]) -> None:
        """A release, by Helm alone."""
        argv = [str(BIN / "helm"), "upgrade", "--install", name, str(chart), "--namespace", namespace, "--values", "-"]
        subprocess.run(argv, input=yaml.safe_dump(values), text=True, check=True, env=self._env())

    def platform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The platform's playbooks, for the two roles."""
        limit = ("--limit", "ingress,cert_manager")
        return self.playbooks("playbooks/inspect.yml", "playbooks/platform.yml", *limit, *arguments)

    def playbooks(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = ["ansible-playbook", *INVENTORIES, *arguments]
        return subprocess.run(argv, cwd=TOP, env=self._env(), capture_output=True, text=True, check=False, timeout=600)

    def _env(self) -> dict[str, str]:
        own = {"TODO_CLOUD_CLUSTER": self.cluster.name, "KUBECONFIG": self.cluster.kubeconfig}
        return {**os.environ, **own, **ANSIBLES_OUTPUT}

    def patch(self, kind: Any, namespace: str, name: str, body: dict[str, Any]) -> None:
        self.kube.patch(kind, namespace, name, body, content_type="application/merge-patch+json")


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Pebble, Traefik, cert-manager and the service; the cluster goes as a whole."""
    cluster = state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"])
    folder = tmp_path_factory.mktemp("edge")
    with KubeSession.from_params({"kubeconfig": cluster.kubeconfig}, user_agent="todo.cloud tests") as kube:
        pebble.start(kube, cluster.folder / "pebble", cluster.node_ip)
        found = Edge(cluster, kube, folder / "root.pem")
        began = time.monotonic()
        run = found.platform()
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]
        print(f"platform: {time.monotonic() - began:.0f} s")
        found.root.write_text(management(kube, "pebble", "https://{}:15000/roots/0"))
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        apply(kube, "", [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}])
        found.deploy("shop", HOST)
        eventually("certificate", lambda: issued(kube, "shop-tls"), 90)
        eventually("HTTPS", lambda: trusted(found), 30)
        yield found


def management(kube: KubeSession, service: str, url: str, **body: Any) -> str:
    """An answer of Pebble's or its name server's administration."""
    address = kube.get(kube.resource("v1", "Service"), pebble.NAMESPACE, service)["spec"]["clusterIP"]
    with httpx.Client(verify=False, trust_env=False, timeout=10) as client:  # its own certificate names the Service
        answer = client.post(url.format(address), json=body) if body else client.get(url.format(address))
    answer.raise_for_status()
    return answer.text


def issued(kube: KubeSession, name: str) -> bool:
    return any(each["name"] == name and each["ready"] for each in certificates(kube, NAMESPACE))


def trusted(found: Edge) -> bool:
    try:
        return found.get("/health").status == 200
    except OSError:
        return False
