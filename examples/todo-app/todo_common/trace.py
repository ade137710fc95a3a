"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace id follows a request through every service.

Whoever begins a trace decides whether it is sampled, by the share in OTEL_TRACES_SAMPLER_ARG (1 without it), and the
others pass that on; sidecars send spans of sampled traces only.
"""

from __future__ import annotations

import os
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_SAMPLED = 1


@dataclass(frozen=True)
class Trace:
    """Its id (32 hex digits), and its flags as in `traceparent`."""

    id: str
    flags: int

    @classmethod
    def new(cls) -> Trace:
        """Whether it is sampled follows from its id, as OpenTelemetry's TraceIdRatioBased has it."""
        bits = secrets.randbits(128) or 1
        return cls(f"{bits:032x}", _SAMPLED if bits % 2**64 < _share() * 2**64 else 0)


_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)
_synthetic: ContextVar[bool] = ContextVar("synthetic", default=False)

#: On requests of a check, not of a person: metrics leave them out. It goes with the trace.
SYNTHETIC = "x-synthetic"


def begin(traceparent: str | None, synthetic: bool = False) -> str:
    """Take over the trace of an incoming `traceparent`, or start one; return its id (32 hex digits)."""
    match = _FORM.fullmatch(traceparent or "")
    trace = Trace(match[1], int(match[2], 16)) if match else Trace.new()
    _trace.set(trace)
    _synthetic.set(synthetic)
    return trace.id


def is_valid(traceparent: str | None) -> bool:
    return bool(_FORM.fullmatch(traceparent or ""))


def current() -> str:
    """The id of the present trace, or ''."""
    trace = _trace.get()
    return trace.id if trace else ""


def is_synthetic() -> bool:
    """Whether the present request is one of a check."""
    return _synthetic.get()


def outgoing() -> str:
    """A `traceparent` for the next call of the present trace."""
    trace = _trace.get() or Trace.new()
    return f"00-{trace.id}-{secrets.token_hex(8)}-{trace.flags & _SAMPLED:02x}"


def _share() -> float:
    try:
        return float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)
    except ValueError:
        return 1
