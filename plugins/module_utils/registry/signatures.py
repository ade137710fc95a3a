# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signatures of images, as cosign makes them with a key of one's own (ECDSA P-256): does a digest carry a valid one?

Two forms are known, both verified here with the library that signs release sets, so that no program has to be installed
and the registry is asked as for everything else (endpoint, credentials, limits):

* bundles (cosign 3): manifests that refer to the digest, listed by the registry, or below the tag ``sha256-<digest>``
  where it has no such list (OCI Distribution Specification 1.1). Each has a DSSE envelope around an in-toto statement.
* payloads (cosign 2): layers below the tag ``sha256-<digest>.sig``, the signature in an annotation.

Nothing of what a registry answers is trusted but bytes that a key has signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..failure import Code, TodoCloudError, error
from .answers import json_object
from .client import RegistryClient
from .image import mapping, text
from .reference import Reference, is_digest, tag_of_referrers

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_MOST = 100  # signatures of one image that are looked at
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_STATEMENT = "application/vnd.in-toto+json"
_PREDICATE = "https://sigstore.dev/cosign/sign/v1"  # others are attestations, which say other things
_PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
_PAYLOAD_TYPES = ("cosign container image signature", _PREDICATE)
_ANNOTATION = "dev.cosignproject.cosign/signature"
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)


@dataclass(frozen=True)
class ImageKeys:
    """Public keys, any of which may have signed an image."""

    keys: tuple[EllipticCurvePublicKey, ...] = ()

    @classmethod
    def parse(cls, given: str) -> ImageKeys:
        """From one or more keys in PEM. Raises invalid_input, missing_library."""
        blocks = _PEM.findall(given)
        if given.strip() and not blocks:
            raise _no_key()
        return cls(tuple(map(_public, blocks)))

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether one of them signed it; the signature is in Base64."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        raw = _decoded(signature)
        for key in self.keys:
            with suppress(InvalidSignature):
                key.verify(raw, content, ECDSA(SHA256()))
                return True
        return False


def why_unsigned(client: RegistryClient, image: Reference, keys: ImageKeys) -> str:
    """Why an image by digest does not count as signed; empty when a key has signed it. Raises what the client does."""
    seen = 0
    for content, signature, digest in _signatures(client, image):
        if digest == image.digest and keys.signed(content, signature):
            return ""
        seen += 1
    if not seen:
        return "it has no signature"
    return "its one signature is by another key" if seen == 1 else f"its {seen} signatures are by other keys"


def _signatures(client: RegistryClient, image: Reference) -> Iterator[tuple[bytes, str, str]]:
    """What was signed, the signature in Base64, and the digest that the content speaks of."""
    bundles = [each for each in client.referrers(image) if text(each, "artifactType").startswith(_BUNDLE)]
    for entry in bundles[:_MOST]:
        yield from _of_bundle(client, image, entry["digest"])
    for layer in _layers(client, Reference(image.registry, image.repository, f"{tag_of_referrers(image.digest)}.sig")):
        signature = text(mapping(layer, "annotations"), _ANNOTATION)
        if text(layer, "mediaType") == _PAYLOAD and signature:
            content = client.blob(image, text(layer, "digest"))
            yield content, signature, _digest_of_payload(json_object(content))


def _of_bundle(client: RegistryClient, image: Reference, digest: str) -> Iterator[tuple[bytes, str, str]]:
    for layer in _layers(client, Reference(image.registry, image.repository, "", digest)):
        if not text(layer, "mediaType").startswith(_BUNDLE):
            continue
        envelope = mapping(json_object(client.blob(image, text(layer, "digest"))), "dsseEnvelope")
        kind, content = text(envelope, "payloadType"), _decoded(text(envelope, "payload"))
        signatures = envelope.get("signatures")
        statement = json_object(content)
        if kind == _STATEMENT and text(statement, "predicateType") == _PREDICATE and isinstance(signatures, list):
            for each in signatures[:_MOST]:
                yield _encoded(kind, content), text(each, "sig"), _digest_of_statement(statement)


def _layers(client: RegistryClient, reference: Reference) -> Sequence[Mapping[str, Any]]:
    """Layers with a digest of a manifest; none when it does not exist."""
    try:
        layers = client.manifest(reference).content.get("layers")
    except TodoCloudError as exc:
        if exc.failure.code is not Code.IMAGE_NOT_FOUND:
            raise
        return ()
    return [each for each in layers if is_digest(text(each, "digest"))][:_MOST] if isinstance(layers, list) else ()


def _digest_of_payload(payload: object) -> str:
    critical = mapping(payload, "critical")
    known = text(critical, "type") in _PAYLOAD_TYPES
    return text(mapping(critical, "image"), "docker-manifest-digest") if known else ""


def _digest_of_statement(statement: object) -> str:
    """Of its only subject."""
    subjects = statement.get("subject") if isinstance(statement, Mapping) else None
    if not isinstance(subjects, list) or len(subjects) != 1:
        return ""
    found = text(mapping(subjects[0], "digest"), "sha256")
    return f"sha256:{found}" if found else ""


def _encoded(kind: str, content: bytes) -> bytes:
    """What is signed of an envelope: DSSE's pre-authentication encoding, version 1."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(content), content)


def _decoded(base: str) -> bytes:
    try:
        return base64.b64decode(base, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _public(pem: str) -> EllipticCurvePublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as exc:
        message = "Signatures of images are verified with the Python library cryptography: install it."
        raise error(Code.MISSING_LIBRARY, message) from exc
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError as exc:
        raise _no_key() from exc
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _no_key()
    return key


def _no_key() -> TodoCloudError:
    return error(
        Code.INVALID_INPUT,
        "image_signature_key holds no public key in PEM of ECDSA P-256: give what `cosign generate-key-pair` writes to "
        "cosign.pub.",
        option="image_key",
    )
