# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much of its quota an environment uses, and where its public hosts are served; reads only."""

from __future__ import annotations

from typing import Any

from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import INGRESS, RESOURCE_QUOTA, Resource
from ..readiness.fields import name, spec, status
from ..readiness.templates import items, mapping


def quota_use(kube: KubeReader, namespace: str) -> list[dict[str, Any]]:
    """Each quota's resources with what is used and the limit, as Kubernetes writes them; empty if none may be read."""
    found = []
    for quota in _list(kube, RESOURCE_QUOTA, namespace):
        used = mapping(status(quota).get("used"))
        for resource, hard in sorted(mapping(spec(quota).get("hard")).items()):
            found.append(
                {"quota": name(quota), "resource": resource, "used": str(used.get(resource, "?")), "hard": str(hard)}
            )
    return found


def public_hosts(kube: KubeReader, namespace: str) -> list[dict[str, Any]]:
    """The hosts of the namespace's Ingresses, each with the addresses of the load balancer that serves it."""
    found: dict[str, set[str]] = {}
    for ingress in _list(kube, INGRESS, namespace):
        balancer = mapping(status(ingress).get("loadBalancer"))
        addresses = {str(each.get("ip") or each.get("hostname") or "") for each in items(balancer.get("ingress"))}
        for rule in items(spec(ingress).get("rules")):
            if rule.get("host"):
                found.setdefault(str(rule["host"]), set()).update(addresses - {""})
    return [{"host": host, "addresses": sorted(addresses)} for host, addresses in sorted(found.items())]


def _list(kube: KubeReader, kind: Resource, namespace: str) -> list[dict[str, Any]]:
    try:
        return kube.list_(kind, namespace)[0]
    except Forbidden:
        return []
