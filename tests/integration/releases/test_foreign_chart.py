# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A chart that is only a reference, in a real registry behind TLS: deployed, changed, taken back, and not to be had."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.paths import BIN
from tests.integration.releases.world import CHART, World, both_helms
from tests.support.distribution import distribution
from tests.support.patience import patience


def chart_at(url: str) -> str:
    """The reference of the chart in a registry, without the version."""
    return f"oci://{url.removeprefix('https://')}/charts/sleeper"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Certificate and key for whoever serves on the loopback, which Helm (by Go's own variable) trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a registry of charts")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pair = tmp_path / "tls.crt", tmp_path / "tls.key"
    pair[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    return pair


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
def test_a_chart_by_reference(world: World, tls: tuple[Path, Path], tmp_path: Path) -> None:
    with distribution(tmp_path, tls=tls) as url:
        reference = chart_at(url)
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
    gone = world.apply(release(world, reference, "0.2.0", text="two"), timeout=round(patience(10)))
    assert gone.code == "registry_unreachable", gone.message
    assert url.removeprefix("https://") in gone.message
    assert world.text("a") == "one"
    world.back().ok()
    assert world.stored("a").chart_version == "0.1.0"
    assert world.statuses("a")[-1] == "deployed"


def test_a_registry_that_is_not_trusted_is_named(
    world: World, tls: tuple[Path, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    with distribution(tmp_path, tls=tls) as url:
        reference = chart_at(url)
        push(tmp_path, reference, "0.1.0")
        monkeypatch.delenv("SSL_CERT_FILE")
        refused = world.apply(release(world, reference, "0.1.0", text="one"))
    assert refused.code == "registry_unreachable", refused.message
    assert url.removeprefix("https://") in refused.message
    assert "API server" not in refused.message
    assert world.statuses("a") == []
