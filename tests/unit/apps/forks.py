"""Services that start warm: what they all import is imported once, and each service is a fork of this process.

A line of JSON on standard input is [module, environment, log, slowness], answered by a process id, or such an id,
answered by the exit code or null. At the end of the input everything ends.
"""

from __future__ import annotations

import json
import math
import os
import runpy
import signal
import sys

import fastapi
import httpx
import jwt
import prometheus_client
import psycopg_pool
import uvicorn

__all__ = ["fastapi", "httpx", "jwt", "prometheus_client", "psycopg_pool", "uvicorn"]
codes: dict[int, int | None] = {}


def _service(module: str, environ: dict[str, str], log: str, slowness: float) -> None:
    from todo_common import server

    # What a test asks of a service that is about to end takes longer, too.
    server.DRAIN_SECONDS = math.ceil(server.DRAIN_SECONDS * slowness)
    server.GRACE_SECONDS = math.ceil(server.GRACE_SECONDS * slowness)
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), stream)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _code(pid: int) -> int | None:
    if codes[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        codes[pid] = os.waitstatus_to_exitcode(status) if ended else None
    return codes[pid]


for line in sys.stdin:
    match json.loads(line):
        case int(pid):
            print(json.dumps(_code(pid)), flush=True)
        case [module, environ, log, slowness]:
            if (pid := os.fork()) == 0:
                _service(module, environ, log, slowness)
                sys.exit()
            codes[pid] = None
            print(pid, flush=True)
for pid in codes:
    if _code(pid) is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
