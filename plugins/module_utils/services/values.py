# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from an entry: values of charts/service, watches, and the variables of its host."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .exposure import exposure_values, publics_of
from .graph import called
from .spec import ENVIRONMENT_NEEDS, FOREIGN
from .types import is_template
from .workload import port_of, text_of, workload_values

# Secrets of the components, where the environment names no others; Dapr reads them at a sidecar's start only.
_BROKER_SECRET, _DATABASE_SECRET = "kafka-credentials", "database"
_SECRETS = {"broker_secret": _BROKER_SECRET, "database_secret": _DATABASE_SECRET}
_HTTPS = 443
PORT = 8080  # of charts/service
METRICS = "prometheus.io/"
RUN_ONCE = ("cronjob", "job")
# Secrets that the environment makes, each with one key, `token`; the sidecar's setting and the app's variable.
APP_TOKEN, API_TOKEN = "dapr-app-token", "dapr-api-token"
_TOKENS = {
    APP_TOKEN: ("app_token_secret", "APP_API_TOKEN"),
    API_TOKEN: ("api_token_secret", "DAPR_API_TOKEN"),
}
_WATCHED = {"config": "ConfigMap", "secret": "Secret"}
_CALLED_BY_BROKER = ("publishes", "subscribes", "broadcasts")


def image_of(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> str:
    """The image in full. Without a registry or a tag it has those of the app."""
    image = entry.get("image", name)
    if is_template(image):
        return str(image)
    if "/" not in image and "registry" in app:
        image = f"{app['registry']}/{image}"
    if "@" not in image and ":" not in image.rpartition("/")[2] and "version" in app:
        image = f"{image}:{app['version']}"
    return str(image)


def callers_configuration(name: str) -> str:
    """Dapr's Configuration of a service that others call through their sidecars: it says which ones may."""
    return f"{name}-callers"


def dapr_of(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry says of its sidecar; None: it has none."""
    dapr = entry.get("dapr")
    return dapr if isinstance(dapr, Mapping) else {} if dapr else None


def connections_of(
    entry: Mapping[str, Any], called_by: Sequence[str], relabelled: Collection[str] = ()
) -> dict[str, Any]:
    """What the pods reach, and who reaches them, as ``networkPolicy`` of charts/service.

    :param relabelled: services whose pods have other labels than this policy knows; see pods
    """
    into, out = ([name for name in names if name not in relabelled] for names in (called_by, called(entry)))
    found = {"ingressFrom": into, "egressTo": out, "access": access_of(entry)}
    return {key: names for key, names in found.items() if names} | internet_of(entry)


def internet_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What it opens of all public addresses: ``internet`` with ports, or true for all; else empty."""
    internet = entry.get("internet")
    return {"internet": internet if isinstance(internet, bool) else [_HTTPS]} if internet else {}


def access_of(entry: Mapping[str, Any]) -> list[str]:
    """What is let in or out by the environment's policies: those of ``needs`` in their order, then what follows."""
    dapr = dapr_of(entry) or {}
    found = [name for name in entry.get("needs") or () if name in ENVIRONMENT_NEEDS]
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.append("broker")
    if dapr.get("state"):
        found.append("database")
    if any("node_port" in public for public in publics_of(entry)):
        found.append("public")
    return list(dict.fromkeys(found))


def watches_of(
    entry: Mapping[str, Any], broker_secret: str = _BROKER_SECRET, database_secret: str = _DATABASE_SECRET
) -> list[dict[str, str]]:
    """Objects whose change restarts the pods, besides the Secrets of ``secrets``."""
    dapr = dapr_of(entry) or {}
    found = [dict(watch) for watch in entry.get("watches") or ()]
    for source in [*(entry.get("env_from") or ()), *(entry.get("volumes") or {}).values()]:
        found += [{"kind": kind, "name": source[key]} for key, kind in _WATCHED.items() if key in source]
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.append({"kind": "Secret", "name": broker_secret})
    if dapr.get("state"):
        found.append({"kind": "Secret", "name": database_secret})
    return [watch for index, watch in enumerate(found) if watch not in found[:index]]


def facts(
    name: str,
    entry: Mapping[str, Any],
    app: Mapping[str, Any],
    environment: Mapping[str, Any],
    called_by: Sequence[str],
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the role app_service is told of an entry: ``chart_values``, ``connections``, ``watches``, ``app_id``,
    ``sidecar``, ``role_values`` (the part of the values that the environment's go over), and ``migrations`` if any.

    :param environment: what it says of public endpoints (see chart_values), ``broker_secret``, ``database_secret``, and
        ``relabelled`` (see connections_of)
    :param base: what the role of the entry says
    """
    watches = watches_of(entry, *(environment.get(key, usual) for key, usual in _SECRETS.items()))
    if FOREIGN & set(entry):
        return {"watches": watches}
    values = chart_values(name, entry, app, environment)
    same, own = _split(values, chart_values(name, base, app, environment) if base else {})
    return {
        "role_values": same,
        "chart_values": own,
        "connections": connections_of(entry, called_by, environment.get("relabelled", ())),
        "watches": watches,
        "app_id": (dapr_of(entry) or {}).get("app_id", name),
        "sidecar": dapr_of(entry) is not None,
        **_migrations(name, entry, app),
    }


def role_facts(
    name: str,
    base: Mapping[str, Any],
    environment: Mapping[str, Any],
    called_by: Sequence[str],
    entries_calling: Sequence[str] = (),
) -> dict[str, Any]:
    """The same of a host that is written by hand: all of it is the role's, and goes under what the inventory says.

    :param called_by: services of other roles that call this one
    :param entries_calling: entries that do
    """
    found = facts(name, base, {}, environment, called_by, base)
    policy = {"networkPolicy": found["connections"]} if found["connections"] else {}
    more = [other for other in entries_calling if other not in called_by]
    connections = {"ingressFrom": more} if more else {}
    return found | {"role_values": found["role_values"] | policy, "connections": connections}


def _split(values: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both say alike, and what only the values say."""
    same: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in values.items():
        other = usual.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            for part, content in zip((same, own), _split(value, other), strict=True):
                if content:
                    part[key] = content
        else:
            (same if key in usual and value == other else own)[key] = value
    return same, own


def migrations_of(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry says of migrations, as a dictionary; None: it has none."""
    migrations = entry.get("migrations")
    return {"command": migrations} if isinstance(migrations, (list, tuple)) else migrations


def _migrations(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> dict[str, Any]:
    said = migrations_of(entry)
    if said is None:
        return {}
    image = {"image": image_of(name, said, app)} if "image" in said else {}
    return {"migrations": {**said, "command": [text_of(word) for word in said["command"]], **image}}


def chart_values(
    name: str, entry: Mapping[str, Any], app: Mapping[str, Any], ingress: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of charts/service that an entry stands for; only what it says, without the chart's defaults.

    :param ingress: class_name, annotations, cluster_issuer and traefik_redirect of the environment, or exposure_api and
        gateway; ``generated``: the Secrets that it makes; ``invoked``: services that others call through Dapr
    """
    values: dict[str, Any] = {}
    if "image" in entry or "role" not in entry:
        values["image"] = image_of(name, entry, app)
    if "name" in app:
        values["partOf"] = app["name"]
    if "pull_secret" in app:
        values["imagePullSecrets"] = [app["pull_secret"]]
    for part in (
        workload_values(entry), _dapr(name, entry, ingress), exposure_values(name, entry, ingress), _metrics(entry),
    ):  # fmt: skip
        values.update(part)
    values = over(_tokens(entry, ingress.get("generated") or {}), values)
    return over(values, entry.get("values") or {})


def over(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` over others, as Helm merges them; null stays, since it takes away what the chart has by default."""
    both = {
        key: over(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
        for key, value in values.items()
    }
    return {**base, **both}


def metrics_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """``port``, and ``path`` if it is said, of an entry's metrics; None: not said, or no port is known."""
    said = entry.get("metrics")
    if said is None:
        return None
    told = said if isinstance(said, Mapping) else {"path" if str(said).startswith("/") else "port": said}
    unknown = FOREIGN & set(entry) or entry.get("kind") in RUN_ONCE
    port = told.get("port", "none" if unknown else entry.get("port", PORT))
    return None if port == "none" else {"port": port} | {key: told[key] for key in ("path",) if key in told}


def _metrics(entry: Mapping[str, Any]) -> dict[str, Any]:
    told = metrics_of(entry)
    if told is None:
        return {}
    annotations = {"scrape": "true"} | {key: str(value) for key, value in told.items()}
    return {"podAnnotations": {f"{METRICS}{key}": value for key, value in annotations.items()}}


def _dapr(name: str, entry: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    dapr = dapr_of(entry)
    if dapr is None:
        return {}
    annotations = {key: dapr[key] for key in ("app_id",) if key in dapr}
    if name in environment.get("invoked", ()):
        annotations["config"] = callers_configuration(name)
    if "port" in dapr or "port" in entry:  # none: Dapr does not call the app
        annotations["app_port"] = dapr.get("port", port_of(entry))
    annotations.update(dapr.get("sidecar") or {})
    said: dict[str, Any] = {"annotations": annotations} if annotations else {}
    if dapr.get("secrets"):
        said["secretNames"] = list(dapr["secrets"])
    return {"dapr": said} if said else {}


def _tokens(entry: Mapping[str, Any], generated: Collection[str]) -> dict[str, Any]:
    """By which the app knows its sidecar, and, where the app sends it, the sidecar its app."""
    dapr = dapr_of(entry)
    if dapr is None:
        return {}
    wanted = (APP_TOKEN, API_TOKEN) if dapr.get("api_token") else (APP_TOKEN,)
    names = {name: _TOKENS[name] for name in wanted if name in generated}
    names = {name: both for name, both in names.items() if both[0] not in (dapr.get("sidecar") or {})}
    if not names:
        return {}
    return {
        "dapr": {"annotations": {setting: name for name, (setting, _variable) in names.items()}},
        "secretEnv": {variable: {"secret": name, "key": "token"} for name, (_setting, variable) in names.items()},
    }
