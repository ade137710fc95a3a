# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container as values of charts/service: variables, command, probes, resources. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .convert_source import Group, Notes, each, part

_BY_CHART = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
_TIMES = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
_PROBES = ("startup", "liveness", "readiness")
_OF_OTHERS = ("name", "image", "restartPolicy", "command", "args", "env", "envFrom", "resources", "volumeMounts")


@dataclass(frozen=True)
class Container:
    """A container of a service's pods. ``port``: the service's; 0: none."""

    said: Mapping[str, Any]
    port: int
    group: Group
    notes: Notes
    is_credential: Callable[[str, str], bool]

    def command(self) -> dict[str, Any]:
        return {key: [str(word) for word in self.said[key]] for key in ("command", "args") if self.said.get(key)}

    def resources(self, default: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """All four, as charts/service wants them; a limit that is not said is the default, or the request."""
        asked = part(self.said, "resources")
        found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
        for key, least in default["requests"].items():
            request, limit = part(asked, "requests").get(key), part(asked, "limits").get(key)
            if request is None:
                request = limit if limit is not None else least
            if limit is None:
                usual = default["limits"][key]
                limit = usual if amount(request) <= amount(usual) else request
            found["requests"][key], found["limits"][key] = str(request), str(limit)
        return found

    def probes(self) -> dict[str, Any]:
        """What of the three is not said follows from the others, as in ``health``."""
        found = {kind: self._probe(part(self.said, f"{kind}Probe")) for kind in _PROBES}
        if not self.port:  # nothing is asked by default either
            return {"probes": kept} if (kept := {kind: one for kind, one in found.items() if one}) else {}
        none: dict[str, Any] = {"type": "none"}
        live, ready, start = found["liveness"], found["readiness"], found["startup"]
        if self.group.own:
            return {"probes": {kind: one or none for kind, one in found.items()}}
        short = {key: value for key, value in live.items() if key not in _TIMES}
        return {
            "probes": {"startup": start or short or none, "liveness": live or none, "readiness": ready or short or none}
        }

    def _probe(self, probe: Mapping[str, Any]) -> dict[str, Any]:
        times = {key: probe[key] for key in _TIMES if probe.get(key)}
        if "httpGet" in probe:
            get = probe["httpGet"]
            scheme = {"scheme": get["scheme"]} if get.get("scheme", "HTTP") != "HTTP" else {}
            return {"type": "http", "path": get.get("path") or "/", **self._port(get, shown=False), **scheme, **times}
        if "tcpSocket" in probe:
            return {"type": "tcp", **self._port(probe["tcpSocket"]), **times}
        if "grpc" in probe:
            asked = probe["grpc"].get("service")
            return {"type": "grpc", **self._port(probe["grpc"]), **({"service": asked} if asked else {}), **times}
        command = part(probe, "exec").get("command")
        return {"type": "exec", "command": [str(word) for word in command], **times} if command else {}

    def _port(self, asked: Mapping[str, Any], *, shown: bool = True) -> dict[str, Any]:
        port = number_of(asked.get("port"), self.said)
        return {"port": port} if port and (shown or port != self.port) else {}


def number_of(port: Any, container: Mapping[str, Any]) -> int:
    """The number of a port, which may be a name of the container's; 0: it has none of that name."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    return next((int(one["containerPort"]) for one in each(container, "ports") if one.get("name") == port), 0)


def env_values(container: Container, without: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``env``, ``secretEnv``, ``configEnv`` and ``envFrom``. Credentials in plain text become references to a Secret.

    :param without: variables that the service's container has already
    """
    notes, service = container.notes, container.group.name
    found: dict[str, dict[str, Any]] = {"env": {}, "secretEnv": {}, "configEnv": {}}
    for one in each(container.said, "env"):
        name, value, source = str(one.get("name")), one.get("value"), part(one, "valueFrom")
        if one in ((without or {}).get("env") or ()) or _by_chart(name, one, container):
            continue
        if "secretKeyRef" in source:
            ref = source["secretKeyRef"]
            found["secretEnv"][name] = {"secret": str(ref.get("name")), "key": str(ref.get("key"))}
        elif "configMapKeyRef" in source:
            ref = source["configMapKeyRef"]
            found["configEnv"][name] = {"configMap": str(ref.get("name")), "key": str(ref.get("key"))}
        elif source:
            notes.say(f"{service}: the variable {name} has its value from {next(iter(source))}.")
        elif container.is_credential(name, str(value or "")):
            found["secretEnv"][name] = {"secret": service, "key": name}
            notes.secret(service, name)
        else:
            found["env"][name] = "" if value is None else str(value)
    sources = [
        source
        for one in each(container.said, "envFrom")
        if one not in ((without or {}).get("envFrom") or ()) and (source := _source(one))
    ]
    kept: dict[str, Any] = {key: value for key, value in found.items() if value}
    return {**kept, "envFrom": sources} if sources else kept


def _by_chart(name: str, one: Mapping[str, Any], container: Container) -> bool:
    """Whether the chart sets it; another PORT cannot be said."""
    if name == "PORT" and container.port:
        if str(one.get("value")) != str(container.port):
            container.notes.say(f"{container.group.name}: PORT is always the service's port, {container.port}.")
        return True
    field = part(one, "valueFrom", "fieldRef").get("fieldPath")
    return name in _BY_CHART and field == _BY_CHART[name]


def _source(one: Mapping[str, Any]) -> dict[str, Any]:
    for key, kind in (("configMapRef", "configMap"), ("secretRef", "secret")):
        if key in one:
            optional = {"optional": True} if one[key].get("optional") else {}
            prefix = {"prefix": one["prefix"]} if one.get("prefix") else {}
            return {kind: str(one[key].get("name")), **prefix, **optional}
    return {}


def container_values(said: Mapping[str, Any], main: Container, default: Mapping[str, Any]) -> dict[str, Any]:
    """A container beside or before the service's."""
    other = Container(said, 0, main.group, main.notes, main.is_credential)
    like = all(one in each(said, key) for key in ("env", "volumeMounts", "envFrom") for one in each(main.said, key))
    like = like and bool(main.said.get("env"))
    found: dict[str, Any] = {"name": said.get("name")}
    if said.get("image") != main.said.get("image"):
        found["image"] = said.get("image")
    if said.get("restartPolicy"):
        found["restartPolicy"] = said["restartPolicy"]
    found |= other.command() | env_values(other, main.said if like else None)
    if like:
        found["likeService"] = True
    taken = each(main.said, "volumeMounts") if like else []
    mounts = {str(one.get("name")): str(one.get("mountPath")) for one in each(said, "volumeMounts") if one not in taken}
    if mounts:
        found["mounts"] = mounts
    rest = [
        key for key in said if key not in (*_OF_OTHERS, "imagePullPolicy", "securityContext", "terminationMessagePath")
    ]
    if rest:
        main.notes.say(f"{main.group.name}: {', '.join(rest)} of the container {said.get('name')}.")
    return {**found, "resources": other.resources(default)}


_UNITS = {"m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def amount(quantity: Any) -> float:
    """A quantity of Kubernetes as a number; 0 for what is none."""
    text = str(quantity)
    unit = text.lstrip("0123456789.")
    try:
        return float(text.removesuffix(unit)) * _UNITS.get(unit, 1)
    except ValueError:
        return 0.0
