"""What a rotation writes, read by Dapr's own sentry and daprd on this machine: who reaches whom at each step.

Among them sidecars with certificates of the old issuer and of the new one, side by side, as they are amid the restarts.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.authority import new_authority, signed_by
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cluster.paths import BIN
from tests.e2e.conftest import until

_SENTRY = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: s}\nspec: {mtls: {enabled: true}}\n"
_APP = """\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: app}
spec:
  mtls: {enabled: true, controlPlaneTrustDomain: cluster.local}
  nameResolution: {component: kubernetes, version: v1, configuration: {template: '%s'}}
"""
REFUSED = "ERR_DIRECT_INVOKE"  # a handshake that fails is a broken pipe to the caller, at times
_NAMES = ("before", "old", "new", "after")


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@dataclass
class Mesh:
    """Sentry, and sidecars in front of one app."""

    folder: Path
    app_port: int
    ports: dict[str, int] = field(default_factory=lambda: {name: _free() for name in _NAMES})  # where others call
    http: dict[str, int] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sentry_port: int = field(default_factory=_free)
    _sentry: subprocess.Popen[bytes] | None = None

    def _start(self, program: str, *args: str, **env: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            whole = [str(BIN / program), *args, "--enable-metrics=false"]
            environ = {**os.environ, "NAMESPACE": "default", **env}
            self.running.append(subprocess.Popen(whole, stdout=log, stderr=log, env=environ))
        return self.running[-1]

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def sentry(self, **files: str) -> None:
        """It reads these, and whatever is there already; it makes what is missing. ``ca`` is ca.crt."""
        if self._sentry:
            self._sentry.terminate()
            self._sentry.wait()
        names = {"ca": "ca.crt", "issuer": "issuer.crt", "key": "issuer.key"}
        for name, text in files.items():
            (self.folder / names[name]).write_text(text)
        (self.folder / "sentry.yaml").write_text(_SENTRY)
        health = _free()
        self._sentry = self._start(
            "dapr-sentry", "--issuer-credentials", str(self.folder), "--config", str(self.folder / "sentry.yaml"),
            "--port", str(self.sentry_port), "--listen-address", "127.0.0.1", "--trust-domain", "cluster.local",
            "--healthz-port", str(health), "--healthz-listen-address", "127.0.0.1",
        )  # fmt: skip
        until(lambda: _answers(f"http://127.0.0.1:{health}/healthz"), 60, "sentry took what it was given")

    def sidecar(self, name: str, roots: str) -> None:
        """Its certificate is of the issuer that sentry has now; ``roots``: what it trusts as long as it lives."""
        each = (f'{{{{if eq .ID "{app}"}}}}127.0.0.1:{at}{{{{end}}}}' for app, at in self.ports.items())
        (self.folder / "app.yaml").write_text(_APP % "".join(each))
        port = self.http[name] = _free()
        self._start(
            "daprd", "--mode", "standalone", "--app-id", name, "--app-port", str(self.app_port),
            "--dapr-http-port", str(port), "--dapr-grpc-port", str(_free()),
            "--dapr-internal-grpc-port", str(self.ports[name]), "--dapr-listen-addresses", "127.0.0.1",
            "--enable-mtls", "--sentry-address", f"127.0.0.1:{self.sentry_port}",
            "--control-plane-trust-domain", "cluster.local", "--config", str(self.folder / "app.yaml"),
            DAPR_TRUST_ANCHORS=roots,
        )  # fmt: skip
        until(lambda: _answers(f"http://127.0.0.1:{port}/v1.0/healthz"), 60, f"sidecar {name} is ready")

    def issuer_of(self, name: str, issuers: list[str]) -> list[str]:
        """Which of these signed the certificate that a sidecar shows."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = ("127.0.0.1", self.ports[name])
        with socket.create_connection(address, timeout=10) as plain, context.wrap_socket(plain) as tls:
            shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        return signed_by(shown.public_bytes(Encoding.PEM).decode(), issuers)

    def calls(self, caller: str, callee: str) -> str:
        """Empty when the call arrives, else what is wrong."""
        url = f"http://127.0.0.1:{self.http[caller]}/v1.0/invoke/{callee}/method/x"
        answer = httpx.get(url, timeout=60, trust_env=False)
        return "" if answer.status_code == 200 else answer.text


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    app = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    found = Mesh(tmp_path, app.server_port)
    try:
        yield found
    finally:
        for process in found.running:
            process.terminate()
        for process in found.running:
            process.wait()
        app.shutdown()


def test_sidecars_reach_each_other_at_each_step(mesh: Mesh) -> None:
    mesh.sentry()  # makes the first authority by itself
    root, issuer, key = (mesh.read(name) for name in ("ca.crt", "issuer.crt", "issuer.key"))
    mesh.sidecar("before", root)
    made = new_authority(issuer, key, root, time.time())

    mesh.sentry(ca=root + made.root)
    mesh.sidecar("old", root + made.root)
    assert mesh.issuer_of("old", [issuer, made.issuer]) == [issuer]
    assert (mesh.calls("before", "old"), mesh.calls("old", "before")) == ("", "")

    mesh.sentry(issuer=made.issuer, key=made.key)
    mesh.sidecar("new", root + made.root)
    assert mesh.issuer_of("new", [issuer, made.issuer]) == [made.issuer]
    assert (mesh.calls("old", "new"), mesh.calls("new", "old")) == ("", "")
    assert REFUSED in mesh.calls("before", "new"), "why all are restarted before sentry signs by the new one"

    mesh.sentry(ca=made.root)
    mesh.sidecar("after", made.root)
    assert (mesh.calls("new", "after"), mesh.calls("after", "new")) == ("", "")
    assert REFUSED in mesh.calls("old", "after"), "why all are restarted before the old root goes"
