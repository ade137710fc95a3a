# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends the timeline of a run as a trace, by OTLP over HTTP, as JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp).

One request at the end of a run. Whoever does not take it, or takes its time, fails and delays no run.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ansible.module_utils import urls

from ..masking import masked
from ..neutral import one_line, shortened
from ..observing.source import within
from ..parsing import read_json
from .timeline import Span, Timeline

Attribute: TypeAlias = "str | int | float"

SECONDS = 3.0
_NAME = "todo.cloud"
_PATH = "/v1/traces"
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_INTERNAL, _OK, _ERROR = 1, 1, 2  # SpanKind, StatusCode
_LONGEST = 500  # characters of a message
_MOST_READ = 65_536


def body_of(
    timeline: Timeline, parent: str, resource: Mapping[str, Attribute], about: Mapping[str, Attribute]
) -> dict[str, Any]:
    """An ExportTraceServiceRequest. ``parent``: W3C's traceparent of what started the run; anything else counts as
    none. ``about``: attributes of the run.
    """
    known, root = _PARENT.fullmatch(parent), timeline.root
    trace_id, above = (known[1], known[2]) if known else (secrets.token_hex(16), "")
    parts = timeline.spans
    ids = {each.id for each in parts}
    spans = [_span(root, trace_id, above, about)]
    spans += [_span(each, trace_id, each.parent if each.parent in ids else root.id) for each in parts]
    named = {"service.name": _NAME, **resource}
    scope = {"scope": {"name": _NAME}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": list(_attributes(named))}, "scopeSpans": [scope]}]}


def send(endpoint: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """Why it was not taken; empty when it was. Neither the URL nor the answer is shown: both may hold secrets."""
    url = endpoint.rstrip("/")
    url = url if url.endswith(_PATH) else f"{url}{_PATH}"
    late = f"it gave no answer within {SECONDS:g} s"
    return within(SECONDS, lambda: _posted(url, headers, json.dumps(body).encode()), late)


def _posted(url: str, headers: Mapping[str, str], data: bytes) -> str:
    try:
        answer = urls.open_url(
            url, method="POST", data=data, timeout=SECONDS, headers={**headers, "Content-Type": "application/json"},
            follow_redirects="none", http_agent=_NAME,
        )  # fmt: skip
        return _partly(answer.read(_MOST_READ)) if answer.getcode() < 300 else f"it answered {answer.getcode()}"
    except (OSError, http.client.HTTPException, urls.ConnectionError, ValueError) as exc:
        code = getattr(exc, "code", None)
        return f"it answered {code}" if isinstance(code, int) else f"it gave no answer ({type(exc).__name__})"


def _partly(answer: bytes) -> str:
    """What is said of spans that were refused in a request that was taken."""
    try:
        refused = int(read_json(answer.decode())["partialSuccess"]["rejectedSpans"])
    except (ValueError, KeyError, TypeError):
        return ""
    return f"it refused {refused} of its spans" if refused else ""


def _span(span: Span, trace_id: str, parent: str, about: Mapping[str, Attribute] | None = None) -> dict[str, Any]:
    own: dict[str, Attribute] = {"todo.kind": span.kind, "todo.outcome": span.outcome, **(about or {})}
    if span.release:
        own["todo.service"] = span.release
    if span.failure:
        own["todo.code"] = span.failure.code.value
    said = span.name if span.name.startswith(span.kind) else f"{span.kind}: {span.name}"
    return {
        "traceId": trace_id,
        "spanId": span.id,
        **({"parentSpanId": parent} if parent else {}),
        "name": masked(one_line(said)),
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.start),
        "endTimeUnixNano": _nanoseconds(span.start + max(span.seconds, 0.0)),
        "attributes": list(_attributes(own)),
        "status": _status(span),
    }


def _status(span: Span) -> dict[str, Any]:
    if span.outcome == "ok":
        return {"code": _OK}
    text = span.failure.message if span.failure else ""
    return {"code": _ERROR, "message": shortened(masked(one_line(text)), limit=_LONGEST)}


def _nanoseconds(at: float) -> str:
    return str(int(at * 1e9))


def _attributes(named: Mapping[str, Attribute]) -> Iterator[dict[str, Any]]:
    for key, value in named.items():
        if isinstance(value, str):
            told: dict[str, Any] = {"stringValue": masked(value)}
        else:  # 64-bit integers are text in JSON
            told = {"doubleValue": value} if isinstance(value, float) else {"intValue": str(value)}
        yield {"key": key, "value": told}
