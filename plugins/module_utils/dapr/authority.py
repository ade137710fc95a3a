# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new authority for Dapr's mutual TLS, as sentry makes its first one: a root that signs one issuer, and is then gone.

The root's key is forgotten, by sentry too: a new issuer always means a new root.
Source: GenerateX509 in dapr/dapr, pkg/sentry/server/ca/bundle (1.18).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..failure import Code, TodoCloudError, error

_MARK = "-----END CERTIFICATE-----"
_DAYS = 365
_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Authority:
    """PEM. The key is the issuer's."""

    root: str
    issuer: str
    key: str = field(repr=False)


def split(pem: str) -> list[str]:
    """The certificates of a bundle, each as its text; comments are left out."""
    found = []
    for part in pem.split(_MARK)[:-1]:
        begin = part.rfind("-----BEGIN CERTIFICATE-----")
        if begin >= 0:
            found.append(part[begin:] + _MARK + "\n")
    return found


def signed_by(issuer: str, roots: list[str]) -> list[str]:
    """Those of ``roots`` that signed ``issuer``, or the last certificate of its chain. Raises dapr_trust."""
    certificate = _read(split(issuer)[-1:] or [""])[0]
    return [text for text, root in zip(roots, _read(roots), strict=True) if _signed(certificate, root)]


def new_authority(like_issuer: str, like_key: str, like_root: str, now: float) -> Authority:
    """With the names and the kind of key of the present ones, so that all that reads those reads these. Raises
    dapr_trust, missing_library.
    """
    x509, ed25519, ec, serialization, hashes = _library()
    try:
        elliptic = isinstance(serialization.load_pem_private_key(like_key.encode(), None), ec.EllipticCurvePrivateKey)
    except (ValueError, TypeError):
        raise _unreadable("issuer key") from None
    issuer_name, root_name = (_read(split(text)[:1] or [""])[0].subject for text in (like_issuer, like_root))
    begin = datetime.fromtimestamp(now, UTC)

    def key() -> Any:
        return ec.generate_private_key(ec.SECP256R1()) if elliptic else ed25519.Ed25519PrivateKey.generate()

    def made(name: Any, own: Any, signer: Any, *, crl: bool) -> Any:
        usage = {
            **dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
                 "decipher_only"), False),
            "digital_signature": True, "key_cert_sign": True, "crl_sign": crl,
        }  # fmt: skip
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin - _SKEW)
            .not_valid_after(begin + timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256() if elliptic else None)
        )

    root_key, issuer_key = key(), key()
    pem = serialization.Encoding.PEM
    root = made(root_name, root_key, root_key, crl=False)
    issuer = made(issuer_name, issuer_key, root_key, crl=True)
    private = issuer_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Authority(root.public_bytes(pem).decode(), issuer.public_bytes(pem).decode(), private.decode())


def _read(texts: list[str]) -> list[Any]:
    x509 = _library()[0]
    try:
        return [x509.load_pem_x509_certificate(text.encode()) for text in texts]
    except ValueError:
        raise _unreadable("certificates") from None


def _signed(certificate: Any, root: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _unreadable(what: str) -> TodoCloudError:
    return error(Code.DAPR_TRUST, f"Dapr's {what} (Secret dapr-trust-bundle) cannot be read as PEM.")


def _library() -> tuple[Any, ...]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    except ImportError:
        raise error(
            Code.MISSING_LIBRARY, "New certificates for Dapr are made with the Python library cryptography: install it."
        ) from None
    return x509, ed25519, ec, serialization, hashes
