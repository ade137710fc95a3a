# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A receiver of traces (OTLP over HTTP, JSON), which takes nothing that the protocol does not know.

Fields and types: https://github.com/open-telemetry/opentelemetry-proto (trace/v1, common/v1).
Ids in hexadecimal, 64-bit integers as text, enumerations as numbers: https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.served import served


@dataclass(frozen=True)
class Span:
    """One that arrived; times in nanoseconds, ``code``: 1 for well, 2 for an error."""

    trace: str
    id: str
    parent: str
    name: str
    began: int
    ended: int
    code: int
    message: str
    attributes: dict[str, Any]


@dataclass
class Receiver:
    """What arrived. ``status``: what it answers; ``answer``: its body."""

    url: str = ""
    status: int = 200
    answer: str = "{}"
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def take(self, body: str) -> None:
        """Reads a request; what is wrong about it is noted."""
        self.bodies.append(body)
        try:
            for resource in _only(json.loads(body), "resourceSpans")["resourceSpans"]:
                _only(resource, "resource", "scopeSpans")
                self.resource = attributes(_only(resource["resource"], "attributes")["attributes"])
                for scope in resource["scopeSpans"]:
                    _only(scope, "scope", "spans")
                    assert _only(scope["scope"], "name")["name"]
                    self.spans += [_span(each) for each in scope["spans"]]
        except (AssertionError, KeyError, TypeError, ValueError) as exc:
            self.wrong.append(repr(exc))


def _only(found: dict[str, Any], *known: str) -> dict[str, Any]:
    assert set(found) <= set(known), f"unknown fields: {sorted(set(found) - set(known))}"
    return found


def _span(found: dict[str, Any]) -> Span:
    _only(found, "traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
          "attributes", "status")  # fmt: skip
    parent = found.get("parentSpanId", "")
    assert re.fullmatch("[0-9a-f]{32}", found["traceId"])
    assert re.fullmatch("[0-9a-f]{16}", found["spanId"])
    assert re.fullmatch("([0-9a-f]{16})?", parent)
    assert found["kind"] in (1, 2, 3, 4, 5)
    status = _only(found["status"], "code", "message")
    assert status["code"] in (0, 1, 2)
    return Span(
        found["traceId"], found["spanId"], parent, found["name"], _number(found["startTimeUnixNano"]),
        _number(found["endTimeUnixNano"]), status["code"], status.get("message", ""), attributes(found["attributes"]),
    )  # fmt: skip


def of_kind(receiver: Receiver, kind: str) -> list[Span]:
    """What arrived of a kind."""
    return [span for span in receiver.spans if span.attributes["todo.kind"] == kind]


def attributes(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Key and value; no key comes twice."""
    told: dict[str, Any] = {}
    for each in found:
        ((kind, value),) = _only(each, "key", "value")["value"].items()
        assert each["key"] not in told
        match kind:
            case "stringValue":
                assert isinstance(value, str)
            case "intValue":
                value = _number(value)
            case _:
                assert kind == "doubleValue"
                assert isinstance(value, float)
        told[each["key"]] = value
    return told


def _number(text: str) -> int:
    assert re.fullmatch("-?[0-9]{1,20}", text)
    return int(text)


@contextmanager
def receiving(**given: Any) -> Iterator[Receiver]:
    """One that listens while the block runs."""
    receiver = Receiver(**given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path.endswith("/v1/traces") and self.headers["Content-Type"] == "application/json":
                receiver.take(self.rfile.read(int(self.headers["Content-Length"])).decode())
            receiver.headers.append(dict(self.headers))
            self.send_response(receiver.status)
            self.end_headers()
            self.wfile.write(receiver.answer.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Handler) as address:
        receiver.url = f"http://{address}"
        yield receiver
    assert receiver.wrong == []
