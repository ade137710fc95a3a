# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A receiver of messages, as chats have them: takes JSON and keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.served import served


@dataclass
class Receiver:
    """``status``: what it answers; its path is what a real one's secret would be."""

    status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator[Receiver]:
        with served(_Handler, receiver=self) as address:
            self.url = f"http://{address}/hooks/secret-of-the-receiver"
            yield self


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.receiver.messages.append(json.loads(body))
        self.send_response(self.receiver.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
