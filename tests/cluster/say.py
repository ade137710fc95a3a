"""Progress as people read it: one line per long step, with the time since the whole command began."""

from __future__ import annotations

import os
import time

# Epoch seconds, by the environment: so several commands count as one, and a process that is replaced goes on counting.
os.environ.setdefault("TODO_CLOUD_STARTED", str(time.time()))


def elapsed() -> float:
    """Seconds since the command began."""
    return max(0.0, time.time() - float(os.environ["TODO_CLOUD_STARTED"]))


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
