# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests to a public door, one after another, while somebody else works behind it."""

from __future__ import annotations

import http.client
import math
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .failure import Code, error

_KEPT = 100  # failures told one by one; all are counted
_BODY_LIMIT = 1 << 20
_REDIRECTS = (301, 302, 307, 308)
_REDIRECT_EVERY_S = 1.0


@dataclass(frozen=True)
class Door:
    """What is asked. Every request is a connection of its own, as a new visitor makes it; redirects are not followed.

    ``redirect_from``: a URL that has to redirect to the scheme and host of ``url``; may be empty. ``timeout``: seconds.
    """

    url: str
    expect_status: Sequence[int] = (200,)
    ca_path: str = ""
    validate_certs: bool = True
    timeout: float = 5.0
    redirect_from: str = ""

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Door:
        """From the module's options."""
        return cls(
            params["url"],
            tuple(params["expect_status"]),
            params["ca_path"] or "",
            params["validate_certs"],
            params["timeout"],
            params["redirect_from"] or "",
        )

    def check(self) -> None:
        """Raises invalid_input for what can never answer."""
        for option, url in (("url", self.url), ("redirect_from", self.redirect_from)):
            parts = urlsplit(url)
            if url and (parts.scheme not in ("http", "https") or not parts.hostname):
                raise error(Code.INVALID_INPUT, f"{option}: {url!r} is no http or https URL.", option=option)
        if self.ca_path and not os.path.isfile(self.ca_path):
            raise error(Code.INVALID_INPUT, f"ca_path: there is no file {self.ca_path}.", option="ca_path")


@dataclass
class Availability:
    """What a watch saw; times in milliseconds. What failed before the first answer is counted apart: a door that was
    never open yet can't be closed. ``longest_gap``: the longest time without a right answer, from the first one on.
    """

    requests: int = 0
    failed: int = 0
    before_first: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    longest_gap: float = 0.0
    latencies: list[float] = field(default_factory=list)
    certificate_days_left: int | None = None

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "requests": self.requests,
            "failed_requests": self.failed,
            "before_first": self.before_first,
            "failures": self.failures,
            "longest_gap_ms": round(self.longest_gap, 1),
            "p50_ms": percentile(self.latencies, 0.50),
            "p99_ms": percentile(self.latencies, 0.99),
            "certificate_days_left": self.certificate_days_left,
            "told": self.told(),
        }

    def told(self) -> str:
        """One line for people."""
        if self.requests == self.before_first:
            return f"{self.requests} requests, no right answer"
        early = f", {self.before_first} before the first answer" if self.before_first else ""
        return (
            f"{self.requests} requests{early}, {self.failed} failed, longest gap {self.longest_gap:.0f} ms, "
            f"p99 {percentile(self.latencies, 0.99):.0f} ms"
        )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None when there are no values."""
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)], 1) if values else None


class Probe:
    """One watch. ``pause``: waits so many seconds."""

    def __init__(self, door: Door, pause: Callable[[float], None] = time.sleep) -> None:
        door.check()
        self._door = door
        self._pause = pause
        self._seen = Availability()
        self._last_good = 0.0
        self._redirect_due = 0.0
        self._context = _tls(door)

    def watch(self, interval: float, over: Callable[[], bool]) -> Availability:
        """Asks every ``interval`` seconds, at least once, until ``over`` says so."""
        while True:
            begun = time.monotonic()
            self._ask(begun)
            if over():
                break
            self._pause(max(0.0, begun + interval - time.monotonic()))
        if self._last_good:
            self._seen.longest_gap = max(self._seen.longest_gap, (time.monotonic() - self._last_good) * 1000)
        return self._seen

    def _ask(self, begun: float) -> None:
        why = self._one(urlsplit(self._door.url), self._answered)
        if not why and self._door.redirect_from and begun >= self._redirect_due:
            self._redirect_due = begun + _REDIRECT_EVERY_S
            why = self._one(urlsplit(self._door.redirect_from), self._redirected)
        now = time.monotonic()
        self._seen.requests += 1
        if why:
            self._failed(why)
            return
        self._seen.latencies.append((now - begun) * 1000)
        if self._last_good:
            self._seen.longest_gap = max(self._seen.longest_gap, (now - self._last_good) * 1000)
        self._last_good = now

    def _failed(self, why: str) -> None:
        seen = self._seen
        if not self._last_good:
            seen.before_first += 1
            return
        seen.failed += 1
        if len(seen.failures) < _KEPT:
            seen.failures.append({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "why": why})

    def _one(self, url: SplitResult, judge: Callable[[http.client.HTTPResponse], str]) -> str:
        """One request; what was wrong with it, empty when nothing was."""
        host, port, timeout = str(url.hostname), url.port, self._door.timeout
        if url.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=timeout, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("GET", path, headers={"User-Agent": "todo.cloud", "Connection": "close"})
            self._note_certificate(connection.sock)
            answer = connection.getresponse()
            answer.read(_BODY_LIMIT)
            return judge(answer)
        except ssl.SSLCertVerificationError as exc:
            return f"the certificate is not trusted: {exc.verify_message}"
        except TimeoutError:
            return f"no answer within {timeout:g} s"
        except (OSError, http.client.HTTPException) as exc:
            return str(getattr(exc, "strerror", "") or exc or type(exc).__name__)
        finally:
            connection.close()

    def _answered(self, answer: http.client.HTTPResponse) -> str:
        return "" if answer.status in self._door.expect_status else f"status {answer.status}"

    def _redirected(self, answer: http.client.HTTPResponse) -> str:
        to, wanted = urlsplit(answer.headers.get("Location", "")), urlsplit(self._door.url)
        if answer.status in _REDIRECTS and (to.scheme, to.hostname) == (wanted.scheme, wanted.hostname):
            return ""
        return f"{self._door.redirect_from} does not redirect to {wanted.scheme}://{wanted.hostname}"

    def _note_certificate(self, sock: Any) -> None:
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        if certificate:  # empty when it is not checked
            left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
            self._seen.certificate_days_left = math.floor(left / 86400)


def _tls(door: Door) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=door.ca_path or None)
    if not door.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
