"""A small stateful stand-in of a Dapr sidecar with a broker behind it.

It keeps Dapr's HTTP contract as far as the services use it (publish, programmatic subscriptions, state, health), checks
that what is published are proper CloudEvents, and remembers them. A test delivers them, as often as it likes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.apps.processes import Running, wait_until

_PUBLISH = re.compile(r"/v1\.0/publish/([^/]+)/([^/]+)")
_STATE = re.compile(r"/v1\.0/state/statestore(?:/([^/]+))?")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Sidecar:
    """Settings a test may change at any time: `healthy`, `answer`, `keeps_state`."""

    def __init__(self) -> None:
        self.healthy = True
        #: "ok"; "down": refuses with 500; "lost answer": takes it, but says 500; "reject TYPE": 400 for one type
        self.answer = "ok"
        self.keeps_state = True
        self.state: dict[str, Any] = {}
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self, user: str, kind: str = "") -> list[dict[str, Any]]:
        """What was published about a user's tasks so far, in order; of one type, if given."""
        with self._lock:
            events = [event for _, event in self.published if event["data"]["user_id"] == user]
        return [event for event in events if event["type"].startswith(kind)]

    def wait_for(self, count: int, user: str, kind: str = "") -> list[dict[str, Any]]:
        """At least so many events."""

        def enough() -> list[dict[str, Any]]:
            found = self.events(user, kind)
            return found if len(found) >= count else []

        events: list[dict[str, Any]] = wait_until(enough, f"{count} events {kind} of user {user}")
        return events

    def deliver(self, service: Running, event: Mapping[str, Any], topic: str = "task-events") -> str:
        """Hand an event to a subscriber once; what it wants done with it: SUCCESS, RETRY or DROP."""
        return self.deliver_raw(service, json.dumps(event).encode(), topic)

    def deliver_raw(self, service: Running, body: bytes, topic: str = "task-events") -> str:
        route = self.routes(service)[topic]
        answer = service.call("POST", route, body, headers={"content-type": "application/cloudevents+json"})
        if answer.status == 404:  # Dapr drops what an app has no route for
            return "DROP"
        return str(answer.json["status"]) if answer.status == 200 else "RETRY"

    @staticmethod
    def routes(service: Running) -> dict[str, str]:
        """Topic to path, as the service asks for."""
        return {item["topic"]: item["route"] for item in service.call("GET", "/dapr/subscribe").json}

    def take(self, pubsub: str, topic: str, content_type: str, query: str, headers: Any, body: bytes) -> int:
        """Publish: the HTTP status that says how it went."""
        event = json.loads(body)
        problems = list(_violations(event, content_type, query))
        kind = str(event.get("type"))
        with self._lock:
            self.problems += problems
            if problems or self.answer == f"reject {kind}":
                return 400
            if self.answer == "down":
                return 500
            # what a real sidecar adds to an event that is one already (components-contrib, pubsub/envelope.go)
            parent = headers.get("traceparent", "")
            self.published.append(
                (topic, {**event, "topic": topic, "pubsubname": pubsub, "traceparent": parent, "traceid": parent})
            )
            return 500 if self.answer == "lost answer" else 204


def _violations(event: Mapping[str, Any], content_type: str, query: str) -> list[str]:
    """What breaks CloudEvents 1.0 or the app's own contract."""
    wrong = [
        f"{name} is missing" for name in ("id", "source", "type", "time", "subject", "data") if not event.get(name)
    ]
    if content_type != "application/cloudevents+json":
        wrong.append(f"content type {content_type}")
    if event.get("specversion") != "1.0" or event.get("datacontenttype") != "application/json":
        wrong.append("specversion or datacontenttype")
    if any(not re.fullmatch("[a-z0-9]+", name) for name in event):
        wrong.append("an attribute's name is not lower-case letters and digits")
    if not wrong:
        datetime.fromisoformat(event["time"])
        data = event["data"]
        if not (data.get("user_id") and data.get("task", {}).get("id") == event["subject"]):
            wrong.append("data lacks user_id or task")
        if parse_qs(query).get("metadata.partitionKey") != [data.get("user_id")]:
            wrong.append("the partition key is not the user")
    return wrong


def _handler(sidecar: Sidecar) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/v1.0/healthz/outbound":
                self._send(204 if sidecar.healthy else 500)
            elif (match := _STATE.fullmatch(path)) and match[1]:
                found = sidecar.keeps_state and match[1] in sidecar.state
                status = 200 if found else 204 if sidecar.keeps_state else 400
                self._send(status, json.dumps(sidecar.state[match[1]]).encode() if found else b"")
            else:
                self._send(404)

        def do_POST(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            if match := _PUBLISH.fullmatch(url.path):
                if not _TRACEPARENT.fullmatch(self.headers.get("traceparent", "")):
                    sidecar.problems.append("published without a traceparent")
                kind = self.headers.get("content-type", "")
                self._send(sidecar.take(match[1], match[2], kind, url.query, self.headers, body))
            elif _STATE.fullmatch(url.path):
                if sidecar.keeps_state:
                    sidecar.state.update((entry["key"], entry["value"]) for entry in json.loads(body))
                self._send(204 if sidecar.keeps_state else 400)
            else:
                self._send(404)

        def _send(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler
