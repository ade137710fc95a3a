# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The body of one watch request: one JSON object per line, as they arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..parsing import read_json

try:
    from urllib3.response import BaseHTTPResponse

    CAN_INTERRUPT = hasattr(BaseHTTPResponse, "shutdown")  # urllib3 >= 2.3
except ImportError:  # urllib3 < 2 or missing: the session reports it
    CAN_INTERRUPT = False


class Stream:
    """Iterates a watch response. A network error ends the iteration with the HTTP library's exception."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rest = b""
        for chunk in self._response.stream(65536, decode_content=False):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield read_json(line)

    def read(self, most: int, seconds: float) -> bytes:
        """What arrives of a body, at most so many bytes and for about so long: it may have no end."""
        until, parts, size = time.monotonic() + seconds, [], 0
        timer = threading.Timer(seconds, self.interrupt)
        timer.daemon = True
        timer.start()
        try:
            for chunk in self._response.stream(65536):
                parts.append(chunk)
                size += len(chunk)
                if size >= most or time.monotonic() >= until:
                    break
        except Exception:
            if time.monotonic() < until:
                raise
        finally:
            timer.cancel()
            self.close()
        return b"".join(parts)[:most]

    def interrupt(self) -> None:
        """Wake up a thread that waits in the iteration; without :data:`CAN_INTERRUPT` it waits for its read timeout."""
        with suppress(AttributeError, ValueError, RuntimeError, OSError):  # already over, or released to the pool
            self._response.shutdown()

    def close(self) -> None:
        """Close the connection; call it from the iterating thread."""
        with suppress(OSError):
            self._response.close()
