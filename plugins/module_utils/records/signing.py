# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signatures of release sets (Ed25519, RFC 8032): who may write ConfigMaps can't write a set that counts.

An environment signs with its private key and accepts its own public key and further ones: the key before, and for a
promotion those of the source. Keys are PEM, or OpenSSH's formats. Without any key nothing is signed or checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..digest import canonical
from ..failure import Code, TodoCloudError, error

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_FORMAT = "todo.cloud/release-set/1"


def statement(namespace: str, environment: str, number: int, text: str, binary: Mapping[str, str]) -> bytes:
    """What is signed: a set's content, its number, and where it belongs."""
    content = [hashlib.sha256(part).hexdigest() for part in (text.encode(), canonical(dict(binary)))]
    return canonical([_FORMAT, namespace, environment, number, *content])


@dataclass(frozen=True)
class RecordKeys:
    """``private`` signs; ``public`` are accepted, that of ``private`` among them."""

    private: Ed25519PrivateKey | None = field(default=None, repr=False)
    public: tuple[Ed25519PublicKey, ...] = ()

    @classmethod
    def parse(cls, record_key: str | None, public_keys: Iterable[str] = ()) -> RecordKeys:
        """From a module's options. Raises invalid_input, missing_library."""
        private = _private(record_key) if record_key else None
        own = [private.public_key()] if private else []
        return cls(private, (*own, *map(_public, public_keys)))

    @property
    def required(self) -> bool:
        """Whether only signed sets count."""
        return bool(self.public)

    def sign(self, content: bytes) -> str:
        """The signature in Base64. Raises invalid_input without a private key."""
        if self.private is None:
            raise error(
                Code.INVALID_INPUT,
                "record_key is missing: with record_public_keys only signed release sets count, so what is recorded "
                "has to be signed.",
                option="record_key",
            )
        return base64.b64encode(self.private.sign(content)).decode()

    def accept(self, content: bytes, signature: str) -> bool:
        """Whether one of the keys signed it."""
        from cryptography.exceptions import InvalidSignature

        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        for key in self.public:
            try:
                key.verify(raw, content)
            except InvalidSignature:
                continue
            return True
        return False


def _private(text: str) -> Ed25519PrivateKey:
    loaders = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _load(
        text, loaders.load_ssh_private_key if "OPENSSH" in text else loaders.load_pem_private_key, password=None
    )
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(
            "record_key", "an Ed25519 private key that has no passphrase; openssl genpkey -algorithm ed25519 makes one"
        )
    return key


def _public(text: str) -> Ed25519PublicKey:
    loaders = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = _load(text, loaders.load_ssh_public_key if text.startswith("ssh-") else loaders.load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key("record_public_keys", "Ed25519 public keys (openssl pkey -pubout)")
    return key


def _load(text: str, load: Any, **options: Any) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key: object = load(text.strip().encode() + b"\n", **options)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as exc:
        raise error(
            Code.MISSING_LIBRARY,
            "Signing release sets needs the Python library cryptography, which ansible-core brings along: run the "
            "module with the controller's Python.",
        ) from exc
    return serialization


def _no_key(option: str, what: str) -> TodoCloudError:
    """Nothing of the key is in the message."""
    return error(Code.INVALID_INPUT, f"{option} does not hold {what}.", option=option)
