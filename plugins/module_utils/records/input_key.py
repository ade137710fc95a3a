# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key of a namespace for digests over secret values: 256 random bits in a Secret, made once.

Without the key a digest of a password in a label would let everybody who may read labels try passwords. Nothing
depends on it alone: when it is lost, values are compared with those that Helm stores, and the next write makes a new
one.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from ..digest import digest_of
from ..kube.api import KubeApi, KubeReader
from ..kube.errors import AlreadyExists, NotFound
from ..kube.resources import SECRET

NAME = "todo-cloud-input-key"
_BYTES = 32
_ID_LENGTH = 12


@dataclass(frozen=True)
class InputKey:
    """``id`` names the key in labels, without saying anything about it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """12 hex digits."""
        return digest_of(b"input-key", self.secret)[:_ID_LENGTH]


def read_key(kube: KubeReader, namespace: str) -> InputKey | None:
    """The namespace's key; None when there is none (or none that can be used)."""
    found = kube.find(SECRET, namespace, NAME)
    try:
        secret = base64.b64decode(str(((found or {}).get("data") or {}).get("key") or ""), validate=True)
    except binascii.Error:
        return None
    return InputKey(secret) if len(secret) == _BYTES else None


def make_key(kube: KubeApi, namespace: str) -> InputKey:
    """The namespace's key, made now if there is none."""
    if key := read_key(kube, namespace):
        return key
    key = InputKey(secrets.token_bytes(_BYTES))
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "immutable": True,
        "type": "Opaque",
        "metadata": {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "todo.cloud"}},
        "data": {"key": base64.b64encode(key.secret).decode()},
    }
    try:
        kube.create(SECRET, namespace, body)
    except AlreadyExists:
        if other := read_key(kube, namespace):
            return other
        with suppress(NotFound):  # one that can't be used
            kube.delete(SECRET, namespace, NAME)
        kube.create(SECRET, namespace, body)
    return key
