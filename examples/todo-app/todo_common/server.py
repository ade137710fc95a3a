"""Runs a service: settings, logs, faults on purpose, and a server that stops without losing a request.

How a pod ends: Kubernetes takes it out of the Service and runs the preStop sleep (5 s), then sends SIGTERM. From then
on /ready says 503 and every response says `Connection: close`, so that clients with open connections move on; after
DRAIN_SECONDS the server stops listening, lets running requests finish (GRACE_SECONDS at most) and exits with 0.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from todo_common import faults, logs
from todo_common.lifecycle import Lifecycle
from todo_common.service import Service
from todo_common.settings import ConfigError, Settings

log = logging.getLogger("server")

DRAIN_SECONDS = 3
GRACE_SECONDS = 4
#: Longer than any client of ours keeps an idle connection: the client closes first.
KEEPALIVE_SECONDS = 75


class DrainingServer(uvicorn.Server):
    """uvicorn that drains before it stops, and exits with 0 after a signal."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._ticks_left = DRAIN_SECONDS * 10

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: stop now."""
        if self._lifecycle.draining:
            self.should_exit = True
        self._lifecycle.drain()

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; True ends its main loop."""
        if self._lifecycle.draining:
            if self._ticks_left == DRAIN_SECONDS * 10:
                log.info("draining")
            self._ticks_left -= 1
        return await super().on_tick(counter) or self._ticks_left <= 0


def main(name: str, create: Callable[[Settings], Service]) -> None:
    """Run service `name` until it is asked to stop; exit status 1 and one log line when it can't start."""
    try:
        settings = Settings.from_env(name)
        logs.setup(settings)
        faults.at_start(settings)
        service = create(settings)
    except ConfigError as error:
        if not logging.getLogger().handlers:
            logs.setup(Settings.from_env(name, {}))
        log.error("can't start: %s", error)
        sys.exit(1)
    config = uvicorn.Config(
        service.app,
        host="0.0.0.0",
        port=faults.port(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the caller is identified by the real peer address (see dapr.py)
        timeout_keep_alive=KEEPALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    server = DrainingServer(config, service.lifecycle)
    server.run()
    sys.exit(0 if server.started else 1)
