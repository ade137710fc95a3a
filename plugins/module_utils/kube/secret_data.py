# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Secret holds, as text; and Secrets that hold one random key."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .api import KubeApi, KubeReader
from .errors import AlreadyExists, NotFound
from .resources import SECRET

_KEY_BYTES = 32


def texts_of(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """Its data by key; what is not text in base64 is left out. Empty without a Secret."""
    data = (secret or {}).get("data")
    found: dict[str, str] = {}
    for key, value in data.items() if isinstance(data, Mapping) else ():
        try:
            found[str(key)] = base64.b64decode(value, validate=True).decode()
        except (ValueError, TypeError):  # binascii.Error and UnicodeDecodeError among them
            continue
    return found


def read_key(kube: KubeReader, namespace: str, name: str) -> bytes | None:
    """The 256 random bits of a Secret; None when there is none (or none that can be used)."""
    found = kube.find(SECRET, namespace, name)
    try:
        key = base64.b64decode(str(((found or {}).get("data") or {}).get("key") or ""), validate=True)
    except binascii.Error:
        return None
    return key if len(key) == _KEY_BYTES else None


def make_key(kube: KubeApi, namespace: str, name: str) -> bytes:
    """The same, made now if there is none."""
    if there := read_key(kube, namespace, name):
        return there
    key = secrets.token_bytes(_KEY_BYTES)
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "immutable": True,
        "type": "Opaque",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "todo.cloud"}},
        "data": {"key": base64.b64encode(key).decode()},
    }
    try:
        kube.create(SECRET, namespace, body)
    except AlreadyExists:
        if other := read_key(kube, namespace, name):
            return other
        with suppress(NotFound):  # one that can't be used
            kube.delete(SECRET, namespace, name)
        kube.create(SECRET, namespace, body)
    return key
