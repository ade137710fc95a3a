"""Connections tried from inside pods, and what network policies make of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import Object

# Answered or refused: somebody got the packet. A policy drops it, and nothing comes back.
_TRY = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def tried(end):
    for _ in range(2):  # one lost packet is no policy
        with socket.socket() as channel:
            channel.settimeout(1.5)
            try:
                channel.connect(tuple(end))
            except TimeoutError:
                continue
            except ConnectionError:
                return True
            return True
    return False

with ThreadPoolExecutor(64) as pool:
    print(json.dumps(list(pool.map(tried, json.load(sys.stdin)))))
"""


@dataclass(frozen=True, order=True)
class End:
    """Where a connection leads."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


def passing(process: int | None, ends: Iterable[End]) -> set[End]:
    """Those of the ends that packets reach from the network namespace of a process; None: from this machine."""
    wanted: Sequence[End] = sorted(set(ends))
    inside = ["nsenter", f"--net=/proc/{process}/ns/net"] if process else []
    done = subprocess.run(
        [*inside, sys.executable, "-c", _TRY],
        input=json.dumps([[end.address, end.port] for end in wanted]),
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return {end for end, got_there in zip(wanted, json.loads(done.stdout), strict=True) if got_there}


def process_of(pod: Object) -> int:
    """A process of a running pod, as this machine counts."""
    uid = pod["metadata"]["uid"]
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if uid in file.read_text():
                return int(file.parent.name)
        except OSError:  # it has ended meanwhile
            continue
    raise AssertionError(f"pod {pod['metadata']['name']} has no process")
