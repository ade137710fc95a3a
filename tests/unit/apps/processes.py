"""Runs the stand-in services as real processes, and talks HTTP with them. Standard library only."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.ports import free_port
from tests.support.patience import patience, slowness

APPS = Path(__file__).resolve().parents[3] / "examples" / "todo-app"
PYTHON = (sys.executable, "-S")  # no site-packages, so that requirements.txt is seen to be complete
START_SECONDS = 60  # a deadline, not an expectation: machines that run tests are busy


def wait_until(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
    """Ask until the answer is true, less and less often; it is returned. Fails after `seconds` (see patience)."""
    seconds, pause = patience(seconds), 0.05
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)  # many an answer costs a process
    raise AssertionError(f"not within {seconds} s: {what}")


def dying_with_parent(argv: list[str], sig: str = "KILL") -> list[str]:
    """The command, such that a test run that is killed leaves nothing behind (Linux: util-linux's setpriv)."""
    return ["setpriv", "--pdeathsig", sig, *argv]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    base: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    source: str = "127.0.0.1",
    seconds: float = 60,
) -> Answer:
    """One request on a connection of its own; a body that is not bytes is sent as JSON."""
    given = dict(headers or {})
    if token:
        given["authorization"] = f"Bearer {token}"
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        given.setdefault("content-type", "application/json")
    address = urlsplit(base)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=seconds, source_address=(source, 0)
    )
    try:
        connection.request(method, path, body, given)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


@dataclass
class Running:
    """A service that runs."""

    module: str
    port: int
    process: subprocess.Popen[bytes] | Fork
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return call(self.url, method, path, body, **options)

    def healthy(self) -> bool:
        try:
            return self.call("GET", "/health", seconds=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def ready(self) -> bool:
        return self.call("GET", "/ready").status == 200

    def is_unready_since(self, **reasons: str) -> None:
        """Wait until it is, for reasons that begin so and no others: what it asks may take its time."""

        def told() -> bool:
            answer = self.call("GET", "/ready")
            found = answer.json.get("reasons", {})
            return (
                answer.status == 503
                and [*found] == [*reasons]
                and all(map(str.startswith, found.values(), reasons.values()))
            )

        wait_until(told, f"it is not ready: {reasons}")

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; every complete line must be a JSON object."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def logged(self, part: str) -> list[dict[str, Any]]:
        """The log lines with `part` in their message."""
        return [line for line in self.lines() if part in line["message"]]

    def metric(self, name: str) -> float:
        """The sum of a metric's samples whose name and labels begin with `name`."""
        text = self.call("GET", "/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def signal(self, sig: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(sig)

    def stop(self, seconds: float = 30) -> int:
        """Ask it to end; its exit status."""
        if self.process.poll() is None:
            self.signal()
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Forks:
    """The process of forks.py, with pinned requirements alone."""

    def __init__(self, path: str) -> None:
        self._process = subprocess.Popen(
            [*PYTHON, str(Path(__file__).with_name("forks.py"))],
            env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}, cwd="/",
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, request: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Fork:
    """A process of Forks, with the methods of Popen."""

    def __init__(self, forks: Forks, module: str, env: Mapping[str, str], log: Path) -> None:
        self._forks = forks
        self._pid = forks.ask([module, env, str(log), slowness()])

    def poll(self) -> int | None:
        code: int | None = self._forks.ask(self._pid)
        return code

    def wait(self, seconds: float = START_SECONDS) -> int:
        wait_until(lambda: self.poll() is not None, "it ends", seconds)
        return int(self.poll() or 0)

    def send_signal(self, sig: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self._pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Launcher:
    """Starts services from pinned requirements alone, in an environment that holds what it is given and no more."""

    def __init__(self, dependencies: Path, logs: Path) -> None:
        self._path = f"{dependencies}:{APPS}"
        self._logs = logs
        self._running: list[Running] = []
        self._forks = Forks(self._path)

    def start(self, module: str, wait: bool = True, before: list[str] | None = None, **env: Any) -> Running:
        """Start `python -m module`; with `wait`, until it answers. `before` stands in front of the command."""
        port = int(str(env.pop("PORT", 0))) or free_port()
        log = self._logs / f"{module}-{port}-{len(self._running)}.log"
        own = {"PYTHONPATH": self._path, "PORT": str(port), "POD_NAME": f"{module}-pod", "PATH": os.defpath}
        own |= {"PYTHONDONTWRITEBYTECODE": "1", **{k: str(v) for k, v in env.items()}}
        log.touch()
        process: Fork | subprocess.Popen[bytes]
        if before:
            argv = dying_with_parent([*before, *PYTHON, "-m", module])
            with log.open("wb") as output:
                process = subprocess.Popen(argv, env=own, stdout=output, stderr=subprocess.STDOUT, cwd="/")
        else:
            process = Fork(self._forks, module, own, log)
        running = Running(module, port, process, log)
        self._running.append(running)
        if wait:
            wait_until(lambda: running.healthy() or process.poll() is not None, f"{module} answers")
            assert process.poll() is None, f"{module} ended at start: {log.read_text()}"
        return running

    def kill_all(self) -> None:
        for running in self._running:
            running.kill()
        self._forks.close()
