"""Pebble, Let's Encrypt's own test server, in the cluster, behind limits, and a name server that knows every name."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.cluster.build.images import PEBBLE_IMAGE, PYTHON
from tests.edge import limiter
from tests.integration.support import apply

NAMESPACE = "pebble"
LONG = "classic"  # a profile whose certificates are not renewed meanwhile
LIFETIME_SECONDS = 150  # of its certificates: cert-manager renews when a third is left
_NAMES = ("pebble.pebble.svc", "pebble.pebble.svc.cluster.local")
_SMALL = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}


def start(kube: KubeSession, folder: Path, address: str) -> None:
    """Apply it. ``folder`` gets ca.pem, which signed its own certificate; ``address``: what all names lead to."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.pem").exists():
        _make_certificates(folder)
    apply(kube, NAMESPACE, _objects(folder, address))


def _objects(folder: Path, address: str) -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    files = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in ("cert.pem", "key.pem")}
    config = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/etc/pebble/cert.pem",
        "privateKey": "/etc/pebble/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "profiles": {
            "default": {"description": "short", "validityPeriod": LIFETIME_SECONDS},
            LONG: {"description": "as Let's Encrypt's", "validityPeriod": 90 * 86400},
        },
    }
    files["config.json"] = base64.b64encode(json.dumps({"pebble": config}).encode()).decode()
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pebble"}, "data": files}
    labels = {"app": "pebble"}
    dns = ["-defaultIPv4", address, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]
    containers = [
        {
            "name": "pebble",
            "image": PEBBLE_IMAGE,
            "args": ["-config", "/etc/pebble/config.json", "-dnsserver", "127.0.0.1:8053"],
            "env": [
                {"name": name, "value": value}
                for name, value in (
                    ("PEBBLE_VA_NOSLEEP", "1"),
                    ("PEBBLE_WFE_NONCEREJECT", "0"),
                    ("PEBBLE_AUTHZREUSE", "0"),
                )
            ],
            "ports": [{"containerPort": 14000}, {"containerPort": 15000}],
            "readinessProbe": {"tcpSocket": {"port": 14000}, "periodSeconds": 1},
            "resources": _SMALL,
            "volumeMounts": [{"name": "files", "mountPath": "/etc/pebble"}],
        },
        {
            "name": "limits",
            "image": PYTHON,
            "command": ["python3", "-u", "-c", Path(limiter.__file__).read_text(), "14001", "14000", "14002"],
            "ports": [{"containerPort": 14001}, {"containerPort": 14002}],
            "readinessProbe": {"tcpSocket": {"port": 14002}, "periodSeconds": 1},
            "resources": _SMALL,
            "volumeMounts": [{"name": "files", "mountPath": "/etc/pebble"}],
        },
        {
            "name": "names",
            "image": PEBBLE_IMAGE,
            "command": ["/pebble-challtestsrv", "-dnsserver", ":8053", "-management", ":8055", *dns],
            "ports": [{"containerPort": 8053, "protocol": "UDP"}, {"containerPort": 8055}],
            "readinessProbe": {"tcpSocket": {"port": 8055}, "periodSeconds": 1},
            "resources": _SMALL,
        },
    ]
    spec = {
        "terminationGracePeriodSeconds": 1,
        "containers": containers,
        "volumes": [{"name": "files", "secret": {"secretName": "pebble"}}],
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "pebble"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    ports = {
        "pebble": [
            ("acme", 14000, 14001, "TCP"),
            ("management", 15000, 15000, "TCP"),
            ("limits", 14002, 14002, "TCP"),
        ],
        "pebble-dns": [("dns", 53, 8053, "UDP"), ("dns-tcp", 53, 8053, "TCP"), ("management", 8055, 8055, "TCP")],
    }
    for name, found in ports.items():
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {
                "selector": labels,
                "ports": [{"name": n, "port": p, "targetPort": t, "protocol": kind} for n, p, t, kind in found],
            },
        }


def _make_certificates(folder: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, public: ec.EllipticCurvePublicKey, *names: str) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pebble ca")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
            )
        return builder.sign(authority, hashes.SHA256())

    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = certificate("pebble", key.public_key(), *_NAMES)
    (folder / "key.pem").write_bytes(secret)
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    # Last: where it is, the others are.
    (folder / "ca.pem").write_bytes(certificate("pebble ca", authority.public_key()).public_bytes(Encoding.PEM))
