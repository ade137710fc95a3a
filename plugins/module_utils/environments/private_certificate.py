# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server's certificate from an authority of its own, both kept in one Secret; pure but for chance and clock.

Keys of the Secret: ``tls.crt`` and ``tls.key`` (the server's), ``ca.crt`` (what clients trust), ``ca.key`` (signs the
next certificate). The certificate is valid for a year and made anew by a run in its last ``RENEW_DAYS``. The authority
is valid for ten years. In its last two, the certificate's renewal also makes its successor: ``ca.crt`` then holds both,
the server still shows what the old one signed, and the successor signs from the next renewal on. So clients know it for
most of a year before they meet it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:  # ansible-core brings it along
    pass

RENEW_DAYS = 30
_SERVER_DAYS = 365
_AUTHORITY_DAYS = 3650


def outdated(data: Mapping[str, Any], names: Sequence[str], now: datetime | None = None) -> str:
    """Why the content of the Secret (base64, as in the API) has to be made anew; empty: it stays.

    ``names``: the server's DNS names, each of which has to be in the certificate.
    """

    moment = now or datetime.now(UTC)
    try:
        server = x509.load_pem_x509_certificate(_text(data, "tls.crt"))
        authorities = x509.load_pem_x509_certificates(_text(data, "ca.crt"))
        fits = load_pem_private_key(_text(data, "tls.key"), password=None).public_key() == server.public_key()
        known = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return "there is no certificate" if not data else "its content is no certificate"
    if not fits:
        return "the certificate is not of its key"
    if missing := [name for name in names if name not in known.get_values_for_type(x509.DNSName)]:
        return f"the certificate lacks the name {missing[0]}"
    days = (server.not_valid_after_utc - moment).days
    if days < RENEW_DAYS:
        return f"the certificate ends in {days} days" if days >= 0 else "the certificate has ended"
    for authority in authorities:
        try:
            server.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return ""
    return "the certificate is of another authority"


def private_certificate(
    found: Mapping[str, Any] | None, names: Sequence[str], moment: datetime | None = None
) -> dict[str, str]:
    """Contents of the Secret as texts: what is there, if it can stay, else a new certificate. ``found``: the Secret."""
    data, now = (found or {}).get("data") or {}, moment or datetime.now(UTC)
    if not outdated(data, names, now):
        return {key: _text(data, key).decode() for key in sorted(data)}
    authority, key, trusted = _authority(data, now)
    if authority is None or key is None:
        authority, key = _new_authority(names, now)
        trusted = []
    ends = min(now + timedelta(days=_SERVER_DAYS), authority.not_valid_after_utc)
    certificate, server_key = _new_server(names, authority, key, now, ends)
    trusted = [authority, *(each for each in trusted if each != authority)]
    if authority.not_valid_after_utc < now + timedelta(days=2 * _SERVER_DAYS):
        successor, key = _new_authority(names, now)
        trusted.insert(0, successor)
    return {
        "ca.crt": "".join(_pem(each) for each in trusted),
        "ca.key": _key_pem(key),
        "tls.crt": _pem(certificate),
        "tls.key": _key_pem(server_key),
    }


def _authority(
    data: Mapping[str, Any], now: datetime
) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None, list[x509.Certificate]]:
    """The authority whose key is there, its key, and all that are still valid; the newest stands first."""
    try:
        key = load_pem_private_key(_text(data, "ca.key"), password=None)
        known = x509.load_pem_x509_certificates(_text(data, "ca.crt"))
    except (ValueError, TypeError):
        return None, None, []
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None, None, []
    valid = [each for each in known if each.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)]
    own = next((each for each in valid if each.public_key() == key.public_key()), None)
    return own, key, valid


def _new_authority(names: Sequence[str], now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"{names[0][:40]} authority {now:%Y-%m-%d}")
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    builder = _builder(subject, subject, key, now, now + timedelta(days=_AUTHORITY_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _signed(builder.add_extension(x509.KeyUsage(**usage), critical=True), key), key


def _new_server(
    names: Sequence[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    ends: datetime,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_subject(names[0][:64]), authority.subject, key, now, ends)
    others = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = builder.add_extension(others, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return _signed(builder, authority_key), key


_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    # an hour earlier: clocks differ
    started = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return started.not_valid_after(ends).add_extension(identifier, critical=False)


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _text(data: Mapping[str, Any], key: str) -> bytes:
    return base64.b64decode(str(data.get(key) or ""))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
