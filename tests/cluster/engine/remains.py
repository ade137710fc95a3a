"""What a stopped engine has left on this machine: nothing, if all is well."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.cluster.engine import daemon
from tests.cluster.node import cgroups

_PROC = Path("/proc")


def processes(folder: Path = daemon.FOLDER) -> dict[int, str]:
    """When each process of the running engine and of its containers began, by its number on this machine."""
    first = daemon.pid(folder)
    space = _namespace(first) if first else ""
    found = {}
    for entry in _PROC.glob("[0-9]*"):
        number = int(entry.name)
        if space and (_namespace(number) == space or _is_below(number, space)):
            found[number] = _began(number)
    return found


def remains(watched: dict[int, str], folder: Path = daemon.FOLDER) -> list[str]:
    """A sentence for each thing that is there though the engine is stopped.

    Args:
        watched: ``processes()`` of the time before.
    """
    net = daemon.subnets(folder)
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout.splitlines()
    mounts = [line.split()[4] for line in (_PROC / "self" / "mountinfo").read_text().splitlines()]
    return [
        *(f"process {number} runs still" for number, began in watched.items() if _began(number) == began),
        *(f"{place} is mounted still" for place in mounts if Path(place).is_relative_to(folder)),
        *(f"route {route} is there still" for route in routes if route.startswith(f"{net.all} ")),
        *(f"{path} is there still" for path in _paths(folder) if path.exists()),
    ]


def _paths(folder: Path) -> list[Path]:
    net = daemon.subnets(folder)
    work = folder / "work" / "images"
    return [Path("/sys/class/net", net.veth), folder / "docker.sock", work, *cgroups.folders(daemon.cgroup(folder))]


def _namespace(number: int) -> str:
    try:
        return os.readlink(_PROC / str(number) / "ns" / "pid")
    except OSError:
        return ""


def _is_below(number: int, space: str) -> bool:
    """Whether a parent of a process, at any distance, is in a PID namespace."""
    while number > 1:
        try:
            number = int((_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if _namespace(number) == space:
            return True
    return False


def _began(number: int) -> str:
    """The time at which a process began, in ticks since the machine did; empty when it has ended."""
    try:
        return (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
