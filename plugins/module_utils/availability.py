# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Probes an HTTP endpoint at a fixed interval during a deployment."""

from __future__ import annotations

import http.client
import math
import os
import ssl
import threading
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .failure import Code, error

_KEPT = 100  # failures returned in detail; all are counted
_BODY_LIMIT = 1 << 20
_REDIRECTS = (301, 302, 307, 308)
_REDIRECT_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True)
class Endpoint:
    """What is requested. Every request opens a new connection, as a new visitor does; redirects are not followed.

    ``redirect_from``: a URL that must redirect to the scheme and host of ``url``; may be empty. ``timeout``: seconds.
    """

    url: str
    expect_status: Sequence[int] = (200,)
    ca_path: str = ""
    validate_certs: bool = True
    timeout: float = 5.0
    redirect_from: str = ""

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Endpoint:
        """From a module's options; missing ones keep their defaults."""
        return cls(
            params["url"],
            tuple(params.get("expect_status") or (200,)),
            params.get("ca_path") or "",
            params["validate_certs"],
            params.get("timeout") or 5.0,
            params.get("redirect_from") or "",
        )

    def check(self) -> None:
        """Raises invalid_input for options that can never work."""
        for option, url in (("url", self.url), ("redirect_from", self.redirect_from)):
            parts = urlsplit(url)
            if url and (parts.scheme not in ("http", "https") or not parts.hostname):
                raise error(Code.INVALID_INPUT, f"{option}: {url!r} is not a valid http or https URL.", option=option)
        if self.ca_path and not os.path.isfile(self.ca_path):
            raise error(Code.INVALID_INPUT, f"ca_path: there is no file {self.ca_path}.", option="ca_path")


@dataclass
class Availability:
    """Result of a probe; times in milliseconds.

    Failures before the first success are counted apart: an endpoint that was never up cannot go down.
    ``longest_gap``: longest outage after the first success.
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
            "summary": self.summary(),
            "told": self.summary(),  # deprecated name
        }

    def summary(self) -> str:
        """One line for people."""
        if self.requests == self.before_first:
            return f"{self.requests} requests, none succeeded"
        early = f", {self.before_first} before the first success" if self.before_first else ""
        return (
            f"{self.requests} requests{early}, {self.failed} failed, longest gap {self.longest_gap:.0f} ms, "
            f"p99 {percentile(self.latencies, 0.99):.0f} ms"
        )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None without values."""
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)], 1) if values else None


class Probe:
    """Sends the requests. ``pause``: sleeps for the given seconds."""

    def __init__(self, endpoint: Endpoint, pause: Callable[[float], object] = time.sleep) -> None:
        endpoint.check()
        self._endpoint = endpoint
        self._pause = pause
        self._result = Availability()
        self._last_good = 0.0
        self._redirect_due = 0.0
        self._context = _tls(endpoint)

    def watch(self, interval: float, over: Callable[[], bool]) -> Availability:
        """Sends a request every ``interval`` seconds, at least one, until ``over`` returns true."""
        while True:
            started = time.monotonic()
            self._probe(started)
            if over():
                break
            self._pause(max(0.0, started + interval - time.monotonic()))
        if self._last_good:
            self._result.longest_gap = max(self._result.longest_gap, (time.monotonic() - self._last_good) * 1000)
        return self._result

    def _probe(self, started: float) -> None:
        problem = self._request(urlsplit(self._endpoint.url), self._check_status)
        if not problem and self._endpoint.redirect_from and started >= self._redirect_due:
            self._redirect_due = started + _REDIRECT_INTERVAL_SECONDS
            problem = self._request(urlsplit(self._endpoint.redirect_from), self._check_redirect)
        now = time.monotonic()
        self._result.requests += 1
        if problem:
            self._record_failure(problem)
            return
        self._result.latencies.append((now - started) * 1000)
        if self._last_good:
            self._result.longest_gap = max(self._result.longest_gap, (now - self._last_good) * 1000)
        self._last_good = now

    def _record_failure(self, problem: str) -> None:
        result = self._result
        if not self._last_good:
            result.before_first += 1
            return
        result.failed += 1
        if len(result.failures) < _KEPT:
            result.failures.append({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "why": problem})

    def _request(self, url: SplitResult, check: Callable[[http.client.HTTPResponse], str]) -> str:
        """Sends one request. Returns what was wrong, empty on success."""
        host, port, timeout = str(url.hostname), url.port, self._endpoint.timeout
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
            response = connection.getresponse()
            _read_some(response, timeout)
            return check(response)
        except ssl.SSLCertVerificationError as exc:
            return f"the certificate is not trusted: {exc.verify_message}"
        except TimeoutError:
            return f"no answer within {timeout:g} s"
        except (OSError, http.client.HTTPException) as exc:
            return str(getattr(exc, "strerror", "") or exc or type(exc).__name__)
        finally:
            connection.close()

    def _check_status(self, response: http.client.HTTPResponse) -> str:
        return "" if response.status in self._endpoint.expect_status else f"status {response.status}"

    def _check_redirect(self, response: http.client.HTTPResponse) -> str:
        to, wanted = urlsplit(response.headers.get("Location", "")), urlsplit(self._endpoint.url)
        if response.status in _REDIRECTS and (to.scheme, to.hostname) == (wanted.scheme, wanted.hostname):
            return ""
        return f"{self._endpoint.redirect_from} does not redirect to {wanted.scheme}://{wanted.hostname}"

    def _note_certificate(self, sock: Any) -> None:
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        if certificate:  # empty when it is not validated
            left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
            self._result.certificate_days_left = math.floor(left / 86400)


def _read_some(response: http.client.HTTPResponse, seconds: float) -> None:
    """A part of the body, which may have no end: a stream of events."""
    until, left = time.monotonic() + seconds, _BODY_LIMIT
    while left > 0 and time.monotonic() < until and (part := response.read1(left)):
        left -= len(part)


class BackgroundProbe:
    """A probe in a thread of its own, from the start of the ``with`` block to its end. Then ``result`` is complete."""

    def __init__(self, endpoint: Endpoint, interval: float = 0.05) -> None:
        self._over = threading.Event()
        self._probe = Probe(endpoint, pause=self._over.wait)
        self._thread = threading.Thread(target=self._run, args=(interval,), daemon=True)
        self.result = Availability()

    def __enter__(self) -> BackgroundProbe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self, interval: float) -> None:
        self.result = self._probe.watch(interval, self._over.is_set)


def problem_of(endpoint: Endpoint) -> str:
    """One request as a browser sends it, redirects followed: what is wrong with the answer, empty on success."""
    endpoint.check()
    from ansible.module_utils.urls import open_url  # takes 0.1 s to load

    try:
        with open_url(
            endpoint.url,
            http_agent="todo.cloud",
            timeout=endpoint.timeout,
            validate_certs=endpoint.validate_certs,
            ca_path=endpoint.ca_path or None,
        ) as response:
            status = int(response.status)
    except urllib.error.HTTPError as exc:
        status = exc.code
    except (OSError, ValueError, http.client.HTTPException) as exc:
        return str(getattr(exc, "reason", "") or exc or type(exc).__name__)
    return "" if status in endpoint.expect_status else f"status {status}"


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.ca_path or None)
    if not endpoint.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
