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


class _Handler(BaseHTTPRequestHandler):
    """Refuses everything, or passes on to the cluster's registry."""

    denied: bool
    behind: str

    def do_GET(self) -> None:
        body = json.dumps({"errors": [{"code": "DENIED", "message": "requested access is denied"}]}).encode()
        self.send_response(403 if self.denied else 307)
        if not self.denied:
            self.send_header("Location", f"http://{self.behind}{self.path}")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


class OddRegistry:
    """Context manager: ``name`` in image references leads here, from the local cluster's node.

    It starts away (its port is its own, and connections are refused); :meth:`serve` makes it answer.
    """

    def __init__(self, name: str) -> None:
        cluster = state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"])
        self.name = name
        self._folder = cluster.folder / "config" / "certs.d" / name
        self._handler: type[_Handler] = type("Handler", (_Handler,), {"behind": cluster.registry})
        here = (str(cluster.subnets.machine_ip), 0)
        self._server = ThreadingHTTPServer(here, self._handler, bind_and_activate=False)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> OddRegistry:
        self._server.server_bind()
        self._folder.mkdir()
        host, port = self._server.server_address[:2]
        url = f"http://{host!s}:{port}"
        text = f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
        (self._folder / "hosts.toml").write_text(text)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def serve(self, *, denied: bool = False) -> None:
        """Answer from now on: refuse everything, or pass on to the cluster's registry."""
        self._handler.denied = denied
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
