# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs modules of this collection by their own interface, each in a process of its own, without Ansible's controller.

``python3 -m tests.support.module_server NAME`` runs one, with its options on standard input. A server process has
everything imported that modules need, and forks for each run: what takes a second of a processor by ``ansible localhost
-m`` takes next to nothing. It has one thread only, so that a fork is safe.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

MODULES = "ansible_collections.todo.cloud.plugins.modules"
_PRELOADED = ("jmespath", "kubernetes.client", "kubernetes.config", "urllib3", "yaml", "ansible.module_utils.urls")
_SIZE = struct.Struct("!I")


class ModuleServer:
    """Context manager. Threads may share it."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._folder = tempfile.TemporaryDirectory(prefix="modules-")
        self._path = str(Path(self._folder.name) / "socket")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ModuleServer:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(self._top / "collections"), str(self._top)))}
        command = [sys.executable, "-m", "tests.support.module_server", self._path]
        self._process = subprocess.Popen(
            command, cwd=self._top, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n", "the module server does not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def run(self, name: str, params: Mapping[str, Any], environ: Mapping[str, str], timeout: float) -> str:
        """What a module prints. ``params``: its options, and Ansible's own (``_ansible_check_mode`` and so on)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(self._path)
            send(connection, {"module": name, "params": dict(params), "environ": dict(environ)})
            return str(receive(connection)["output"])


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """One message as JSON, its length first."""
    body = json.dumps(message).encode()
    connection.sendall(_SIZE.pack(len(body)) + body)


def receive(connection: socket.socket) -> dict[str, Any]:
    """The other end of :func:`send`."""
    with connection.makefile("rb") as stream:
        (size,) = _SIZE.unpack(stream.read(_SIZE.size))
        message: dict[str, Any] = json.loads(stream.read(size))
    return message


def serve(path: str) -> None:
    """Answers until its standard input ends, as it does when whoever started it dies."""
    for name in _PRELOADED:
        importlib.import_module(name)
    folder = Path(importlib.import_module(MODULES).__path__[0])
    for file in sorted(folder.glob("[a-z]*.py")):
        importlib.import_module(f"{MODULES}.{file.stem}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()
            _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _answer(connection: socket.socket) -> None:
    """Runs a module in a child of this process, whose output is the answer."""
    request = receive(connection)
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            connection.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.environ.clear()
            os.environ.update(request["environ"])
            _run(request["module"], request["params"])
        os.waitpid(pid, 0)
        output.seek(0)
        send(connection, {"output": output.read().decode(errors="replace")})
    os._exit(0)


def _run(name: str, params: dict[str, Any]) -> None:
    from ansible.module_utils.testing import patch_module_args

    code: Any = 1
    try:
        with patch_module_args(params):
            importlib.import_module(f"{MODULES}.{name}").main()
    except SystemExit as exc:
        code = exc.code
    except BaseException:
        import traceback

        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if "/" in sys.argv[1]:
        serve(sys.argv[1])
    else:
        _run(sys.argv[1], json.load(sys.stdin))
