# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the entries of ``services:`` can be deployed: all that is wrong with them, a sentence each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from .amounts import amount_problems
from .claims import claimed_twice
from .components import same_bindings
from .exposure import GATEWAY, publics_of
from .graph import Cycle, called, invoked, waves
from .layers import based
from .spec import (
    APP_TYPE,
    ENTRY,
    ENTRY_TYPE,
    ENVIRONMENT_NEEDS,
    FOREIGN,
    NAME,
    OF_ANY_CHART,
    OF_MANIFESTS,
    OF_OWN_CHART,
    OF_PODS,
    PODS,
)
from .types import check, is_template, nearest, sentence
from .values import dapr_of, metrics_of, migrations_of

_NO_ROLES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
_PRIVILEGED = 1024  # ports below are closed to most users
_KEYS = frozenset(key.name for key in ENTRY)
# Their content decides on hosts, waves, policies and Dapr's components.
_KNOWN_BEFORE = ("after", "calls", "needs", "dapr", "migrations", "pods")
_DAPR_BEFORE = ("invokes", "publishes", "subscribes", "broadcasts", "dead_letters", "components", "secrets", "cron")
_USER = 65532  # of charts/service
_MIGRATION = "-migration"  # what its release is called, after the service: see planning/migrations.py
_LONGEST_MIGRATED = 53 - len(_MIGRATION)  # names of releases have at most 53


def app_problems(app: Any) -> list[str]:
    """What is wrong with ``app``."""
    return list(check(APP_TYPE, app, "app", templates=False))


def exposure_problems(name: str, entry: Mapping[str, Any], environment: Mapping[str, Any]) -> list[str]:
    """What keeps an entry's public hosts from being served as the environment says; see values.chart_values."""
    hosts = [public for public in publics_of(entry) if "node_port" not in public]
    api = environment.get("exposure_api") or "ingress"
    if not hosts:
        return []
    if api not in ("ingress", GATEWAY):
        return [f"exposure_api ({api}) must be ingress or gateway."]
    if api != GATEWAY:
        return []
    gateway = environment.get("gateway") or {}
    lacks = " and ".join(f"gateway_{key}" for key in ("name", "namespace") if not gateway.get(key))
    found = [f"services.{name} is public by a Gateway (exposure_api): set {lacks}, of the one that is there."]
    return (found if lacks else []) + [
        f"services.{name}.public.tls: {public['tls']!r} of {public.get('host')} has no effect, since TLS ends at the "
        "Gateway (exposure_api: gateway): put the Secret into its listener, and leave tls out."
        for public in hosts
        if isinstance(public.get("tls"), str)
    ]


def entry_problems(name: str, entry: Any) -> list[str]:
    """What is wrong with an entry, whatever the others are."""
    where = f"services.{name}"
    found = list(check(NAME, name, where, templates=False))
    if found and "_" in name:
        return [f"{where}: names of services have hyphens; write {name.lower().replace('_', '-')}."]
    if not isinstance(entry, Mapping) and name in _KEYS:
        return [f"{where}: {name!r} is a key of a service. Indent it below the service's name."]
    found += check(ENTRY_TYPE, entry, where, templates=False)
    if not isinstance(entry, Mapping):
        return found
    if "manifests" in entry:
        found += _strange(entry, where, "manifests", OF_MANIFESTS)
        if entry["manifests"] == []:
            found.append(f"{where}.manifests names no file.")
    elif "chart" in entry:
        found += _strange(entry, where, "chart", OF_ANY_CHART)
    else:
        found += [f"{where}.{key} needs `chart`." for key in OF_OWN_CHART if key in entry]
        found += [f"{where}.pods needs `chart` or `manifests`: else it follows from the other keys."] * (PODS in entry)
    found = found or list(_whole_templates(entry, where))
    if not found:
        found += _combinations(entry, where)
    scale = entry.get("scale")
    if isinstance(scale, Mapping) and not found and _more(scale.get("min", 1), scale.get("max")):
        found.append(f"{where}.scale: min is more than max.")
    return found


def _strange(entry: Mapping[str, Any], where: str, kind: str, keys: frozenset[str]) -> Iterator[str]:
    """Keys that a chart or manifests of the team's own cannot have."""
    for key in entry:
        if key == "public":
            yield (
                f"{where}.public does not go with `{kind}`: its Ingress or node port is in the {kind}; "
                "`pods: {ports: […], public: true}` lets the public endpoint in."
            )
        elif key in OF_PODS and PODS not in entry:
            yield f"{where}.{key} needs `pods` beside `{kind}`, which says whose connections these are."
        elif key not in keys | OF_PODS | {PODS}:
            yield f"{where}.{key} does not go with `{kind}`."


def _whole_templates(entry: Mapping[str, Any], where: str) -> Iterator[str]:
    """Lists and dictionaries from which follows what has to be known before Ansible fills anything in."""
    dapr = entry.get("dapr")
    said = [(where, entry, _KNOWN_BEFORE), (f"{where}.dapr", dapr if isinstance(dapr, Mapping) else {}, _DAPR_BEFORE)]
    for place, parts, keys in said:
        for key in keys:
            if is_template(parts.get(key)):
                yield f"{place}.{key} has a template for a whole list or dictionary; write it out."


def _combinations(entry: Mapping[str, Any], where: str) -> Iterator[str]:
    """Keys that need or exclude each other, where each is right by itself."""
    publics = publics_of(entry)
    for public in publics:
        if ("host" in public) == ("node_port" in public):
            yield f"{where}.public needs either host or node_port."
    if len(publics) > 1 and any("node_port" in public for public in publics):
        yield f"{where}.public: a node_port stands alone."
    if publics and entry.get("port") == "none":
        yield f"{where}.public needs a port."
    port = entry.get("port")
    if isinstance(port, int) and port < _PRIVILEGED and entry.get("user", _USER) not in ("image", 0):
        yield f"{where}.port is below {_PRIVILEGED}, which takes `user: image` or root (`user: 0`)."
    if ("schedule" in entry) != (entry.get("kind") == "cronjob"):
        yield f"{where}: schedule and `kind: cronjob` go together."
    health = entry.get("health")
    if isinstance(health, Mapping):
        forms = [{"live", "ready"} & set(health), *({key} & set(health) for key in ("tcp", "grpc", "command"))]
        if len([form for form in forms if form]) != 1:
            yield f"{where}.health needs live and ready, or one of tcp, grpc, command."
        elif "port" in health and not {"live", "ready"} & set(health):
            yield f"{where}.health.port goes with live and ready."
    if is_template(entry.get("metrics", "")):
        yield f"{where}.metrics has a template, which may be a path or a port; say {{port: …, path: …}}."
    elif "metrics" in entry and not metrics_of(entry):
        yield f"{where}.metrics needs its port: {{port: 9100}}. The service has none that is known."
    pods = entry.get(PODS) or {}
    if any(is_template(pods.get(key)) for key in ("labels", "ports")):
        yield f"{where}.pods has a template for a whole list or dictionary; write it out."
        return
    if pods.get("labels") == {}:
        yield f"{where}.pods.labels is empty, which would be all pods of the namespace."
    if pods.get("public") and not pods.get("ports"):
        yield f"{where}.pods.public needs ports."
    for name, volume in _mappings(entry.get("volumes")):
        if len({"config", "secret", "claim", "size"} & set(volume)) != 1:
            yield f"{where}.volumes.{name} needs one of config, secret, claim, size."
        elif "size" in volume and entry.get("kind") != "statefulset":
            yield f"{where}.volumes.{name}.size needs `kind: statefulset`."
    if (migrations_of(entry) or {}).get("command") == []:
        yield f"{where}.migrations has no command; it takes a list of words."
    resources = entry.get("resources") or {}
    if not is_template(resources):
        yield from amount_problems(resources, f"{where}.resources")
    for index, source in _mappings(entry.get("env_from")):
        if len({"config", "secret"} & set(source)) != 1:
            yield f"{where}.env_from[{index}] needs either config or secret."


def _mappings(value: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The dictionaries in a dictionary or list, with their keys or places; templates are none yet."""
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    )
    yield from ((key, item) for key, item in items if isinstance(item, Mapping))


def _more(least: Any, most: Any) -> bool:
    return isinstance(least, int) and isinstance(most, int) and least > most


def problems(
    app: Any, entries: Any, others: Collection[str] = (), roles: Mapping[str, Mapping[str, Any]] = _NO_ROLES
) -> list[str]:
    """What is wrong with all entries and between them.

    :param others: releases of the inventory that are no entries
    :param roles: the roles that say what a service is, with what each says; it may call services that are not there
    """
    if not isinstance(entries, Mapping):
        return ["services is not a dictionary; it takes names of services, each with a dictionary of its keys."]
    found = app_problems(app)
    full = based(entries, roles)
    for name, entry in full.items():
        found += entry_problems(str(name), entry)
    known = [str(name) for name in (*entries, *others)]
    strangers = [each for name, entry in entries.items() for each in _references(str(name), entry, known)]
    if found:
        return [*found, *strangers]
    found += strangers
    for name, entry in entries.items():
        found += _unnamed_pods(name, full[name], full)
        found += _invoked(name, full[name], full)
        found += _migration_names(name, entry, known)
        found += _image(name, entry, app)
        found += _role(name, entry.get("role"), roles)
    found = found or [*claimed_twice(full), *same_bindings(full)]
    if not found:
        try:
            waves(full)
        except Cycle as circle:
            found.append(str(circle))
    return found


def _role(name: str, role: Any, roles: Collection[str]) -> list[str]:
    if role is None or role in roles:
        return []
    return [sentence(f"services.{name}.role: there is no such role {role!r}{nearest(role, roles)}")]


def _references(name: str, entry: Any, known: Collection[str]) -> list[str]:
    found = []
    for key in ("after", "calls", "needs"):
        names = [*known, *(ENVIRONMENT_NEEDS if key == "needs" else ())]
        said = entry.get(key) if isinstance(entry, Mapping) else ()
        for other in said if isinstance(said, (list, tuple)) else ():
            if not isinstance(other, str):
                continue  # its type is told
            if is_template(other):
                found.append(f"services.{name}.{key} has a template; names of services are written out.")
            elif other not in names:
                found.append(sentence(f"services.{name}.{key}: there is no service {other!r}{nearest(other, names)}"))
    return found


def _invoked(name: str, entry: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Calls through Dapr need a sidecar at both ends, and an entry that says who is let in."""
    able = [other for other, each in entries.items() if dapr_of(each) is not None and other != name]
    path = f"services.{name}.dapr.invokes"
    return [
        sentence(f"{path}: there is no other service {other!r} with a sidecar{nearest(other, able)}")
        for other in invoked(entry)
        if other not in able
    ]


def _unnamed_pods(name: str, entry: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Calls of pods that nobody describes: only one end of the connection would be open."""
    return [
        f"services.{name} calls {other}, whose pods this collection does not make: say on which ports they are called, "
        f"services.{other}.pods: {{ports: […]}}."
        for other in called(entry)
        if FOREIGN & set(entries.get(other, ())) and not (entries[other].get(PODS) or {}).get("ports")
    ]


def _migration_names(name: str, entry: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """A migration is a release of its own, named after the service."""
    if "migrations" not in entry:
        return []
    if len(name) > _LONGEST_MIGRATED:
        return [f"services.{name}: a service with migrations has a name of at most {_LONGEST_MIGRATED} characters."]
    taken = f"{name}{_MIGRATION}"
    return [f"services.{name}.migrations: {taken}, the name of its release, is a service already."] * (taken in known)


def _image(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> list[str]:
    if {*FOREIGN, "role"} & set(entry):
        return []
    image = entry.get("image", name)
    if "/" not in image and not is_template(image) and "registry" not in app:
        said = f"is {image!r}, which names no registry" if "image" in entry else "is missing"
        return [f"services.{name}.image {said}: say it in full (docker.io/library/nginx:1.29), or set app.registry."]
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    if not tagged and not is_template(image) and "version" not in app:
        return [f"services.{name}.image has no tag: say it, or set app.version."]
    return []
