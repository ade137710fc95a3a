# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A compose file as entries of ``services``. Pure. Rules: the Compose Specification (compose-spec.io)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..failure import one_or_many
from .convert import Conversion
from .convert_calls import CLOSED, addressed
from .convert_pod import full_image
from .convert_source import reading

Credential = Callable[[str, str], bool]
_UNFIT = re.compile(r"[^a-z0-9-]+")
# Of a database and of a broker; the environment has them.
_DATABASES = ("postgres", "postgresql", "mysql", "mariadb")
_BROKERS = ("kafka", "redpanda")
_PLAIN = ("image", "environment", "env_file", "ports", "expose", "command", "entrypoint", "depends_on", "healthcheck",
          "user", "volumes", "deploy", "stop_grace_period", "read_only", "tmpfs")  # fmt: skip
# What Kubernetes does anyway, or what has no meaning there.
_NOTHING = ("restart", "container_name", "networks", "build", "labels", "logging", "hostname", "init", "tty",
            "stdin_open", "pull_policy", "platform", "scale", "x-", "secrets", "configs", "links",
            "profiles")  # fmt: skip
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_HTTP = 80  # the port of a Service of charts/service
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def is_compose(document: Any) -> bool:
    """Whether a document is a compose file."""
    return isinstance(document, Mapping) and isinstance(document.get("services"), Mapping) and "kind" not in document


def from_compose(document: Mapping[str, Any], is_credential: Credential) -> Conversion:
    """The entries of all services, without databases and brokers: those are the environment's. Raises Malformed."""
    found = Conversion()
    services = {str(name): said for name, said in document["services"].items() if isinstance(said, Mapping)}
    needs = {name: need for name, said in services.items() if (need := _platform(said))}
    with reading("services"):
        calls = {name: addressed(_texts(said), services.keys() - {name}) for name, said in services.items()}
    for name, said in services.items():
        if name in needs:
            found.unsaid.append(
                f"{name}: a {needs[name]} is the environment's (its address and login are variables), no service. "
                "To run it here as well, write an entry with `kind: statefulset` or a chart."
            )
            continue
        fit = _name(name)
        if fit != name:
            found.unsaid.append(f"{name}: is named {fit}, so its host name is that as well.")
        with reading(name):
            asked = next((ports[name] for ports in calls.values() if ports.get(name)), 0)
            found.services[fit] = _Service(fit, said, needs, list(calls[name]), asked, found, is_credential).entry()
    called = {other for entry in found.services.values() for other in entry.get("calls", ())}
    for name in (name for name, entry in found.services.items() if name in called and entry["port"] == "none"):
        found.unsaid.append(f"{name}: others call it, and nothing says on which port; say `port`.")
    for key in ("secrets", "configs"):
        with reading(key):
            for name in document.get(key) or {}:
                found.unsaid.append(f"{key}.{name}: mount it by `volumes`, or read its keys by `env_from`.")
    if found.services:
        found.unsaid.append(CLOSED)
    return found


def _name(name: str) -> str:
    return _UNFIT.sub("-", name.lower())[:52].strip("-").lstrip("-0123456789") or "service"


def _texts(said: Mapping[str, Any]) -> list[Any]:
    """Where addresses of others stand."""
    variables = said.get("environment") or {}
    words = [said.get(key) or () for key in ("entrypoint", "command")]
    lists = [variables.values() if isinstance(variables, Mapping) else variables, *words]
    return [text for some in lists for text in ([some] if isinstance(some, str) else some)]


def _platform(said: Mapping[str, Any]) -> str:
    image = str(said.get("image", "")).partition("@")[0].rpartition("/")[2].partition(":")[0]
    return "database" if image in _DATABASES else "broker" if image in _BROKERS or "kafka" in image else ""


class _Service:
    """One service of a compose file."""

    def __init__(
        self,
        name: str,
        said: Mapping[str, Any],
        needs: Mapping[str, str],
        calls: Sequence[str],
        asked: int,
        found: Conversion,
        is_credential: Credential,
    ) -> None:
        """``calls``: services that it names in addresses; ``asked``: the port by which others name it, or 0."""
        self._name, self._said, self._needs, self._found, self._is = name, said, needs, found, is_credential
        self._calls, self._asked = calls, asked

    def entry(self) -> dict[str, Any]:
        said = self._said
        entry: dict[str, Any] = {"image": self._image()}
        port = self._port()
        entry["port"] = port or "none"
        entry |= self._health(port) | self._environment(port) | self._words() | self._depends() | self._user()
        entry |= self._volumes() | self._deploy()
        if port and self._asked == port and port != _HTTP:  # in compose there is no other port than the container's
            entry["values"] = {**entry.get("values", {}), "service": {"port": port}}
        grace = _seconds(said.get("stop_grace_period"))
        if grace is not None and 6 <= grace <= 3600:
            entry["stop_seconds"] = int(grace)
        for key in said:
            if key not in _PLAIN and not key.startswith(_NOTHING):
                self._say(f"{key}: no key says it")
        return entry

    def _say(self, sentence: str) -> None:
        self._found.unsaid.append(f"{self._name}: {sentence}.")

    def _image(self) -> str:
        image = self._said.get("image")
        if not image:
            self._say("is built from a folder; push the image, and say `image` (or app.registry and app.version)")
            return f"registry.invalid/{self._name}:v1"
        if "$" in str(image):
            self._say("its image has a variable of the shell; say it in full")
            image = _VARIABLE.sub("v1", str(image).replace("${", "$")).replace("}", "")
        full = full_image(str(image))
        if ":" not in full.rpartition("/")[2]:
            self._say("its image has no tag; a deployment wants one that stays the same")
            full += ":latest"
        return full

    def _port(self) -> int:
        """Of the container, from the first of ``ports`` or ``expose``."""
        found = []
        for one in [*(self._said.get("ports") or ()), *(self._said.get("expose") or ())]:
            text = str(one.get("target", "") if isinstance(one, Mapping) else one).partition("/")[0].rpartition(":")[2]
            if text.isdigit():
                found.append(int(text))
        others = [port for port in dict.fromkeys(found) if port != found[0]] if found else []
        if others:
            ports = one_or_many(map(str, others), "its other port {}", "its other ports {}")
            self._say(f"{ports}: say `values: {{extraPorts: …}}`")
        if self._said.get("ports"):
            self._say("its port is published; if people call it, say `public` with a host name")
        return found[0] if found else self._asked

    def _environment(self, port: int) -> dict[str, Any]:
        given = self._said.get("environment") or {}
        pairs = dict(map(_pair, given)) if isinstance(given, list) else dict(given)
        env: dict[str, Any] = {}
        secrets: dict[str, str] = {}
        for name, value in pairs.items():
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            if name == "PORT" and text == str(port):
                continue
            taken = _VARIABLE.findall(text)
            if self._is(name, text) or (taken and self._is(name, "x1y2z3-some-value")):
                secrets[name] = f"{self._name}/{name}"
                self._found.secrets.setdefault(self._name, []).append(name)
            elif taken:
                self._say(f"{name} is taken from the shell ({', '.join(taken)}); say its value per environment")
            elif value is None:
                self._say(f"{name} is taken from the shell; say its value per environment")
            else:
                env[name] = text
        files = self._said.get("env_file")
        if files:
            self._say("env_file: make a ConfigMap or a Secret of it, and say env_from")
        return ({"env": env} if env else {}) | ({"secrets": secrets} if secrets else {})

    def _words(self) -> dict[str, Any]:
        found = {}
        for theirs, ours in (("entrypoint", "command"), ("command", "args")):
            said = self._said.get(theirs)
            if said:
                found[ours] = [str(word) for word in said] if isinstance(said, list) else shlex.split(str(said))
        return found

    def _health(self, port: int) -> dict[str, Any]:
        """``curl http://localhost:PORT/path`` is a path; another test is a command."""
        check = self._said.get("healthcheck") or {}
        test = check.get("test")
        if not test or check.get("disable") or test == ["NONE"]:
            return {"health": "none"}
        words = shlex.split(test) if isinstance(test, str) else [str(word) for word in test]
        words = words[1:] if words[:1] in (["CMD"], ["CMD-SHELL"]) else words
        url = re.search(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(/[^\s\"'|?#]*)?", " ".join(words))
        if url and port and int(url[1] or 80) == port:
            return {"health": url[2] or "/"}
        shell = isinstance(test, str) or test[0] == "CMD-SHELL"
        text = test if isinstance(test, str) else " ".join(words)
        return {"health": {"command": ["sh", "-c", text] if shell else words}}

    def _depends(self) -> dict[str, Any]:
        depends = list(dict.fromkeys([*map(str, self._said.get("depends_on") or ()), *self._calls]))
        calls = [_name(name) for name in depends if name not in self._needs]
        needs = sorted({self._needs[name] for name in depends if name in self._needs})
        return ({"calls": calls} if calls else {}) | ({"needs": needs} if needs else {})

    def _user(self) -> dict[str, Any]:
        user = str(self._said.get("user", "")).partition(":")[0]
        if user and not user.isdigit():
            self._say(f"its user is a name ({user}); say its number")
        found: dict[str, Any] = {"user": int(user) if user.isdigit() else "image"}
        return found if self._said.get("read_only") else {**found, "values": {"security": {"readOnlyRoot": False}}}

    def _volumes(self) -> dict[str, Any]:
        volumes: dict[str, Any] = {}
        writable = [str(path) for path in _listed(self._said.get("tmpfs")) if path != "/tmp"]
        for one in self._said.get("volumes") or ():
            source, target, mode = _mount(one)
            if not target.startswith("/"):
                continue
            if not source:
                writable.append(target)
            elif source.startswith((".", "/", "~", "$")):
                self._say(f"{target} is a folder of the machine; put it into the image, a ConfigMap or a claim")
            else:
                volumes[_name(source)] = {"path": target, "claim": _name(source)} | (
                    {"read_only": True} if mode == "ro" else {}
                )
                self._say(f"the volume {source}: make a PersistentVolumeClaim {_name(source)}")
        return ({"volumes": volumes} if volumes else {}) | ({"writable": writable} if writable else {})

    def _deploy(self) -> dict[str, Any]:
        deploy = self._said.get("deploy") or {}
        found: dict[str, Any] = {}
        if isinstance(deploy.get("replicas"), int) and deploy["replicas"] != 1:
            found["scale"] = deploy["replicas"]
        given = deploy.get("resources") or {}
        resources = {}
        for ours, theirs, usual in (("cpu", "cpus", "50m"), ("memory", "memory", "96Mi")):
            limit = (given.get("limits") or {}).get(theirs)
            request = (given.get("reservations") or {}).get(theirs)
            if limit or request:
                top, low = _quantity(limit or request), _quantity(request) if request else usual
                resources[ours] = f"{low}-{top}" if low != top else top
        return {**found, "resources": resources} if resources else found


def _pair(text: Any) -> tuple[str, str | None]:
    name, equals, value = str(text).partition("=")
    return name, value if equals else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _mount(one: Any) -> tuple[str, str, str]:
    """Source, target and mode; without a source it is a folder of its own."""
    if isinstance(one, Mapping):
        return str(one.get("source") or ""), str(one.get("target", "")), "ro" if one.get("read_only") else ""
    source, colon, rest = str(one).partition(":")
    target, _colon, mode = rest.partition(":")
    return (source, target, mode) if colon else ("", source, "")


def _quantity(value: Any) -> str:
    """``0.5`` stays, ``512M`` and ``512m`` (bytes, by two) become ``512Mi``."""
    found = re.fullmatch(r"(\d+)([kKmMgG])[bB]?", str(value))
    return f"{found[1]}{found[2].upper().replace('K', 'K')}i" if found else str(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", str(value))
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None
