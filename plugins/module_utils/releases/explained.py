# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from a service, as lines for people: read from what its environment's charts render to; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..environments.table import INTERNET, Connection
from ..preflight.capacity import quantity, requests_of
from ..readiness.daprd import APP_ID, enabled
from ..readiness.fields import Object, name, spec
from ..readiness.templates import Template, built_in, items, mapping

_ALL_TOPICS = "any topic"
_SIDECAR = "dapr.io/sidecar-{}-request"
_MIB = 1024.0**2


@dataclass(frozen=True)
class Shown:
    """One service and all that is around it.

    :ivar waves: names of the releases in the order of their deployment
    :ivar own: objects of the service's release
    :ivar around: objects of all releases and of the environment
    :ivar watches: what restarts its pods when it changes, as ``Secret/app``
    :ivar sources: key, value and source of what the inventory says of it
    """

    service: str
    chart: str
    waves: Sequence[Sequence[str]]
    own: Sequence[Object]
    around: Sequence[Object]
    connections: Sequence[Connection]
    watches: Sequence[str] = ()
    sources: Sequence[Mapping[str, str]] = ()


def explained(shown: Shown) -> list[str]:
    """The lines, in paragraphs with headings."""
    wave = next((number for number, names in enumerate(shown.waves, 1) if shown.service in names), 0)
    lines = [f"{shown.service}: wave {wave} of {len(shown.waves)}, chart {shown.chart}"]
    for title, found in (
        ("Said of it, and where", _columns([(each["key"], each["value"], each["source"]) for each in shown.sources])),
        ("Order", _order(shown, wave)),
        ("Objects", [f"{item.get('kind')} {name(item)}" for item in shown.own]),
        ("Pods", list(_pods(shown))),
        ("Public endpoint", list(_public(shown.own))),
        ("May connect to", [f"{each.target} : {each.ports}" for each in shown.connections if _is_from(each, shown)]),
        ("May be reached by", [f"{each.source} : {each.ports}" for each in shown.connections if _is_to(each, shown)]),
        ("Dapr", list(_dapr(shown))),
        ("Restarts its pods once when it changes", list(shown.watches)),
    ):
        if found:
            lines += ["", title, *(f"  {line}" for line in found)]
    return lines


def _order(shown: Shown, wave: int) -> list[str]:
    before = [each for names in shown.waves[: wave - 1] for each in names]
    after = [each for names in shown.waves[wave:] for each in names]
    beside = [each for names in shown.waves[wave - 1 : wave] for each in names if each != shown.service]
    texts = (("after", before), ("together with", beside), ("before", after))
    return [f"{text} {', '.join(names)}" for text, names in texts if names]


def _is_from(connection: Connection, shown: Shown) -> bool:
    return connection.source in _workloads(shown.own)


def _is_to(connection: Connection, shown: Shown) -> bool:
    return connection.target in _workloads(shown.own)


def _workloads(objects: Iterable[Object]) -> set[str]:
    return {name(item) for item in objects if built_in(item)}


def internet_of(connections: Iterable[Connection]) -> dict[str, str]:
    """The ports of all public addresses that each workload may connect to."""
    return {each.source: each.ports for each in connections if each.target == INTERNET}


def _pods(shown: Shown) -> Iterator[str]:
    quota = next((mapping(spec(item).get("hard")) for item in shown.around if item.get("kind") == "ResourceQuota"), {})
    for item in shown.own:
        template = built_in(item)
        if template is None:
            continue
        least, most = _count(item, shown.own)
        asked = {key: requests_of(template.spec)[key] + _of_sidecar(template, key) for key in ("cpu", "memory")}
        sidecar = ", its sidecar included" if enabled(template.annotations) else ""
        yield f"{name(item)}: {least if least == most else f'{least} to {most}'} of {item.get('kind')}"
        yield f"  each requests {_amounts(asked)}{sidecar}"
        if quota:
            all_of_it = {key: amount * (most + 1) for key, amount in asked.items()}
            limit = {key: quantity(quota.get(f"requests.{key}", 0)) for key in asked}
            yield f"  with one more during an update {_amounts(all_of_it)} of the quota's {_amounts(limit)}"
        for container in items(template.spec.get("containers")):
            yield f"  {container.get('name')} runs {container.get('image')}"
            yield from (f"  {line}" for line in _probes(container))


def _count(item: Object, own: Sequence[Object]) -> tuple[int, int]:
    for each in own:
        if each.get("kind") == "HorizontalPodAutoscaler" and mapping(spec(each).get("scaleTargetRef"))["name"] == name(
            item
        ):
            return int(spec(each).get("minReplicas") or 1), int(spec(each)["maxReplicas"])
    replicas = spec(item).get("replicas")
    return (1, 1) if replicas is None else (int(replicas), int(replicas))


def _of_sidecar(template: Template, key: str) -> float:
    return quantity(template.annotations.get(_SIDECAR.format(key), 0)) if enabled(template.annotations) else 0.0


def _amounts(asked: Mapping[str, float]) -> str:
    return f"CPU {round(asked['cpu'] * 1000)}m, memory {round(asked['memory'] / _MIB)}Mi"


def _probes(container: Object) -> Iterator[str]:
    for kind in ("startup", "liveness", "readiness"):
        probe = mapping(container.get(f"{kind}Probe"))
        if get := mapping(probe.get("httpGet")):
            yield f"{kind}: GET {get.get('path')} on port {_number(get.get('port'), container)}"
        elif probe:
            way = next((key for key in ("tcpSocket", "grpc", "exec") if key in probe), "")
            port = mapping(probe.get(way)).get("port")
            yield f"{kind}: {way}" + (f" on port {_number(port, container)}" if port else "")


def _number(port: Any, container: Object) -> Any:
    named = {each.get("name"): each.get("containerPort") for each in items(container.get("ports"))}
    return named.get(port, port)


def _public(own: Sequence[Object]) -> Iterator[str]:
    for item in own:
        if item.get("kind") == "HTTPRoute":
            yield from _routed(item)
        elif item.get("kind") == "Ingress":
            secure = {host for tls in items(spec(item).get("tls")) for host in tls.get("hosts") or ()}
            for rule in items(spec(item).get("rules")):
                host = str(rule.get("host") or "any host")
                for path in items(mapping(rule.get("http")).get("paths")):
                    yield f"{'https' if host in secure else 'http'}://{host}{path.get('path')}"
        elif item.get("kind") == "Service" and spec(item).get("type") in ("NodePort", "LoadBalancer"):
            ports = [str(each.get("nodePort") or each.get("port")) for each in items(spec(item).get("ports"))]
            yield f"{spec(item)['type']} {name(item)} : {', '.join(ports)}"


def _routed(route: Object) -> Iterator[str]:
    """Where a route is served; TLS is the listener's."""
    parents = [f"{each.get('namespace', '')}/{each.get('name')}" for each in items(spec(route).get("parentRefs"))]
    listeners = [str(each["sectionName"]) for each in items(spec(route).get("parentRefs")) if "sectionName" in each]
    by = f"Gateway {', '.join(parents)}" + (f", listener {', '.join(listeners)}" if listeners else "")
    for host in spec(route).get("hostnames") or ("any host",):
        for rule in items(spec(route).get("rules")):
            paths = [str(mapping(each.get("path")).get("value") or "/") for each in items(rule.get("matches"))]
            yield from (f"{host}{path} by {by}" for path in paths or ["/"])


def _dapr(shown: Shown) -> Iterator[str]:
    for template in (found for item in shown.own if (found := built_in(item)) and enabled(found.annotations)):
        app, port = str(template.annotations.get(APP_ID)), template.annotations.get("dapr.io/app-port")
        called = f", called on port {port}" if port else ""
        yield f"app id {app}{called}, Configuration {template.annotations.get('dapr.io/config', 'none')}"
        for item in (each for each in shown.around if app in (each.get("scopes") or [app])):
            of = spec(item)
            if item.get("kind") == "Component":
                yield f"component {name(item)} ({of.get('type')}){_topics(item, app)}"
            elif item.get("kind") == "Subscription":
                where = mapping(of.get("routes")).get("default") or of.get("route") or ""
                yield f"subscription {name(item)}: topic {of.get('topic')} of {of.get('pubsubname')} {where}".rstrip()


def _topics(component: Object, app: str) -> str:
    said = {str(each.get("name")): each.get("value") for each in items(spec(component).get("metadata"))}
    texts = []
    for verb, key in (("publishes", "publishingScopes"), ("receives", "subscriptionScopes")):
        if key not in said:
            continue
        scopes = dict(part.strip().partition("=")[::2] for part in str(said[key]).split(";"))
        topics = scopes.get(app, _ALL_TOPICS)
        if topics:
            texts.append(f"{verb} {topics.replace(',', ', ')}")
    return f": {'; '.join(texts)}" if texts else ""


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(2)]
    return [f"{key:<{widths[0]}}  {value:<{widths[1]}}  {source}".rstrip() for key, value, source in rows]
