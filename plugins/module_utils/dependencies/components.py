# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brokers and stores of Dapr components, by the components that an app's sidecar loads."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .hosts import Address, addresses

_HOST_KEYS = frozenset({"brokers", "redisHost", "host", "hosts", "url", "natsURL", "endpoint", "connectionString"})

# The data of a Secret by its name, empty where it may not be read.
Secrets = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Backend:
    """What one component connects to. ``shared``: the addresses are in a Secret, which an older version reads too."""

    component: str
    kind: str
    addresses: tuple[Address, ...]
    shared: bool = False

    def __str__(self) -> str:
        named = ", ".join(map(str, self.addresses))
        return f"{named} of component {self.component}" + (f" ({self.kind})" if self.kind else "")


def backends(items: list[dict[str, Any]], app_id: str, secrets: Secrets) -> Iterator[Backend]:
    """Those of the components that an app loads, and that name an address with a port."""
    for item in items:
        if item.get("scopes") and app_id not in item["scopes"]:
            continue
        spec = item.get("spec") or {}
        found: dict[Address, None] = {}
        shared = False
        for entry in spec.get("metadata") or ():
            if entry.get("name") in _HOST_KEYS:
                shared = shared or bool(entry.get("secretKeyRef"))
                found |= dict.fromkeys(addresses(_value(entry, secrets)))
        if found:
            yield Backend(str(item["metadata"]["name"]), str(spec.get("type") or ""), tuple(found), shared)


def _value(entry: Mapping[str, Any], secrets: Secrets) -> str:
    reference = entry.get("secretKeyRef") or {}
    if not reference:
        return str(entry.get("value") or "")
    try:
        data = secrets(str(reference.get("name") or ""))
        return base64.b64decode(data.get(str(reference.get("key")), "")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
