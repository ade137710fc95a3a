# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A chart that is only a reference, in a real registry behind TLS: deployed, changed, taken back, and not to be had."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.paths import BIN
from tests.cluster.registry import settings
from tests.integration.releases.world import CHART, World, both_helms
from tests.integration.support import eventually


@contextmanager
def chart_registry(folder: Path, port: int) -> Iterator[str]:
    """A registry behind TLS on the loopback; the reference of its chart without the version."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    config = settings(f"127.0.0.1:{port}")
    config["storage"]["filesystem"]["rootdirectory"] = str(folder / "storage")
    config["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
    file = folder / "registry.json"
    file.write_text(json.dumps(config))
    with (folder / "log").open("a") as log:
        process = subprocess.Popen([str(BIN / "registry"), "serve", str(file)], stdout=log, stderr=log)
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        eventually("the registry answers", lambda: _answers(f"https://localhost:{port}/v2/", trust), 20)
        yield f"oci://localhost:{port}/charts/sleeper"
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str, trust: ssl.SSLContext) -> bool:
    try:
        return httpx.get(url, verify=trust, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port, and a certificate for whoever serves there, which Helm (by Go's own variable) trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a registry of charts")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def push(folder: Path, reference: str, version: str) -> None:
    """The test chart as that version."""
    commands = (
        ["package", CHART, "--version", version, "--destination", str(folder)],
        ["push", str(folder / f"sleeper-{version}.tgz"), reference.rpartition("/")[0]],
    )
    for command in commands:
        subprocess.run([str(BIN / "helm"), *command], check=True, capture_output=True)


def release(world: World, reference: str, version: str, **values: Any) -> dict[str, Any]:
    return {**world.release("a", **values), "chart": reference, "chart_version": version}


@both_helms
def test_a_chart_by_reference(world: World, port: int, tmp_path: Path) -> None:
    with chart_registry(tmp_path, port) as reference:
        push(tmp_path, reference, "0.1.0")
        push(tmp_path, reference, "0.2.0")
        assert world.apply(release(world, reference, "0.1.0", text="one")).ok().actions == {"a": "install"}
        assert world.apply(release(world, reference, "0.2.0", text="one")).ok().actions == {"a": "upgrade"}
        assert world.stored("a").chart_version == "0.2.0"
        before = world.fingerprint()
        absent = world.apply(release(world, reference, "0.3.0", text="one"))
        assert absent.code == "chart_invalid", absent.message
        assert "0.3.0" in absent.message
        assert "\n" not in absent.message
        assert world.stored("a").chart_version == "0.2.0"
        changed = {key for key, value in world.fingerprint().items() if before.get(key) != value}
        assert {key.partition("/")[0] for key in changed} <= {"Lease"}

    # The registry is away: what is deployed is known, and so is the way back; a change needs the chart.
    assert world.apply(release(world, reference, "0.2.0", text="one")).ok().actions == {"a": "unchanged"}
    gone = world.apply(release(world, reference, "0.2.0", text="two"), timeout=10)
    assert gone.code == "registry_unreachable", gone.message
    assert f"localhost:{port}" in gone.message
    assert world.text("a") == "one"
    world.back().ok()
    assert world.stored("a").chart_version == "0.1.0"
    assert world.statuses("a")[-1] == "deployed"


def test_a_registry_that_is_not_trusted_is_named(world: World, port: int, tmp_path: Path, monkeypatch: Any) -> None:
    with chart_registry(tmp_path, port) as reference:
        push(tmp_path, reference, "0.1.0")
        monkeypatch.delenv("SSL_CERT_FILE")
        refused = world.apply(release(world, reference, "0.1.0", text="one"))
    assert refused.code == "registry_unreachable", refused.message
    assert f"localhost:{port}" in refused.message
    assert "API server" not in refused.message
    assert world.statuses("a") == []
