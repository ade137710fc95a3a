"""A container engine for as long as kind needs one: the machine's own, else that of `make engine`."""

from __future__ import annotations

import os
from types import TracebackType

from tests.cluster import cli
from tests.cluster.engine import daemon, remains
from tests.cluster.kind.program import answering
from tests.cluster.node import cgroups


class Engine:
    """Starts the engine of `make engine` where none answers, and stops it at the end if it did not run before."""

    def __init__(self) -> None:
        self._is_started = False
        self.left: list[str] = []  # what a stopped engine has left behind
        self.cpu = 0.0  # seconds that its containers have used
        self._before = 0.0

    def __enter__(self) -> Engine:
        found = answering()
        if found is None and os.environ.get("DOCKER_HOST") not in (None, "", daemon.host()):
            return self  # another engine was asked for: what uses it says why it does not answer
        if found is None or found.is_ours:
            self._is_started = not daemon.pid()
            cli.run(["engine", "start"])
        self._before = cgroups.cpu_seconds(daemon.cgroup())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cpu = cgroups.cpu_seconds(daemon.cgroup()) - self._before
        if self._is_started:
            watched = remains.processes()
            daemon.stop()
            self.left = remains.remains(watched)
