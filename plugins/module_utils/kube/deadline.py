# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deadline on the monotonic clock, so that a changed wall clock does not move it."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment on :func:`time.monotonic`, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        """True once it has passed."""
        return self.remaining == 0.0

    def earlier(self, seconds: float) -> Deadline:
        """This deadline, or the moment ``seconds`` from now if that comes first."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)
