"""Signed is what a key of the environment has signed: this digest, as an image, in either form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.signatures import ImageKeys, why_unsigned
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.fake_registry import INDEX, FakeRegistry
from tests.support.signatures import BUNDLE, STATEMENT, Signer, attach, attach_bundle
from tests.unit.plugins.module_utils.registry.conftest import NAME, client, failure, ref

OWN, OTHER = Signer(), Signer()
KEYS = ImageKeys.parse(OWN.public)


def why(registry: FakeRegistry, digest: str, keys: ImageKeys = KEYS) -> str:
    return why_unsigned(client(registry), ref(digest), keys)


@pytest.mark.parametrize("form", ["payload", "bundle"])
def test_one_of_the_keys_has_signed_this_digest(registry: FakeRegistry, form: str) -> None:
    digest, other = registry.push(NAME, "v1", text="1"), registry.push(NAME, "v2", text="2")
    assert why(registry, digest) == "it has no signature"
    getattr(OTHER, form)(registry, NAME, digest)
    assert why(registry, digest) == "its one signature is by another key"
    assert why(registry, digest, ImageKeys.parse(f"{OWN.public}\n{OTHER.public}")) == ""
    getattr(OWN, form)(registry, NAME, digest)
    assert why(registry, digest) == ""
    assert why(registry, other) == "it has no signature"


@pytest.mark.parametrize("form", ["payload", "bundle"])
def test_what_cosign_itself_has_written(registry: FakeRegistry, form: str) -> None:
    made = json.loads((Path(__file__).parent / "cosign.json").read_text())
    digest, keys = made["digest"], ImageKeys.parse(made["key"])
    if form == "payload":
        attach(registry, NAME, digest, made["payload"].encode(), made["signature"])
    else:
        attach_bundle(registry, NAME, digest, made["bundle"])
    assert why(registry, digest, keys) == ""
    assert why(registry, digest) == "its one signature is by another key"


@pytest.mark.parametrize("form", ["payload", "bundle"])
def test_a_signature_of_another_digest_is_none(registry: FakeRegistry, form: str) -> None:
    """Whoever may push can attach the genuine signature of one image to another one."""
    digest, other = registry.push(NAME, "v1", text="1"), registry.push(NAME, "v2", text="2")
    getattr(OWN, form)(registry, NAME, digest, of=other)
    assert why(registry, digest) == "its one signature is by another key"


def test_an_attestation_is_no_signature(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    OWN.bundle(registry, NAME, digest, says="https://spdx.dev/Document")
    assert why(registry, digest) == "it has no signature"
    OTHER.bundle(registry, NAME, digest)
    OWN.bundle(registry, NAME, digest)
    assert why(registry, digest) == ""
    assert why(registry, digest, ImageKeys.parse(Signer().public)) == "its 2 signatures are by other keys"


def test_a_registry_that_lists_what_refers_to_a_digest(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    OWN.bundle(registry, NAME, digest)
    repository = registry.repositories[NAME]
    index = repository.tags.pop(digest.replace(":", "-"))
    assert why(registry, digest) == "it has no signature"
    repository.referrers[digest] = repository.manifests.pop(index)[1]
    assert why(registry, digest) == ""


def test_a_list_of_what_refers_to_a_digest_may_have_pages(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    for signer in (OTHER, OTHER, OWN):
        signer.bundle(registry, NAME, digest)
    repository = registry.repositories[NAME]
    index = repository.tags.pop(digest.replace(":", "-"))
    repository.referrers[digest] = repository.manifests.pop(index)[1]
    registry.page = 1
    assert why(registry, digest) == ""
    assert len(client(registry).referrers(ref(digest))) == 3
    repository.referrers[digest] = json.dumps({"manifests": [{"digest": digest}] * 101}).encode()
    assert failure(client(registry).referrers, ref(digest)).code is Code.REGISTRY_ERROR, "it has no end"


@pytest.mark.parametrize(
    "hostile",
    [{}, {"dsseEnvelope": []}, {"dsseEnvelope": {"payload": "%", "payloadType": STATEMENT}},
     {"dsseEnvelope": {"payload": "e30=", "payloadType": STATEMENT, "signatures": [{"sig": 1}, 2]}}],
)  # fmt: skip
def test_nonsense_is_no_signature(registry: FakeRegistry, hostile: object) -> None:
    digest = registry.push(NAME, "v1")
    OWN.bundle(registry, NAME, digest)
    repository = registry.repositories[NAME]
    content = json.dumps(hostile).encode()
    blob = registry.blob(NAME, content)
    manifest = registry.put(NAME, "", "application/vnd.oci.image.manifest.v1+json",
                            {"layers": [{"mediaType": BUNDLE, "digest": blob}, {"digest": "x"}, 7]})  # fmt: skip
    entries = [{"artifactType": BUNDLE, "digest": manifest}, {"artifactType": BUNDLE, "digest": "sha256:" + "0" * 64}]
    registry.put(NAME, digest.replace(":", "-"), INDEX, {"manifests": entries})
    assert why(registry, digest) == "it has no signature"
    assert repository.manifests, "it was there"


def test_a_registry_that_cannot_be_asked_is_no_verdict(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.auth = "basic"
    assert failure(why, registry, digest).code is Code.REGISTRY_DENIED


def test_only_public_keys_that_cosign_makes() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    others = (ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate())
    pems = [each.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for each in others]
    for given in (secret, *pems, "cosign.pub", OWN.public.replace("MFk", "AAA")):
        with pytest.raises(TodoCloudError) as caught:
            ImageKeys.parse(given)
        assert "image_signature_key holds no public key" in caught.value.failure.message
        assert caught.value.failure.code is Code.INVALID_INPUT
        assert secret[40:60] not in str(caught.value.failure)
    assert ImageKeys.parse(" \n").keys == ()
