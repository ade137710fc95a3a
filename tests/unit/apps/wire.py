"""What needs more than a request and its answer: event streams, and a stand-in of a Kubernetes Service."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit


class Stream:
    """An open event stream, read frame by frame."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str], seconds: float = 60) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)
        self._connection.request("GET", path, headers=dict(headers))
        self.response = self._connection.getresponse()
        self.headers = {k.lower(): v for k, v in self.response.getheaders()}

    def frames(self) -> Iterator[dict[str, str]]:
        """Each frame's fields; a comment has the field ''. Ends when the stream does."""
        frame: dict[str, str] = {}
        for raw in self.response:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                frame[name] = value.strip()
            else:
                yield frame
                frame = {}

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def stream(url: str, path: str = "/events", **headers: str) -> Iterator[Stream]:
    opened = Stream(url, path, headers)
    try:
        yield opened
    finally:
        opened.close()


class Switch:
    """Stands for a Kubernetes Service: new connections go to the port it points at, open ones stay where they are."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # else the thread would wait on, at a number that others get
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            # refused: as near as a process in between can come to it, the client is reset before it gets a byte
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            return
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        _copy(client, server)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """One direction; an end or a reset is passed on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
