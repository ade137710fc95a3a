# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module environment_info: claims, fingerprint, and changes since another fingerprint."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..kube.api import KubeReader
from .fingerprint import compare, format_changes
from .guard import CLUSTER_ID, HOSTS, MANAGED, PLATFORM, TOPICS, Claims, guard, topics_claim
from .inspect import checked, inspect, published

OWN = "published"

CLAIMS_SPEC: dict[str, Any] = {
    "type": "dict",
    "options": {
        "environment": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "platform": {"type": "bool", "default": False},
        "brokers": {"type": "str", "default": ""},
        "shared_topics": {"type": "bool", "default": False},
    },
}


def claims_info(kube: KubeReader, params: Mapping[str, Any]) -> dict[str, Any]:
    """Refuses what belongs to another environment (see guard.py); returns the annotations that publish the claims."""
    raw = params["claims"]
    hosts = tuple(sorted({host for text in raw["hosts"] if (host := host_of(text))}))
    topics = topics_claim(raw.get("brokers") or "", "" if raw.get("shared_topics") else params["namespace"])
    claims = Claims(raw["environment"], params["namespace"], params["cluster_id"] or "", hosts, raw["platform"], topics)
    found = guard(kube, claims, may_be_absent=True)
    annotations = {HOSTS: ",".join(hosts), PLATFORM: MANAGED if claims.platform else "", TOPICS: topics}
    return {
        "cluster_id": found.cluster_id,
        "annotations": annotations | ({CLUSTER_ID: found.cluster_id} if found.cluster_id else {}),
        "warnings": found.warnings,
    }


def fingerprint_info(kube: KubeReader, params: Mapping[str, Any]) -> dict[str, Any]:
    """The fingerprint, and with ``compare_to`` the changes, also as text."""
    namespace, against = params["namespace"], params["compare_to"]
    environment = params["environment"] or namespace
    before = published(kube, namespace) if against == OWN else checked(against) if against else None
    now = inspect(kube, namespace, environment, params["platform_namespaces"])
    result: dict[str, Any] = {"fingerprint": now.fingerprint, "compared": before is not None}
    result |= {"changes": [], "table": []}
    if before is not None:
        changes = compare(before, now.fingerprint, now.live)
        result["changes"] = [change.as_result() for change in changes]
        result["table"] = format_changes(environment, changes, len(now.fingerprint["objects"]))
    elif against:
        result["table"] = [f"{environment}: nothing to compare with, it has not published a fingerprint yet"]
    if now.fingerprint["unread"]:
        kinds = ", ".join(now.fingerprint["unread"])
        result["table"] += [f"{environment}: not compared, since the credentials may not list them: {kinds}"]
    return result


def host_of(text: str) -> str:
    """Host name of a URL (or the text itself); empty for IP addresses and localhost, which cannot be claimed."""
    host = (urlsplit(text).hostname if "//" in text else text.strip().lower()) or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "" if host == "localhost" else host
    return ""
