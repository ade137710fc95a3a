"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace id follows a request through every service."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def begin(traceparent: str | None) -> str:
    """Take over the trace of an incoming `traceparent`, or start one; return its id (32 hex digits)."""
    match = _FORM.fullmatch(traceparent or "")
    trace_id = match[1] if match else secrets.token_hex(16)
    _trace_id.set(trace_id)
    return trace_id


def is_valid(traceparent: str | None) -> bool:
    return bool(_FORM.fullmatch(traceparent or ""))


def current() -> str:
    """The id of the present trace, or ''."""
    return _trace_id.get()


def outgoing() -> str:
    """A `traceparent` for the next call of the present trace."""
    return f"00-{_trace_id.get() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
