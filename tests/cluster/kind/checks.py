"""What kind needs of the machine and of the engine, checked before anything is made: a sentence and a remedy each."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.errors import ClusterError
from tests.cluster.kind.program import Program
from tests.cluster.kind.remedies import MORE_INOTIFY, OTHER_SUBNET

_GIB = 1024**3
MEMORY_GIB = 4
DISK_GIB = 8
KIND_OLDEST = (0, 29)  # the first whose own image has Kubernetes 1.33
_INSTANCES, _WATCHES = 128, 65536
_SYSCTL = Path("/proc/sys/fs/inotify")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@dataclass(frozen=True)
class Facts:
    """What was found.

    Attributes:
        kind: what `kind version` prints.
        memory: bytes that the engine's machine has; 0 unknown.
        disk: bytes free where the engine keeps its data; None where that is another machine's.
        inotify: instances and watches that a user may have; None likewise.
        network: subnets of kind's network.
        routes: networks that the machine reaches, without that network's own bridge.
        environ: variables of the environment.
        address: where the cluster's API server will answer.
    """

    kind: str
    memory: int
    disk: int | None
    inotify: tuple[int, int] | None
    address: str
    network: tuple[ipaddress.IPv4Network, ...] = ()
    routes: tuple[ipaddress.IPv4Network, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def check(program: Program, address: str) -> None:
    """Refuse what will not do.

    Raises:
        ClusterError: with all reasons, one sentence each.
    """
    if missing := [tool for tool in ("kind", "kubectl", "helm") if not shutil.which(tool)]:
        raise ClusterError(f"LOCAL_CLUSTER=kind needs {' and '.join(missing)}: install it and put it into PATH.")
    if problems := list(complaints(gather(program, address))):
        raise ClusterError(" ".join(problems))


def complaints(facts: Facts) -> Iterator[str]:
    """Sentences, the least the user can do about first."""
    version = re.search(r"v(\d+)\.(\d+)", facts.kind)
    if version and (int(version[1]), int(version[2])) < KIND_OLDEST:
        yield f"kind {version[0]} is too old: install {'.'.join(map(str, KIND_OLDEST))} or newer."
    if 0 < facts.memory < MEMORY_GIB * _GIB:
        yield (
            f"The container engine has {facts.memory / _GIB:.1f} GiB of memory, and {MEMORY_GIB} are needed: raise it "
            "(Docker Desktop: Settings > Resources; WSL: memory= in .wslconfig; Podman: `podman machine set --memory`)."
        )
    if facts.disk is not None and facts.disk < DISK_GIB * _GIB:
        yield (
            f"The container engine's disk has {facts.disk / _GIB:.1f} GiB free, and {DISK_GIB} are needed: free some "
            "with `docker system prune`."
        )
    if facts.inotify and (facts.inotify[0] < _INSTANCES or facts.inotify[1] < _WATCHES):
        yield f"This machine allows too few inotify instances for a node's systemd: {MORE_INOTIFY}."
    taken = next((route for route in facts.routes if any(route.overlaps(own) for own in facts.network)), None)
    if taken:
        yield (
            f"A VPN or another network of this machine uses {taken}, which kind's network has too: disconnect it, or "
            f"give kind's network another subnet with {OTHER_SUBNET}."
        )
    yield from _proxy(facts)


def gather(program: Program, address: str) -> Facts:
    """Look at kind, the engine and, where both are on this machine, at the machine."""
    info = program.info()
    root = Path(str(info.get("DockerRootDir") or info.get("store", {}).get("graphRoot") or "/nowhere"))
    here = root.exists() or program.is_ours  # else the engine is in a virtual machine
    subnets, bridge = _network(program)
    return Facts(
        kind=program.kind("version"),
        memory=int(info.get("MemTotal") or info.get("host", {}).get("memTotal") or 0),
        disk=shutil.disk_usage(root).free if root.exists() else None,
        inotify=_inotify() if here else None,
        network=subnets,
        routes=_routes(bridge) if here and subnets and not program.is_ours else (),
        environ=os.environ,
        address=address,
    )


def _proxy(facts: Facts) -> Iterator[str]:
    name = next((name for name in _PROXIES if facts.environ.get(name)), "")
    if not name:
        return
    value = facts.environ[name]
    host = urlsplit(value if "//" in value else f"//{value}").hostname or ""
    if host == "localhost" or host.startswith("127."):
        yield (
            f"{name} is {value}, which the node cannot reach: set it to an address that containers reach, or unset it "
            "if images come without a proxy."
        )
    unproxied = facts.environ.get("NO_PROXY", "") + "," + facts.environ.get("no_proxy", "")
    if facts.address not in re.split(r"[,\s]+", unproxied):
        yield f"{name} is set, and the cluster is not behind that proxy: add {facts.address} to NO_PROXY."


def _inotify() -> tuple[int, int] | None:
    files = _SYSCTL / "max_user_instances", _SYSCTL / "max_user_watches"
    if not all(file.exists() for file in files):
        return None
    instances, watches = (int(file.read_text()) for file in files)
    return instances, watches


def _network(program: Program) -> tuple[tuple[ipaddress.IPv4Network, ...], str]:
    """Subnets of kind's network and its bridge; nothing when it is not there yet."""
    if not program.there("network", "inspect", "kind"):
        return (), ""
    found = json.loads(program.run("network", "inspect", "kind"))[0]
    entries = (found.get("IPAM") or {}).get("Config") or found.get("subnets") or []
    texts = [str(entry.get("Subnet") or entry.get("subnet") or "") for entry in entries]
    bridge = str(found.get("network_interface") or f"br-{str(found.get('Id', ''))[:12]}")
    return tuple(ipaddress.IPv4Network(text) for text in texts if "." in text), bridge


def _routes(bridge: str) -> tuple[ipaddress.IPv4Network, ...]:
    if not shutil.which("ip"):
        return ()
    out = subprocess.run(["ip", "-json", "-4", "route"], capture_output=True, text=True, check=False).stdout
    return tuple(
        ipaddress.IPv4Network(route["dst"], strict=False)
        for route in json.loads(out or "[]")
        if route["dst"] != "default" and route.get("dev") != bridge and route.get("type") != "blackhole"
    )
