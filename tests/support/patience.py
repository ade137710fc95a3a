# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines of tests: so many seconds on a quiet machine, more on a slow or busy one."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

_QUIET_SECONDS = 0.08  # what :func:`_measure` finds on a quiet machine of two processors
_MOST = 10.0
_AGAIN_SECONDS = 60.0  # what runs beside these tests comes and goes
_found, _looked = 1.0, -_AGAIN_SECONDS


def patience(seconds: float) -> float:
    """How long to wait here for what takes at most so many seconds on a quiet machine."""
    return seconds * slowness()


def slowness() -> float:
    """How many times slower than a quiet machine this one is, from 1 to 10; measured again each minute."""
    global _found, _looked
    if time.monotonic() - _looked >= _AGAIN_SECONDS:
        _found = min(_MOST, max(1.0, statistics.median(_measure() for _ in range(3)) / _QUIET_SECONDS))
        _looked = time.monotonic()
    return _found


def _measure() -> float:
    """Seconds that a Python process with a few imports takes from its start to its end."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "import argparse, http.client, json, ssl, tempfile"], check=True)
    return time.monotonic() - began
