"""An authority of Dapr that tests begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@cache
def first_authority(elliptic: bool = False) -> tuple[str, str, str]:
    """Issuer, its key and its root, as sentry makes them: names alone, and Ed25519 or (before 1.18) P-256."""

    def key() -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
        return ec.generate_private_key(ec.SECP256R1()) if elliptic else ed25519.Ed25519PrivateKey.generate()

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])

    now, root_key, issuer_key = datetime.now(UTC), key(), key()

    def made(subject: str, own: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("cluster.local"))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=15))
            .not_valid_after(now + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(root_key, hashes.SHA256() if elliptic else None)
        )
        return certificate.public_bytes(Encoding.PEM).decode()

    private = issuer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return (
        made("spiffe://cluster.local/ns/dapr-system/dapr-sentry", issuer_key),
        private,
        made("cluster.local", root_key),
    )
