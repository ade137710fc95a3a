# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A registry of a test's own beside the cluster's: it refuses, is away, or passes on to the cluster's."""

from __future__ import annotations

import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.cluster import state


class OddRegistry:
    """Context manager: ``name`` in image references leads here, from the local cluster's node.

    It starts away (connections are refused); :meth:`serve` makes it answer.
    """

    def __init__(self, name: str) -> None:
        cluster = state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"])
        self.name = name
        self._behind = cluster.registry
        self._folder = cluster.folder / "config" / "certs.d" / name
        self._server = ThreadingHTTPServer((str(cluster.subnets.machine_ip), 0), BaseHTTPRequestHandler)
        self._address = (str(self._server.server_address[0]), self._server.server_port)
        self._server.server_close()  # the port is known, and nobody listens there yet

    def __enter__(self) -> OddRegistry:
        self._folder.mkdir()
        url = f"http://{self._address[0]}:{self._address[1]}"
        text = f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
        (self._folder / "hosts.toml").write_text(text)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)
        if self._server.fileno() != -1:
            self._server.shutdown()
            self._server.server_close()

    def serve(self, *, denied: bool = False) -> None:
        """Answer from now on: refuse everything, or pass on to the cluster's registry."""
        behind = self._behind

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"errors": [{"code": "DENIED", "message": "requested access is denied"}]}).encode()
                self.send_response(403 if denied else 307)
                if not denied:
                    self.send_header("Location", f"http://{behind}{self.path}")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(self._address, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
