"""On PYTHONPATH: Python's wall clock is wrong by TEST_CLOCK_SKEW seconds, its monotonic clock is not."""

from __future__ import annotations

import datetime
import os
import time
from typing import Any

_SECONDS = float(os.environ.get("TEST_CLOCK_SKEW", "0"))
_time, _time_ns = time.time, time.time_ns


class _Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return super().now(tz) + datetime.timedelta(seconds=_SECONDS)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


time.time = lambda: _time() + _SECONDS
time.time_ns = lambda: _time_ns() + int(_SECONDS * 1e9)
datetime.datetime = _Skewed  # type: ignore[misc]  # what this file is for
