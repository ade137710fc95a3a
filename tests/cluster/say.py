"""Progress as people read it: one line per long step, with the time since the whole command began."""

from __future__ import annotations

import os
import time

_STARTED = time.time()


def elapsed() -> float:
    """Seconds since the command began; ``TODO_CLOUD_STARTED`` (epoch seconds) makes several commands count as one."""
    return max(0.0, time.time() - float(os.environ.get("TODO_CLOUD_STARTED") or _STARTED))


def say(text: str) -> None:
    """Print one progress line."""
    minutes, seconds = divmod(int(elapsed()), 60)
    print(f"[{minutes:2d}:{seconds:02d}] {text}", flush=True)


class Step:
    """Times one step: ``step = Step(); ...; say(f"kubectl built ({step})")``."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s" if self.seconds >= 10 else f"{self.seconds:.1f} s"
