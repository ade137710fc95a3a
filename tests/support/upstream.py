"""The server behind the proxy (api_proxy.py), and the kubeconfigs on both sides of it."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Upstream:
    """The API server that a kubeconfig's current context names, and its credential."""

    server: str
    authority: bytes
    verify: bool
    token: str
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, path: Path) -> Upstream:
        config = yaml.safe_load(path.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config.get("users") or [], context.get("user"))["user"] or {}
        inline = {**cluster, **user}

        def content(option: str) -> bytes:
            if inline.get(f"{option}-data"):
                return base64.b64decode(inline[f"{option}-data"])
            return (path.parent / inline[option]).read_bytes() if inline.get(option) else b""

        certificate, token = content("client-certificate"), str(user.get("token") or "")
        if not certificate and not token:
            raise ValueError(f"{path}: the proxy takes a client certificate or a token")
        verify = not cluster.get("insecure-skip-tls-verify")
        authority = content("certificate-authority")
        return cls(cluster["server"].rstrip("/"), authority, verify, token, certificate, content("client-key"))

    def tls(self, home: Path, *, as_self: bool) -> ssl.SSLContext | bool:
        """For connections to the server, with the client certificate ``as_self``."""
        if self.server.startswith("http:"):
            return True
        context = ssl.create_default_context(cadata=self.authority.decode() or None)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if as_self and self.certificate:
            file = home / "client.pem"
            file.touch(mode=0o600)
            file.write_bytes(self.certificate + b"\n" + self.key)
            context.load_cert_chain(file)
            file.unlink()
        return context


def _named(entries: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def kubeconfig(port: int, authority: bytes, token: str) -> str:
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": base64.b64encode(authority).decode(),
    }
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": cluster}],
        "users": [{"name": "proxy", "user": {"token": token}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
    })  # fmt: skip
