# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brokers and stores of Dapr components, and which of them keep a sidecar from starting.

The words of daprd's log are those of Dapr 1.14 and 1.18: pkg/runtime/runtime.go, pkg/runtime/processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kube.api import KubeReader
from ..kube.deadline import Deadline
from ..kube.errors import KubeError, Unreachable
from ..kube.resources import SECRET, WELL_KNOWN
from ..kube.secret_data import texts_of
from .hosts import Address, addresses

_COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
_LOADING, _LOADED = (
    ("Loading components", "outstanding components to be processed"),
    "All outstanding components processed",
)
_HOST_KEYS = frozenset({"brokers", "redisHost", "host", "hosts", "url", "natsURL", "endpoint", "connectionString"})


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


def backends(kube: KubeReader, namespace: str, app_id: str, deadline: Deadline | None = None) -> list[Backend]:
    """Of the components that an app loads and that name an address with a port; none where that may not be read.

    Raises Unreachable.
    """
    try:
        return list(_backends(kube, namespace, app_id, deadline))
    except Unreachable:
        raise
    except KubeError:
        return []


def uninitialized(log: str, of_app: list[Backend]) -> list[Backend]:
    """Those that a sidecar still waits for by its log: it hangs, or has ended there."""
    if _LOADED in log or not any(words in log for words in _LOADING):
        return []
    return [each for each in of_app if f"Component loaded: {each.component} (" not in log]


def _backends(kube: KubeReader, namespace: str, app_id: str, deadline: Deadline | None) -> Iterator[Backend]:
    for item in kube.list_(_COMPONENT, namespace, deadline=deadline)[0]:
        if item.get("scopes") and app_id not in item["scopes"]:
            continue
        spec = item.get("spec") or {}
        found: dict[Address, None] = {}
        shared = False
        for entry in spec.get("metadata") or ():
            if entry.get("name") in _HOST_KEYS:
                shared = shared or bool(entry.get("secretKeyRef"))
                found |= dict.fromkeys(addresses(_value(kube, namespace, entry, deadline)))
        if found:
            yield Backend(str(item["metadata"]["name"]), str(spec.get("type") or ""), tuple(found), shared)


def _value(kube: KubeReader, namespace: str, entry: Mapping[str, Any], deadline: Deadline | None) -> str:
    reference = entry.get("secretKeyRef") or {}
    if not reference:
        return str(entry.get("value") or "")
    secret = kube.find(SECRET, namespace, str(reference.get("name") or ""), deadline=deadline)
    return texts_of(secret).get(str(reference.get("key")), "")
