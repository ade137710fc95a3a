# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an entry says of its workload, as values of charts/service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

RESOURCES = {"cpu": "50m-500m", "memory": "96Mi-192Mi"}
_PROBES = ("startup", "liveness", "readiness")


def workload_values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Values of charts/service of the workload itself: its container, probes, volumes and scale."""
    values: dict[str, Any] = {}
    if "port" in entry:
        values["port"] = port_of(entry) or 0
    for key in ("command", "args"):
        if key in entry:
            values[key] = [text_of(word) for word in entry[key]]
    if "user" in entry:
        values["security"] = {"user": entry["user"]}
    if "writable" in entry:
        values["writable"] = dict.fromkeys(entry["writable"], "")
    if "env_from" in entry:
        values["envFrom"] = [_env_from(source) for source in entry["env_from"]]
    if "env" in entry:
        values["env"] = {key: text_of(value) for key, value in entry["env"].items()}
    if "secrets" in entry:
        values["secretEnv"] = {key: _secret(reference) for key, reference in entry["secrets"].items()}
    if "resources" in entry or "role" not in entry:
        values["resources"] = _resources(entry)
    if "stop_seconds" in entry:
        values["terminationGracePeriodSeconds"] = entry["stop_seconds"]
    for part in (_kind(entry), _volumes(entry), _probes(entry), _scale(entry)):
        values.update(part)
    return values


def text_of(value: Any) -> str:
    """A value as the environment of a process has it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secret(reference: str) -> dict[str, str]:
    secret, _slash, key = reference.partition("/")
    return {"secret": secret, "key": key}


def port_of(entry: Mapping[str, Any]) -> int | None:
    """The port that is said; None: there is none, or the chart's holds."""
    port = entry.get("port")
    return None if port == "none" else port


def _env_from(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"configMap" if key == "config" else key: value for key, value in source.items()}


def _kind(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "kind" not in entry:
        return {}
    kinds = {"cronjob": "CronJob", "job": "Job", "statefulset": "StatefulSet"}
    schedule = {"cronJob": {"schedule": entry["schedule"]}} if "schedule" in entry else {}
    return {"kind": kinds[entry["kind"]], **schedule}


def _volumes(entry: Mapping[str, Any]) -> dict[str, Any]:
    volumes, claims = {}, {}
    for name, said in (entry.get("volumes") or {}).items():
        if "size" in said:
            claims[name] = {"path": said["path"], "size": said["size"]}
        else:
            names = {"config": "configMap", "read_only": "readOnly"}
            volumes[name] = {names.get(key, key): value for key, value in said.items()}
    return ({"volumes": volumes} if volumes else {}) | ({"statefulSet": {"claims": claims}} if claims else {})


def _resources(entry: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for key, both in (RESOURCES | dict(entry.get("resources") or {})).items():
        request, _hyphen, limit = both.partition("-")
        found["requests"][key], found["limits"][key] = request, limit or request
    return found


def _probes(entry: Mapping[str, Any]) -> dict[str, Any]:
    health = entry.get("health")
    if health is None:
        return {}
    if health == "none":
        return {"probes": {kind: {"type": "none"} for kind in _PROBES}}
    asked = health if isinstance(health, Mapping) else {"live": health, "ready": health}
    if "command" in asked:
        command = [text_of(word) for word in asked["command"]]
        return {"probes": {kind: {"type": "exec", "command": command} for kind in _PROBES}}
    for key in ("tcp", "grpc"):
        if key in asked:
            return {"probes": {kind: {"type": key, "port": asked[key]} for kind in _PROBES}}
    live = asked.get("live", asked.get("ready"))
    paths = dict(zip(_PROBES, (live, live, asked.get("ready", live)), strict=True))
    port = {"port": asked["port"]} if "port" in asked else {}
    return {"probes": {kind: {"path": path, **port} for kind, path in paths.items()}}


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
    memory = {"targetMemoryUtilizationPercentage": scale["memory"]} if "memory" in scale else {}
    pace = {key: value for way in ("up", "down") for key, value in _pace(f"scale{way.title()}", scale.get(way) or {})}
    return {"autoscaling": {
        "enabled": True, "minReplicas": least, "maxReplicas": most,
        "targetCPUUtilizationPercentage": scale.get("cpu", 80), **memory, **pace,
    }}  # fmt: skip


def _pace(way: str, said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """How fast pods are added or taken away; what is not said is Kubernetes' own."""
    if "after" in said:
        yield f"{way}StabilizationSeconds", said["after"]
    if set(said) - {"after"}:
        most = {"Pods": said.get("pods"), "Percent": said.get("percent", None if "pods" in said else 100)}
        every = said.get("every", 15)
        policies = [{"type": kind, "value": n, "periodSeconds": every} for kind, n in most.items() if n is not None]
        yield f"{way}Policies", policies
