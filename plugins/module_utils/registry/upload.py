# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings content of any size to a registry, part by part (OCI Distribution Specification 1.1, "Pushing a blob in
chunks"). A part whose response was lost may have arrived: then the registry says how far it is, and it goes on there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urljoin

from .exchange import Response, Url
from .reference import Reference
from .transport import Transport

_PART = 8 << 20
_MOST_PART = 64 << 20  # that a registry may ask for as the least
_TRIES = 3  # from the beginning
_RESUMED = 8  # within one of them
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_BYTES = {"Content-Type": "application/octet-stream"}


def upload(
    http: Transport, reference: Reference, digest: str, size: int, read: Callable[[int, int], bytes]
) -> None:  # fmt: skip
    """``read`` gives bytes by start and length, and may raise what it likes. Raises registry_denied,
    registry_unreachable, registry_error.
    """
    one = _Upload(http, reference, digest, size, read)
    for _each in range(_TRIES):
        if one.done():
            return
    raise http.protocol_error(f"it does not take {digest} for {reference.name}: {one.why}")


class _Upload:
    def __init__(
        self, http: Transport, reference: Reference, digest: str, size: int, read: Callable[[int, int], bytes]
    ) -> None:
        self._http, self._reference, self._digest, self._size, self._read = http, reference, digest, size, read
        self._scope = f"repository:{reference.repository}:pull,push"
        self.why = ""

    def done(self) -> bool:
        """One try from the beginning; False if it is worth another one."""
        answer = self._ask("POST", f"/v2/{self._reference.repository}/blobs/uploads/", b"")
        if answer.status == 201:
            return True
        if answer.status != 202:
            raise self._error(answer)
        place, at, resumed = self._place(answer), 0, 0
        least = answer.headers.get("oci-chunk-min-length", "")
        part = max(_PART, min(int(least), _MOST_PART)) if least.isdigit() and len(least) < 12 else _PART
        while at < self._size:
            content = self._read(at, min(part, self._size - at))
            span = f"{at}-{at + len(content) - 1}"
            answer = self._ask("PATCH", place, content, {**_BYTES, "Content-Range": span})
            if answer.status in (202, 204):
                at += len(content)
            else:
                self.why, resumed = self._text(answer), resumed + 1
                answer = self._ask("GET", place)
                reached = _RANGE.fullmatch(answer.headers.get("range", ""))
                if answer.status != 204 or not reached or resumed > _RESUMED:
                    return False
                at = min(int(reached[1]) + 1, self._size) if reached[1] != "0" else 0
            place = self._place(answer, place)
        last = f"{place}{'&' if '?' in place else '?'}digest={self._digest}"
        answer = self._ask("PUT", last, b"", _BYTES)
        self.why = self._text(answer)
        return answer.status in (201, 204)

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        return self._http.request(method, path, self._scope, headers=headers, body=body)

    def _place(self, answer: Response, before: str = "") -> str:
        """Where the registry wants the next part; credentials stay at its endpoint."""
        there = answer.headers.get("location", "")
        if not there and before:
            return before
        try:
            url = Url.parse(urljoin(str(answer.origin), there))
        except ValueError:
            url = None
        if not there or url is None or url.origin != answer.origin:
            raise self._http.protocol_error(f"it wants content of {self._reference.name} at another address")
        return url.path

    def _text(self, answer: Response) -> str:
        return f"it answers {answer.status} {self._http.error_text(answer)}".rstrip()

    def _error(self, answer: Response) -> Exception:
        return self._http.protocol_error(f"{self._text(answer)} to an upload for {self._reference.name}")
