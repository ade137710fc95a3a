# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings content of any size to a registry, part by part (OCI Distribution Specification 1.1, "Pushing a blob in
chunks"). A part whose response was lost may have arrived: then the registry says how far it is, and it goes on there.

Not every registry takes parts, whatever the specification says (Google's takes none, Amazon's loses all but the first),
and GitHub's takes 4 MiB at most. What is small, or did not get there in parts, goes in one piece, as other clients do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

from ..failure import Code, TodoCloudError
from .exchange import Response, Url
from .reference import Reference
from .transport import Transport

_PART = 4 << 20
_MOST_PART = 64 << 20  # that a registry may ask for as the least
_RESUMED = 8  # within one try
_SLOWEST = 64 << 10  # bytes of one piece in a second
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_BYTES = {"Content-Type": "application/octet-stream"}


def upload(
    http: Transport, reference: Reference, digest: str, size: int, read: Callable[[int, int], bytes]
) -> None:  # fmt: skip
    """``read`` gives bytes by start and length, and may raise what it likes. Raises registry_denied,
    registry_unreachable, registry_error.
    """
    one, small = _Upload(http, reference, digest, size, read), size <= _PART
    for in_one_piece in (small, not small, small):
        if one.done(in_one_piece):
            return
    raise http.protocol_error(f"it does not take {digest} for {reference.name}: {one.why}")


class _Upload:
    def __init__(
        self, http: Transport, reference: Reference, digest: str, size: int, read: Callable[[int, int], bytes]
    ) -> None:
        self._http, self._reference, self._digest, self._size, self._read = http, reference, digest, size, read
        self._scope = f"repository:{reference.repository}:pull,push"
        self.why = ""

    def done(self, in_one_piece: bool) -> bool:
        """One try from the beginning; False if it is worth another one."""
        answer = self._ask("POST", f"/v2/{self._reference.repository}/blobs/uploads/", b"")
        if answer.status == 201:
            return True
        if answer.status != 202:
            raise self._error(answer)
        place, at, resumed = self._place(answer), 0, 0
        if in_one_piece:
            return self._whole(place)
        least = answer.headers.get("oci-chunk-min-length", "")
        part = max(_PART, min(int(least), _MOST_PART)) if least.isdigit() and len(least) < 12 else _PART
        while at < self._size:
            content = self._read(at, min(part, self._size - at))
            span = f"{at}-{at + len(content) - 1}"
            answer = self._ask("PATCH", place, content, {**_BYTES, "Content-Range": span})
            if answer.status in (202, 204):
                at += len(content)
            elif answer.status == 413:  # it takes no request of that size, and never will
                self.why = self._text(answer)
                return False
            else:
                self.why, resumed = self._text(answer), resumed + 1
                answer = self._ask("GET", place)
                reached = _RANGE.fullmatch(answer.headers.get("range", ""))
                if answer.status != 204 or not reached or resumed > _RESUMED:
                    return False
                at = min(int(reached[1]) + 1, self._size) if reached[1] != "0" else 0
            place = self._place(answer, place)
        answer = self._ask("PUT", self._last(place), b"", _BYTES)
        self.why = self._text(answer)
        return answer.status in (201, 204)

    def _whole(self, place: str) -> bool:
        """What is large is sent once, since the next try begins an upload of its own."""
        headers = {**_BYTES, "Content-Length": str(self._size)}
        if self._size <= _PART:
            answer = self._ask("PUT", self._last(place), self._read(0, self._size), headers)
        else:
            try:
                answer = self._http.request(
                    "PUT", self._last(place), self._scope, headers=headers, body=self._parts,
                    more_seconds=self._size / _SLOWEST,
                )  # fmt: skip
            except TodoCloudError as exc:
                if exc.failure.code is not Code.REGISTRY_UNREACHABLE:
                    raise
                self.why = exc.failure.message.rstrip(".")
                return False
        self.why = self._text(answer)
        return answer.status in (201, 204)

    def _parts(self) -> Iterator[bytes]:
        for at in range(0, self._size, _PART):
            yield self._read(at, min(_PART, self._size - at))

    def _last(self, place: str) -> str:
        return f"{place}{'&' if '?' in place else '?'}digest={self._digest}"

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
