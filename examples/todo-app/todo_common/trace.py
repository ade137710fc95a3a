"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace id follows a request through every service."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_trace_id: ContextVar[str] = ContextVar("trace_id", default="")
_synthetic: ContextVar[bool] = ContextVar("synthetic", default=False)

#: On requests of a check, not of a person: metrics leave them out. It goes with the trace.
SYNTHETIC = "x-synthetic"


def begin(traceparent: str | None, synthetic: bool = False) -> str:
    """Take over the trace of an incoming `traceparent`, or start one; return its id (32 hex digits)."""
    match = _FORM.fullmatch(traceparent or "")
    trace_id = match[1] if match else secrets.token_hex(16)
    _trace_id.set(trace_id)
    _synthetic.set(synthetic)
    return trace_id


def is_valid(traceparent: str | None) -> bool:
    return bool(_FORM.fullmatch(traceparent or ""))


def current() -> str:
    """The id of the present trace, or ''."""
    return _trace_id.get()


def is_synthetic() -> bool:
    """Whether the present request is one of a check."""
    return _synthetic.get()


def outgoing() -> str:
    """A `traceparent` for the next call of the present trace."""
    return f"00-{_trace_id.get() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
