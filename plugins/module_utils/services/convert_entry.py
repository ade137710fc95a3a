# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entry of ``services`` that stands for values of charts/service: keys for what they say, ``values`` for the rest.

Pure. What the keys give (``values.py``) is compared with what is wanted, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .values import METRICS, chart_values, connections_of, over

_KINDS = {"CronJob": "cronjob", "Job": "job", "StatefulSet": "statefulset"}
_PROBES = ("startup", "liveness", "readiness")
_SELECTED = ("ingressFrom", "egressTo", "access")
_VOLUME = {"path": "path", "configMap": "config", "secret": "secret", "claim": "claim", "readOnly": "read_only"}
_SHOWN = ("image", "kind", "port", "dapr")  # worth reading even where they are as ever
_LEAST_STOP, _MOST_STOP = 6, 3600
# What the role app_service says to every sidecar; a test compares.
SIDECAR = {
    "enabled": "true", "app-port": "8080", "config": "todo", "log-as-json": "true", "sidecar-cpu-request": "20m",
    "sidecar-cpu-limit": "500m", "sidecar-memory-request": "64Mi", "sidecar-memory-limit": "192Mi",
}  # fmt: skip


def entry_of(
    name: str,
    wanted: Mapping[str, Any],
    defaults: Mapping[str, Any],
    app: Mapping[str, Any],
    ingress: Mapping[str, Any],
    services: Collection[str] = (),
    own: bool = False,
) -> dict[str, Any]:
    """The entry.

    :param wanted: what differs from the chart's defaults, or is the same
    :param defaults: values.yaml of charts/service
    :param ingress: as in chart_values
    :param services: names of the other entries
    :param own: whether the source is charts/service, so that what is not said has to be absent
    """
    entry: dict[str, Any] = {"image": wanted["image"]}
    kind = wanted.get("kind", "Deployment")
    runs_once = kind in ("Job", "CronJob")
    if kind in _KINDS:
        entry["kind"] = _KINDS[kind]
    if kind == "CronJob":
        entry["schedule"] = wanted["cronJob"].get("schedule", "")
    if not runs_once:
        entry["port"] = wanted.get("port") or "none"
    entry |= _public(wanted) | _health(wanted) | _plain(wanted) | _connections(wanted, services)
    entry |= _metrics(wanted, entry)
    entry |= _dapr(name, wanted, entry, own) | _scale(wanted) | _resources(wanted) | _volumes(wanted)
    entry = _needed(name, entry, defaults, app, ingress)
    rest = _rest(name, entry, wanted, defaults, app, ingress)
    if any(None in probe.values() for probe in (rest.get("probes") or {}).values()):  # the chart takes no null there
        del entry["health"]
        rest = _rest(name, entry, wanted, defaults, app, ingress)
    return {**entry, **({"values": rest} if rest else {})}


def _needed(
    name: str, entry: dict[str, Any], defaults: Mapping[str, Any], app: Mapping[str, Any], ingress: Mapping[str, Any]
) -> dict[str, Any]:
    """Without keys that say what holds without them."""

    def follows(said: Mapping[str, Any]) -> Any:
        return over(defaults, chart_values(name, said, app, ingress)), connections_of(said, ())

    whole = follows(entry)
    for key in [key for key in entry if key not in _SHOWN]:
        less = {other: value for other, value in entry.items() if other != key}
        if follows(less) == whole:
            entry = less
    return entry


def _rest(
    name: str,
    entry: Mapping[str, Any],
    wanted: Mapping[str, Any],
    defaults: Mapping[str, Any],
    app: Mapping[str, Any],
    ingress: Mapping[str, Any],
) -> dict[str, Any]:
    """What the keys of the entry do not say. Lists of a policy are added to what the keys give."""
    connections = connections_of(entry, ())
    policy = {
        key: [one for one in value if one not in connections.get(key, ())] if key in _SELECTED else value
        for key, value in (wanted.get("networkPolicy") or {}).items()
    }
    if wanted.get("exposure"):  # the chart knows by itself
        policy["access"] = [one for one in policy.get("access", ()) if one != "public"]
    internet = {"internet": connections["internet"]} if "internet" in connections else {}
    whole, said = {**wanted, "networkPolicy": policy}, chart_values(name, entry, app, ingress)
    said["networkPolicy"] = internet
    both = [over(defaults, {key: value for key, value in one.items() if key != "dapr"}) for one in (whole, said)]
    found = differing(*both)
    for key, probe in (found.get("probes") or {}).items():
        if probe.get("type") == "none":
            found["probes"][key] = {"type": "none"}
    return found


def differing(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be said over ``given`` to get ``wanted``; null takes a key away."""
    found: dict[str, Any] = {}
    for key in [*wanted, *(key for key in given if key not in wanted)]:
        value, other = wanted.get(key), given.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if deeper := differing(value, other):
                found[key] = deeper
        elif value != other:
            found[key] = value
    return found


def _public(wanted: Mapping[str, Any]) -> dict[str, Any]:
    exposure, service = wanted.get("exposure") or {}, wanted.get("service") or {}
    if service.get("type") == "NodePort" and service.get("nodePort"):
        return {"public": {"node_port": service["nodePort"]}}
    if exposure.get("api") != "ingress":
        return {}
    main = exposure["ingress"]["tlsSecretName"]
    rules = exposure.get("rules") or [{"host": exposure["host"]}]
    found = []
    for rule in rules:
        one: dict[str, Any] = {"host": rule["host"]}
        if not rule["host"]:
            return {}
        paths = [path["path"] for path in rule.get("paths") or () if "service" not in path and "type" not in path]
        if paths:
            one["paths"] = paths
        one["tls"] = rule.get("tlsSecretName", main) or False
        found.append(one)
    return {"public": found[0] if len(found) == 1 else found}


def _health(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Where liveness and readiness are asked alike; else the values say it."""
    probes = wanted.get("probes") or {}
    live, ready = probes.get("liveness") or {}, probes.get("readiness") or {}
    kind = live.get("type")
    if not kind or kind != ready.get("type"):
        return {}
    if kind == "none":
        return {"health": "none"}
    if kind == "http":
        if live.get("port") != ready.get("port"):
            return {}
        if live["path"] == ready["path"] and "port" not in live:
            return {"health": live["path"]}
        port = {"port": live["port"]} if "port" in live else {}
        return {"health": {"live": live["path"], "ready": ready["path"], **port}}
    if kind == "exec":
        return {"health": {"command": live["command"]}} if live["command"] == ready["command"] else {}
    return {"health": {kind: live["port"]}} if live["port"] == ready["port"] else {}


def _plain(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: wanted[key] for key in ("command", "args", "env") if wanted.get(key)}
    if wanted.get("secretEnv"):
        found["secrets"] = {key: f"{ref['secret']}/{ref['key']}" for key, ref in wanted["secretEnv"].items()}
    if wanted.get("envFrom"):
        found["env_from"] = [
            {("config" if key == "configMap" else key): value for key, value in source.items()}
            for source in wanted["envFrom"]
        ]
    found["user"] = (wanted.get("security") or {}).get("user", "image")
    writable = [path for path, size in (wanted.get("writable") or {}).items() if size is not None and path != "/tmp"]
    if writable:
        found["writable"] = writable
    stop = wanted.get("terminationGracePeriodSeconds")
    if stop is not None and _LEAST_STOP <= stop <= _MOST_STOP:
        found["stop_seconds"] = stop
    return found


def _connections(wanted: Mapping[str, Any], services: Collection[str]) -> dict[str, Any]:
    policy = wanted.get("networkPolicy") or {}
    calls = [name for name in policy.get("egressTo") or () if name in services]
    needs = [name for name in policy.get("access") or () if name in ("broker", "database")]
    found: dict[str, Any] = {"calls": calls} if calls else {}
    if needs:
        found["needs"] = needs
    return {**found, **({"internet": True} if policy.get("internet") is True else {})}


def _metrics(wanted: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Where the annotations say all of it that an entry would."""
    annotations = wanted.get("podAnnotations") or {}
    port, path = (annotations.get(f"{METRICS}{key}") for key in ("port", "path"))
    if annotations.get(f"{METRICS}scrape") != "true" or not str(port).isdecimal():
        return {}
    if path is None:
        return {"metrics": int(str(port))}
    return {"metrics": path if str(port) == str(entry.get("port")) else {"port": int(str(port)), "path": path}}


def _dapr(name: str, wanted: Mapping[str, Any], entry: Mapping[str, Any], own: bool) -> dict[str, Any]:
    dapr = wanted.get("dapr") or {}
    annotations = {key.removeprefix("dapr.io/"): value for key, value in (dapr.get("annotations") or {}).items()}
    if not annotations:
        return {}
    found: dict[str, Any] = {}
    if annotations.get("app-id", name) != name:
        found["app_id"] = annotations["app-id"]
    port, said = annotations.get("app-port"), entry.get("port")
    if port is not None and port != str(said) and port.isdigit():
        found["port"] = int(port)
    sidecar: dict[str, Any] = {
        key.replace("-", "_"): value
        for key, value in annotations.items()
        if key not in ("app-id", "app-port", "enabled") and SIDECAR.get(key) != value
    }
    if port is None and said != "none":
        sidecar["app_port"] = None
    if own:  # an environment's settings, which the source does without
        sidecar |= {key.replace("-", "_"): None for key in ("config", "log-as-json") if key not in annotations}
    if sidecar:
        found["sidecar"] = sidecar
    if dapr.get("secretNames"):
        found["secrets"] = dapr["secretNames"]
    return {"dapr": found or True}


def _scale(wanted: Mapping[str, Any]) -> dict[str, Any]:
    scaling = wanted.get("autoscaling") or {}
    if scaling.get("external") or ("replicas" not in wanted and not scaling):
        return {}
    if not scaling:
        return {"scale": wanted["replicas"]} if wanted["replicas"] != 1 else {}
    least, most = scaling["minReplicas"], scaling["maxReplicas"]
    cpu, memory = scaling["targetCPUUtilizationPercentage"], scaling["targetMemoryUtilizationPercentage"]
    found = {"min": least, "max": most} | ({"cpu": cpu} if cpu else {}) | ({"memory": memory} if memory else {})
    return {"scale": found} if least >= 1 and most > least else {}


def _resources(wanted: Mapping[str, Any]) -> dict[str, Any]:
    requests, limits = wanted["resources"]["requests"], wanted["resources"]["limits"]
    found = {
        key: requests[key] if requests[key] == limits[key] else f"{requests[key]}-{limits[key]}"
        for key, usual in (("cpu", "50m-500m"), ("memory", "96Mi-192Mi"))
        if f"{requests[key]}-{limits[key]}" != usual
    }
    return {"resources": found} if found else {}


def _volumes(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: {_VOLUME[key]: value for key, value in volume.items()}
        for name, volume in (wanted.get("volumes") or {}).items()
        if set(volume) <= set(_VOLUME) and "path" in volume
    }
    for name, claim in ((wanted.get("statefulSet") or {}).get("claims") or {}).items():
        if claim.get("path"):
            found[name] = {"path": claim["path"], "size": claim["size"]}
    return {"volumes": found} if found else {}
