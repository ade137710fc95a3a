"""Signatures of images in a FakeRegistry, in the two forms that cosign writes; tests/pipeline has the program's own."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.fake_registry import INDEX, MANIFEST, FakeRegistry

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNS = "https://sigstore.dev/cosign/sign/v1"
STATEMENT = "application/vnd.in-toto+json"


class Signer:
    """Whoever has a private key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> str:
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, content: bytes) -> str:
        return base64.b64encode(self._key.sign(content, ec.ECDSA(SHA256()))).decode()

    def payload(self, registry: FakeRegistry, name: str, digest: str, *, of: str = "") -> None:
        """As cosign 2 does. ``of``: the digest that it speaks of, another one than it is attached to."""
        claimed = {"identity": {}, "image": {"docker-manifest-digest": of or digest}}
        critical = {**claimed, "type": "cosign container image signature"}
        content = json.dumps({"critical": critical, "optional": None}).encode()
        attach(registry, name, digest, content, self.sign(content))

    def bundle(self, registry: FakeRegistry, name: str, digest: str, *, of: str = "", says: str = SIGNS) -> None:
        """As cosign 3 does, in a registry without a list of what refers to a digest."""
        subject = [{"name": name, "digest": {"sha256": (of or digest).partition(":")[2]}}]
        content = json.dumps({"subject": subject, "predicateType": says, "predicate": {}}).encode()
        signed = b"DSSEv1 %d %s %d " % (len(STATEMENT), STATEMENT.encode(), len(content)) + content
        envelope = {
            "payload": base64.b64encode(content).decode(), "payloadType": STATEMENT,
            "signatures": [{"sig": self.sign(signed)}],
        }  # fmt: skip
        attach_bundle(registry, name, digest, {"mediaType": BUNDLE, "dsseEnvelope": envelope})


def attach(registry: FakeRegistry, name: str, digest: str, payload: bytes, signature: str) -> None:
    """Below the tag that cosign 2 gives it."""
    annotations = {"dev.cosignproject.cosign/signature": signature}
    layer = _blob(registry, name, "application/vnd.dev.cosign.simplesigning.v1+json", payload)
    tag = digest.replace(":", "-") + ".sig"
    registry.put(name, tag, MANIFEST, _manifest(registry, name, {**layer, "annotations": annotations}))


def attach_bundle(registry: FakeRegistry, name: str, digest: str, bundle: Mapping[str, Any]) -> None:
    """One more of those that refer to the digest."""
    layer = _blob(registry, name, BUNDLE, json.dumps(bundle).encode())
    manifest = registry.put(name, "", MANIFEST, _manifest(registry, name, layer, artifactType=BUNDLE))
    entry = {"mediaType": MANIFEST, "digest": manifest, "artifactType": BUNDLE}
    before, tag = registry.repositories[name], digest.replace(":", "-")
    _kind, index = before.manifests.get(before.tags.get(tag, ""), ("", b'{"manifests": []}'))
    registry.put(name, tag, INDEX, {"mediaType": INDEX, "manifests": [*json.loads(index)["manifests"], entry]})


def _manifest(registry: FakeRegistry, name: str, layer: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    empty = _blob(registry, name, "application/vnd.oci.empty.v1+json", b"{}")
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [layer], **more}


def _blob(registry: FakeRegistry, name: str, kind: str, content: bytes) -> Mapping[str, Any]:
    return {"mediaType": kind, "digest": registry.blob(name, content), "size": len(content)}
