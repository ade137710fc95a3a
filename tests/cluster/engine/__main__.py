"""The engine's process 1, in namespaces of its own: when it ends, dockerd and all containers end.

Started by `daemon.start` as ``python -m tests.cluster.engine FOLDER``; SIGTERM stops the containers in order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cluster.engine import daemon
from tests.cluster.node import network


def main(folder: Path) -> int:
    """Run dockerd until it ends, and reap what containers leave to process 1."""
    subnets = daemon.subnets(folder)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)  # the machine's has sockets of other engines
    network.configure_engine(subnets)
    process = subprocess.Popen(
        daemon.command(folder, subnets), env=daemon.environment(folder), stdin=subprocess.DEVNULL
    )
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == process.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
