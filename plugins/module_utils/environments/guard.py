# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses, before the first write, another cluster and another environment's namespace, host name, platform or topics.

Each environment's namespace carries its claims: its name in a label; the cluster's identity (the uid of the namespace
kube-system), its public host names, whether it manages the platform, and its broker with what its topics begin with in
annotations. So one list of namespaces shows whether two inventories claim the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..digest import digest_of
from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeApi, KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import NAMESPACE
from ..labels import ENVIRONMENT

CLUSTER_ID = "todo.cloud/cluster-id"
HOSTS = "todo.cloud/hosts"
PLATFORM = "todo.cloud/platform"
TOPICS = "todo.cloud/topics"
MANAGED = "managed"

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Claims:
    """What a run is about to write to. ``cluster_id``: the identity that the inventory expects; may be empty."""

    environment: str
    namespace: str
    cluster_id: str = ""
    hosts: tuple[str, ...] = ()
    platform: bool = False
    topics: str = ""  # see topics_claim


def topics_claim(brokers: str, prefix: str) -> str:
    """A broker's hosts, as digests, and what all topics of the environment begin with; empty without a broker.

    ``brokers``: ``host:port``, separated by commas. Ports don't count: one broker has several.
    """
    hosts = {each.strip().lower().rpartition(":")[0] for each in brokers.split(",") if each.strip()}
    return f"{','.join(sorted(digest_of(host.encode())[:12] for host in hosts))}/{prefix}" if hosts else ""


@dataclass
class Guard:
    """Result. ``cluster_id`` is empty when the credentials may not read it; ``warnings``: what was not compared."""

    cluster_id: str = ""
    recorded: str = ""  # cluster identity in the namespace's annotation
    there: bool = True
    free: bool = False  # not claimed by any environment yet
    warnings: list[str] = field(default_factory=list)


def guard(
    kube: KubeReader,
    claims: Claims,
    *,
    may_be_absent: bool = False,
    may_be_free: bool = False,
    leaving: bool = False,
) -> Guard:
    """Refuses what is not this environment's. Raises invalid_input or not_found; three parallel requests.

    ``may_be_absent`` (a new environment): the namespace may be missing; the result says whether it is there.
    ``may_be_free`` (adopting): the namespace may lack an environment's label. ``leaving``: something is removed, so
    claims of other environments do not matter.
    """
    with ThreadPoolExecutor(3) as pool:
        own = pool.submit(kube.find, NAMESPACE, "", claims.namespace, metadata_only=True)
        system = pool.submit(_unless_forbidden, lambda: kube.get(NAMESPACE, "", "kube-system", metadata_only=True))
        listed = pool.submit(
            _unless_forbidden,
            lambda: [] if leaving else kube.list_(NAMESPACE, label_selector=ENVIRONMENT, metadata_only=True)[0],
        )
        found, cluster, others = own.result(), system.result(), listed.result()
    guarded = Guard(str(cluster["metadata"]["uid"]) if cluster else "", there=found is not None)
    metadata: Metadata = found["metadata"] if found else {}
    guarded.recorded = _notes(metadata).get(CLUSTER_ID, "")
    guarded.free = guarded.there and ENVIRONMENT not in (metadata.get("labels") or {})
    _namespace(metadata, claims, guarded, may_be_absent, may_be_free)
    _cluster(claims, guarded)
    if others is None:
        guarded.warnings.append(
            "The credentials may not list the other environments of this cluster: their claims to host names, "
            "the platform and to topics were not checked."
        )
    _others([item["metadata"] for item in others or ()], metadata, claims)
    return guarded


def record(kube: KubeApi, namespace: str, guarded: Guard) -> None:
    """Writes the cluster's identity into the namespace on first use, if the credentials may."""
    if guarded.recorded or not guarded.cluster_id or not guarded.there:
        return
    patch = {"metadata": {"annotations": {CLUSTER_ID: guarded.cluster_id}}}
    try:
        kube.patch(NAMESPACE, "", namespace, patch)
    except Forbidden:
        return  # whoever creates the namespace records it: the role environment does


def _namespace(metadata: Metadata, claims: Claims, guarded: Guard, may_be_absent: bool, may_be_free: bool) -> None:
    name, environment = claims.namespace, claims.environment
    if not metadata:
        if may_be_absent:
            return
        missing = f"There is no namespace {name!r}: deploy the environment {environment!r} first."
        raise error(Code.NOT_FOUND, missing, namespace=name)
    owner = (metadata.get("labels") or {}).get(ENVIRONMENT)
    if owner != environment and not (may_be_free and guarded.free):
        problem = f"belongs to environment {owner!r}" if owner else f"has no label {ENVIRONMENT}"
        remedy = (
            "Set environment_namespace (namespace) to one of its own."
            if owner
            else f"If it is meant for it: kubectl label namespace {name} {ENVIRONMENT}={environment}"
        )
        raise _refused(
            f"Namespace {name!r} {problem}: environment {environment!r} may not deploy there. {remedy}",
            claims,
            found=owner,
        )
    if metadata.get("deletionTimestamp"):
        raise _refused(f"Namespace {name!r} is being deleted.", claims)


def _cluster(claims: Claims, guarded: Guard) -> None:
    is_ = guarded.cluster_id
    if claims.cluster_id and not is_:
        raise _refused(
            "The cluster's identity cannot be read, so cluster_id cannot be checked: the credentials need the right "
            "to get the namespace kube-system.",
            claims,
        )
    if claims.cluster_id and claims.cluster_id != is_:
        raise _refused(
            f"This is another cluster: the inventory expects {claims.cluster_id} (cluster_id), but the credentials "
            f"are for {is_}. Check the kubeconfig and its context.",
            claims,
            found=is_,
        )
    if guarded.recorded and is_ and guarded.recorded != is_:
        raise _refused(
            f"Namespace {claims.namespace!r} was set up in cluster {guarded.recorded}, but this is cluster {is_}: it "
            f"was copied or restored. If it belongs here, remove its annotation {CLUSTER_ID}.",
            claims,
            found=is_,
        )


def _others(listed: Iterable[Metadata], own: Metadata, claims: Claims) -> None:
    hosts = set(claims.hosts) or _hosts(own)
    platform = claims.platform or _notes(own).get(PLATFORM) == MANAGED
    topics = claims.topics or _notes(own).get(TOPICS, "")
    for other in listed:
        if other["name"] == claims.namespace:
            continue
        who = f"environment {(other.get('labels') or {}).get(ENVIRONMENT)!r} (namespace {other['name']!r})"
        if taken := sorted(hosts & _hosts(other)):
            raise _refused(
                f"{who[0].upper()}{who[1:]} already claims the host name {', '.join(taken)}: set another "
                f"environment_url for environment {claims.environment!r}.",
                claims,
                found=other["name"],
            )
        if platform and _notes(other).get(PLATFORM) == MANAGED:
            raise _refused(
                f"{who[0].upper()}{who[1:]} already manages this cluster's platform: set platform_manage: false for "
                f"environment {claims.environment!r}.",
                claims,
                found=other["name"],
            )
        if _same_topics(topics, _notes(other).get(TOPICS, "")):
            raise _refused(
                f"{who[0].upper()}{who[1:]} uses the same broker with the same topics, so each environment would get "
                f"the other's events: set kafka.topicsPerEnvironment: true in dapr_components_values of environment "
                f"{claims.environment!r}, or give it a broker of its own (redpanda_secrets_brokers).",
                claims,
                found=other["name"],
            )


def _same_topics(one: str, other: str) -> bool:
    brokers, prefix = one.partition("/")[::2]
    others, their_prefix = other.partition("/")[::2]
    return prefix == their_prefix and bool(set(brokers.split(",")) & set(others.split(",")) - {""})


def _hosts(metadata: Metadata) -> set[str]:
    return set(filter(None, _notes(metadata).get(HOSTS, "").split(",")))


def _notes(metadata: Metadata) -> Mapping[str, str]:
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    return notes


def _unless_forbidden(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Forbidden:
        return None


def _refused(message: str, claims: Claims, **details: Any) -> TodoCloudError:
    return error(Code.INVALID_INPUT, message, namespace=claims.namespace, environment=claims.environment, **details)
