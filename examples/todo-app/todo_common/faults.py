"""Ways to be broken on purpose, baked into an image as APP_FAULT, so that deployments that go wrong can be tested.

crash: exits with 1 at start · slow-start: listens after 20 s · wrong-port: listens on 8081 · oom: takes memory until
it is killed · never-ready: see service.py · loses-tasks: see backend_api/tasks.py · slow: see observe.py
"""

from __future__ import annotations

import logging
import sys
import time

from todo_common.settings import Settings

log = logging.getLogger("fault")

SLOW_START_SECONDS = 20
WRONG_PORT = 8081
_MIB = 1024 * 1024
#: Where no memory limit is set, the machine is not taken down.
OOM_CEILING_MIB = 4096


def at_start(settings: Settings) -> None:
    """Do what the fault says before the service listens."""
    if settings.fault == "crash":
        log.error("can't start: APP_FAULT=crash: this version fails at start, on purpose")
        sys.exit(1)
    if settings.fault == "slow-start":
        log.warning("APP_FAULT=slow-start: listening in %d s", SLOW_START_SECONDS)
        time.sleep(SLOW_START_SECONDS)
    if settings.fault == "oom":
        log.warning("APP_FAULT=oom: taking memory until killed")
        _take_memory()


def port(settings: Settings) -> int:
    """The port to listen on."""
    if settings.fault != "wrong-port":
        return settings.port
    log.warning("APP_FAULT=wrong-port: listening on %d instead of %d", WRONG_PORT, settings.port)
    return WRONG_PORT


def _take_memory() -> None:
    taken = []
    try:
        for _ in range(OOM_CEILING_MIB // 16):
            taken.append(b"\1" * (16 * _MIB))  # written to, so that it is really there
            time.sleep(0.01)
    except MemoryError:
        pass
    mib = 16 * len(taken)
    taken.clear()
    log.error("APP_FAULT=oom: took %d MiB and was not killed: is there a memory limit?", mib)
    sys.exit(1)
