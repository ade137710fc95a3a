# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from an entry: values of charts/service, watches, and the variables of its host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .graph import called
from .spec import ENVIRONMENT_NEEDS
from .types import is_template

_RESOURCES = {"cpu": "50m-500m", "memory": "96Mi-192Mi"}
# Secrets of the components (charts/dapr-components); Dapr reads them at a sidecar's start only.
_BROKER_SECRET, _DATABASE_SECRET = "kafka-credentials", "database"
_CALLED_BY_BROKER = ("publishes", "subscribes", "broadcasts")


def image_of(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> str:
    """The image in full. Without a registry or a tag it has those of the app."""
    image = entry.get("image", name)
    if is_template(image):
        return str(image)
    if "/" not in image:
        image = f"{app['registry']}/{image}"
    if "@" not in image and ":" not in image.rpartition("/")[2]:
        image = f"{image}:{app['version']}"
    return str(image)


def dapr_of(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry says of its sidecar; None: it has none."""
    dapr = entry.get("dapr")
    return dapr if isinstance(dapr, Mapping) else {} if dapr else None


def connections_of(entry: Mapping[str, Any], called_by: Sequence[str]) -> dict[str, list[str]]:
    """What the pods reach, and who reaches them, as ``networkPolicy`` of charts/service."""
    found = {"ingressFrom": list(called_by), "egressTo": called(entry), "access": _access(entry)}
    return {key: names for key, names in found.items() if names}


def _access(entry: Mapping[str, Any]) -> list[str]:
    dapr = dapr_of(entry) or {}
    found = {name for name in entry.get("needs") or () if name in ENVIRONMENT_NEEDS}
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.add("broker")
    if dapr.get("state"):
        found.add("database")
    if isinstance(entry.get("public"), Mapping) and "node_port" in entry["public"]:
        found.add("public")
    return sorted(found)


def watches_of(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """Objects whose change restarts the pods, besides the Secrets of ``secrets``."""
    dapr = dapr_of(entry) or {}
    found = [dict(watch) for watch in entry.get("watches") or ()]
    if any(dapr.get(key) for key in _CALLED_BY_BROKER):
        found.append({"kind": "Secret", "name": _BROKER_SECRET})
    if dapr.get("state"):
        found.append({"kind": "Secret", "name": _DATABASE_SECRET})
    return [watch for index, watch in enumerate(found) if watch not in found[:index]]


def facts(
    name: str, entry: Mapping[str, Any], app: Mapping[str, Any], ingress: Mapping[str, Any], called_by: Sequence[str]
) -> dict[str, Any]:
    """What the role app_service is told of an entry: ``chart_values``, ``connections``, ``watches``, ``app_id``."""
    if "chart" in entry:
        return {"watches": watches_of(entry)}
    dapr = dapr_of(entry) or {}
    return {
        "chart_values": chart_values(name, entry, app, ingress),
        "connections": connections_of(entry, called_by),
        "watches": watches_of(entry),
        "app_id": dapr.get("app_id", name),
    }


def chart_values(
    name: str, entry: Mapping[str, Any], app: Mapping[str, Any], ingress: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of charts/service that an entry stands for; only what it says, without the chart's defaults.

    :param ingress: class_name, annotations, cluster_issuer and traefik_redirect of the environment
    """
    values: dict[str, Any] = {}
    if "image" in entry or "role" not in entry:
        values["image"] = image_of(name, entry, app)
    if "name" in app:
        values["partOf"] = app["name"]
    if "pull_secret" in app:
        values["imagePullSecrets"] = [app["pull_secret"]]
    if "port" in entry:
        values["port"] = entry["port"]
    if "env" in entry:
        values["env"] = {key: _text(value) for key, value in entry["env"].items()}
    if "secrets" in entry:
        values["secretEnv"] = {key: _secret(reference) for key, reference in entry["secrets"].items()}
    if "resources" in entry or "role" not in entry:
        values["resources"] = _resources(entry)
    if "stop_seconds" in entry:
        values["terminationGracePeriodSeconds"] = entry["stop_seconds"]
    for part in (_probes(entry), _scale(entry), _dapr(entry), _public(name, entry, ingress)):
        values.update(part)
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secret(reference: str) -> dict[str, str]:
    secret, _, key = reference.partition("/")
    return {"secret": secret, "key": key}


def _resources(entry: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for key, both in (_RESOURCES | dict(entry.get("resources") or {})).items():
        request, _, limit = both.partition("-")
        found["requests"][key], found["limits"][key] = request, limit or request
    return found


def _probes(entry: Mapping[str, Any]) -> dict[str, Any]:
    health = entry.get("health")
    if health is None:
        return {}
    asked = health if isinstance(health, Mapping) else {"live": health, "ready": health}
    live = asked.get("live", asked.get("ready"))
    return {"probes": {
        "startup": {"path": live}, "liveness": {"path": live}, "readiness": {"path": asked.get("ready", live)},
    }}  # fmt: skip


def _scale(entry: Mapping[str, Any]) -> dict[str, Any]:
    scale = entry.get("scale")
    if scale is None:
        return {}
    if not isinstance(scale, Mapping):
        return {"replicas": scale, "autoscaling": {"enabled": False}}
    least = scale.get("min", 1)
    most = scale.get("max", least)
    if most == least:
        return {"replicas": least, "autoscaling": {"enabled": False}}
    return {"autoscaling": {
        "enabled": True, "minReplicas": least, "maxReplicas": most,
        "targetCPUUtilizationPercentage": scale.get("cpu", 80),
    }}  # fmt: skip


def _dapr(entry: Mapping[str, Any]) -> dict[str, Any]:
    dapr = dapr_of(entry)
    if dapr is None:
        return {}
    port = dapr.get("port", entry.get("port"))
    annotations = {key: dapr[key] for key in ("app_id",) if key in dapr}
    if port is not None:
        annotations["app_port"] = port
    annotations.update(dapr.get("sidecar") or {})
    said: dict[str, Any] = {"annotations": annotations} if annotations else {}
    if dapr.get("secrets"):
        said["secretNames"] = list(dapr["secrets"])
    return {"dapr": said} if said else {}


def _public(name: str, entry: Mapping[str, Any], ingress: Mapping[str, Any]) -> dict[str, Any]:
    public = entry.get("public")
    if public is None:
        return {}
    asked: Mapping[str, Any] = public if isinstance(public, Mapping) else {"host": public}
    if "node_port" in asked:
        return {"service": {"type": "NodePort", "nodePort": asked["node_port"]}}
    issuer = ingress.get("cluster_issuer") or ""
    tls = asked.get("tls", bool(issuer))
    certificate = f"{name}-tls" if tls is True else tls or ""
    return {"exposure": {
        "api": "ingress",
        "host": asked["host"],
        "annotations": {**(ingress.get("annotations") or {}), **(asked.get("annotations") or {})},
        "ingress": {
            "className": ingress.get("class_name") or "",
            "tlsSecretName": certificate,
            "clusterIssuer": issuer if tls is True else "",
            "traefikRedirect": bool(certificate) and bool(ingress.get("traefik_redirect")),
        },
    }}  # fmt: skip


def components(
    entries: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any], others: Sequence[str]
) -> dict[str, Any]:
    """The values of charts/dapr-components that follow from all entries: which app may use what.

    Apps of the chart's defaults stay where they are releases of the inventory, and are taken out where not, as far as
    others take their place.

    :param defaults: the chart's values
    :param others: releases of the inventory that a role describes
    """
    parts = ("pubsub", "broadcast", "secretStore")
    gone: list[dict[str, Any]] = [{app: None for app in defaults[part]["apps"] if app not in others} for part in parts]
    pubsub, broadcast, secrets = gone
    stores = [app for app in defaults["statestore"]["apps"] if app in others]
    for name, entry in entries.items():
        dapr = dapr_of(entry) or {}
        app = dapr.get("app_id", name)
        topics = {key: list(dapr.get(key) or ()) for key in ("publishes", "subscribes")}
        if any(topics.values()):
            pubsub[app] = _with(topics, defaults["pubsub"]["apps"].get(name) if name in others else None)
        if dapr.get("broadcasts"):
            told = {"publishes": [], "subscribes": list(dapr["broadcasts"])}
            broadcast[app] = _with(told, defaults["broadcast"]["apps"].get(name) if name in others else None)
        if dapr.get("state") and app not in stores:
            stores.append(app)
        if dapr.get("secrets"):
            secrets[app] = list(dapr["secrets"])
    found: dict[str, Any] = {}
    for part, apps in zip(parts, gone, strict=True):
        # The chart wants an app for each component of the broker; those of its defaults that are not there do no harm.
        if any(apps.values()) or (apps and part == "secretStore"):
            found[part] = {"apps": apps}
    if stores != list(defaults["statestore"]["apps"]):
        found["statestore"] = {"apps": stores}
    return found


def _with(topics: Mapping[str, list[str]], default: Mapping[str, list[str]] | None) -> dict[str, list[str]]:
    return {key: list(dict.fromkeys([*(default or {}).get(key, ()), *names])) for key, names in topics.items()}
