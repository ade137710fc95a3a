# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expiry of the certificates of an environment's public endpoints, from cert-manager."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..kube.api import KubeReader
from ..kube.errors import Forbidden, NotFound
from ..kube.resources import Resource

_CERTIFICATE = Resource("cert-manager.io/v1", "Certificate", "certificates")
_DAY_SECONDS = 86400


def certificates(kube: KubeReader, namespace: str) -> list[dict[str, Any]]:
    """Name, whole days left (None: not issued yet) and readiness of each Certificate.

    Empty without cert-manager, or when the credentials may not read them.
    """
    try:
        found = kube.list_(_CERTIFICATE, namespace)[0]
    except (Forbidden, NotFound):
        return []
    return sorted((_describe(item, kube.server_now()) for item in found), key=lambda each: str(each["name"]))


def _describe(item: dict[str, Any], now: float) -> dict[str, Any]:
    status = item.get("status") or {}
    ends = status.get("notAfter")
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    days = int((datetime.fromisoformat(ends).timestamp() - now) // _DAY_SECONDS) if ends else None
    return {"name": item["metadata"]["name"], "days_left": days, "ready": ready}
