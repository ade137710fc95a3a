#!/usr/bin/python3
"""Plays a team's program in its container: the command's name decides which; the image's variables say the rest.

STANDIN_USER: the user that it has to be. STANDIN_PATHS: ``port/path`` that answer, all others are not found.
STANDIN_READS, STANDIN_WRITES: paths that it has to read and write. STANDIN_BREAK: crash, or deaf.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ALIVE = Path("/tmp/alive")
DAPR = "http://127.0.0.1:3500/v1.0"
# gRPC's health service, as far as a kubelet asks: HTTP/2 frames (RFC 9113), headers without compression (RFC 7541).
SETTINGS, PING, HEADERS, DATA, ACK, END = 4, 6, 1, 0, 1, 1
SERVING = b"\0\0\0\0\2\x08\1"


class Handler(BaseHTTPRequestHandler):
    """Answers the paths of its port."""

    paths: dict[str, str] = {}  # noqa: RUF012  one class per port
    upstream = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.upstream and path not in self.paths:
            with urllib.request.urlopen(self.upstream + self.path, timeout=5) as answer:
                return self._answer(200, answer.read())
        if path == "/dapr/subscribe":
            return self._answer(200, b"[]")
        if path not in self.paths:
            return self._answer(404, b"{}")
        what = self.paths[path]
        try:
            return self._answer(200, json.dumps({"version": os.environ.get("APP_VERSION"), what: said(what)}).encode())
        except OSError as exc:
            return self._answer(503, str(exc).encode())

    def do_POST(self) -> None:
        """A binding or a topic calls: its name and how often."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        calls[self.path] = calls.get(self.path, 0) + 1
        self._answer(200, b"{}")

    do_OPTIONS = do_PUT = do_POST

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


calls: dict[str, int] = {}


def said(what: str) -> object:
    """What a path answers besides the version."""
    if what == "calls":
        return calls
    if what == "state":  # kept and read by the sidecar
        store = f"{DAPR}/state/{os.environ['STANDIN_STATE']}"
        body = json.dumps([{"key": "basket", "value": "kept"}]).encode()
        urllib.request.urlopen(urllib.request.Request(store, body, {"Content-Type": "application/json"}), timeout=5)
        with urllib.request.urlopen(f"{store}/basket", timeout=5) as answer:
            return json.loads(answer.read())
    return True


def serve(port: int, upstream: str = "") -> None:
    """The paths of a port, for good."""
    paths = {}
    for one in os.environ.get("STANDIN_PATHS", "").split():
        where, _, what = one.partition("=")
        at, _, path = where.partition("/")
        if int(at) == port:
            paths[f"/{path}"] = what or "ok"
    handler = type("Paths", (Handler,), {"paths": paths, "upstream": upstream})
    server = ThreadingHTTPServer(("", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def grpc_health(port: int) -> None:
    """gRPC's health service on a port, for good."""
    server = socket.create_server(("", port))

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def speak(connection: socket.socket) -> None:
    """One HTTP/2 connection."""
    with connection, connection.makefile("rb") as stream:
        stream.read(24)  # the client's preface
        connection.sendall(frame(SETTINGS))
        while len(head := stream.read(9)) == 9:
            body = stream.read(int.from_bytes(head[:3], "big"))
            kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.sendall(frame(kind, body if kind == PING else b"", ACK))
            elif kind == DATA and flags & END:
                headers = b"\x88" + header(b"content-type", b"application/grpc")
                connection.sendall(frame(HEADERS, headers, 4, number) + frame(DATA, SERVING, 0, number))
                connection.sendall(frame(HEADERS, header(b"grpc-status", b"0"), 4 | END, number))


def frame(kind: int, body: bytes = b"", flags: int = 0, number: int = 0) -> bytes:
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + body


def header(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


def option(name: str, default: str = "") -> str:
    """The value of an option of the command line, in either form."""
    for index, word in enumerate(sys.argv):
        if word == name:
            return sys.argv[index + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return default


def check() -> None:
    """The container is what the image's program needs."""
    wanted, user = os.environ.get("STANDIN_USER", ""), str(os.getuid())
    if wanted and wanted != user:
        sys.exit(f"this is user {user}, and the image's program needs {wanted}")
    for path in os.environ.get("STANDIN_READS", "").split():
        Path(path).read_bytes()
    for path in os.environ.get("STANDIN_WRITES", "").split():
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / "written").write_text("x")
    missing = [name for name in os.environ.get("STANDIN_NEEDS", "").split() if name not in os.environ]
    if missing:
        sys.exit(f"variables are missing: {' '.join(missing)}")
    if os.environ.get("STANDIN_BREAK") == "crash":
        sys.exit("configuration is wrong")


def stay() -> None:
    """Until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        time.sleep(60)


def main() -> None:
    """What the command's name stands for."""
    program = Path(sys.argv[0]).name
    print(f"{program} {sys.argv[1:]} as user {os.getuid()}, version {os.environ.get('APP_VERSION')}", flush=True)
    check()
    if program in ("alembic", "cleanup.py", "drain"):
        return
    if os.environ.get("STANDIN_BREAK") == "deaf":
        stay()
    if program == "oauth2-proxy":
        serve(int(option("--http-address").rpartition(":")[2]), option("--upstream"))
    elif program == "prices":
        grpc_health(50051)
    elif program == "worker.py":
        ALIVE.touch()
    else:
        given = option("--port") or os.environ.get("ASPNETCORE_URLS", "").rpartition(":")[2]
        listened = {int(one.partition("/")[0]) for one in os.environ.get("STANDIN_PATHS", "").split()}
        for port in {int(given)} if given else listened:
            serve(port)
    stay()


if __name__ == "__main__":
    main()
