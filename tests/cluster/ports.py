"""Ports for servers that take a number and cannot say which one they got."""

from __future__ import annotations

import contextlib
import os
import random
import socket

_CHANCE = random.SystemRandom()  # which no test seeds
_GIVEN: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port below those that connections get: one of these may take it before its server listens, and a client that
    waits for a server may meet itself there.

    Each is given once, and each worker of pytest has ports of its own: who asked for one listens there later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    while True:
        port = _CHANCE.randrange(20000, 32000, 8) + worker
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
