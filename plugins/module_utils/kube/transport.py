# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP with one API server: authentication, retries of transient faults inside a deadline, counts, the server's clock.

Part of the session (session.py); nothing else uses it.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ..failure import Code, error
from ..yaml_scalars import json_for_yaml
from .credentials import Credentials
from .deadline import Deadline
from .errors import KubeError, Unauthorized, Unreachable, error_of, is_final, message_of

_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_SILENCE_SECONDS = 5.0  # an outage that lasts longer is told


@dataclass
class ApiCounts:
    """Requests to the API server so far."""

    requests: int = 0
    retries: int = 0
    relists: int = 0

    def as_result(self) -> dict[str, int]:
        """SimpleConfig JSON."""
        return asdict(self)


class ServerClock:
    """The server's clock, from the Date headers of its responses.

    A Date has whole seconds, so each response only bounds the difference to the monotonic clock: the server's clock
    was past the Date when the response arrived, and less than a second past it when the request was sent. The largest
    lower bound counts, so the clock is never ahead of the server's, and behind by less with each response.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    def now(self) -> float:
        """Seconds since the epoch; before the first response by this machine's clock."""
        return time.time() if self._offset is None else time.monotonic() + self._offset

    def note(self, date: str | None, sent: float, received: float) -> None:
        """One response; ``sent`` and ``received``: monotonic. A server's clock that was set starts anew."""
        if not date:
            return
        with suppress(ValueError, TypeError):
            seconds = parsedate_to_datetime(date).timestamp()
            lowest, highest = seconds - received, seconds + 1.0 - sent
            if self._offset is None or not lowest <= self._offset <= highest:
                self._offset = lowest


class Transport:
    """One connection pool, one user. ``attempt``: timeout of one request in seconds. Threads may share it."""

    def __init__(self, params: Mapping[str, Any], user_agent: str, patience: float) -> None:
        self.patience = patience
        self.attempt = 30.0
        self.counts = ApiCounts()
        self.credentials = Credentials(params)
        self._params = params
        self._user_agent = user_agent
        self._clock = ServerClock()
        self._mutex = threading.Lock()
        self._renewing = threading.Lock()
        self._answered: float | None = None  # the last response that was usable, on the monotonic clock
        self._outage = 0.0
        self._tell: Callable[[str], None] = lambda line: None
        self._told: float | None = None  # the outage that was told, by its beginning

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self.credentials.server

    def server_now(self) -> float:
        """The server's clock in seconds since the epoch, from its responses."""
        return self._clock.now()

    def count_relist(self) -> None:
        """Counts that a watch had to list again."""
        with self._mutex:
            self.counts.relists += 1

    def outlast(self, seconds: float, tell: Callable[[str], None]) -> None:
        """See :meth:`KubeClient.outlast`."""
        self._outage, self._tell = seconds, tell

    def close(self) -> None:
        """Drop idle connections."""
        self.credentials.pool.clear()

    def request(
        self,
        method: str,
        path: str,
        verb: str,
        what: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        deadline: Deadline | None = None,
        on_retry: Callable[[str], None] = lambda cause: None,
    ) -> Any:
        """One call, retried until the deadline (default: ``patience`` s; see ``outlast``). Returns a 2xx response.

        ``verb`` and ``what`` are for messages: ``list``, ``pods in namespace "x"``. ``on_retry`` gets the cause before
        each retry.
        """
        until = deadline or self._patient()
        data = None if body is None else _encoded(body)
        attempts, renewed = 0, False
        while True:
            attempts += 1
            limit = max(1.0, min(self.attempt, until.remaining))
            response, used = None, self.credentials
            try:
                response = self.send(method, path, query, data, headers, connect=min(limit, 10.0), read=limit)
                if 200 <= response.status < 300:
                    self._answered = time.monotonic()
                    return response
                failure = self.failure(response, verb, what)
            except Unreachable as exc:
                failure = exc
            if isinstance(failure, Unauthorized) and not renewed:
                renewed = True  # a token may have been renewed (exec plugin, rotated file): one retry
                if self._renew(used):
                    continue
            if not isinstance(failure, Unreachable):
                raise failure
            pause = pause_before(attempts + 1, response)
            if until.remaining <= pause:
                cause = failure.failure.details["cause"]
                message = f"The API server {self.server} gave no usable response to {verb} {what}: {cause}."
                raise Unreachable(message, failure.status, cause=cause, attempts=attempts)
            with self._mutex:
                self.counts.retries += 1
                if deadline is None:
                    self._tell_once(failure.failure.details["cause"], until)
            on_retry(failure.failure.details["cause"])
            time.sleep(pause)

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connect: float,
        read: float,
        stream: bool = False,
    ) -> Any:
        """One HTTP request, whatever its status. Raises :class:`Unreachable` without a response.

        A certificate that cannot be verified is an error of code ``credentials`` at once.
        """
        import urllib3

        values = urllib3.HTTPHeaderDict({"Accept": "application/json", "User-Agent": self._user_agent})
        values.update(headers or {})
        for name, value in self.credentials.headers():
            values.add(name, value)
        given = {key: value for key, value in (query or {}).items() if value}
        url = f"{self.server}{path}" + (f"?{urlencode(given)}" if given else "")
        with self._mutex:
            self.counts.requests += 1
        sent = time.monotonic()
        try:
            response = self.credentials.pool.request(
                method, url, body=data, headers=values, preload_content=not stream, retries=False, redirect=False,
                timeout=urllib3.Timeout(connect=connect, read=read),
            )  # fmt: skip
        except network_errors() as exc:
            cause = network_cause(exc)
            if "certificate cannot be verified" in cause:  # no retry helps
                raise error(Code.CREDENTIALS, f"The API server {self.server} is not trusted: {cause}.") from exc
            raise Unreachable(f"The API server {self.server} does not respond: {cause}.", 0, cause=cause) from exc
        self._clock.note(response.headers.get("Date"), sent, time.monotonic())
        return response

    def failure(self, response: Any, verb: str, what: str) -> KubeError:
        """The typed error for a response that is not 2xx; :class:`Unreachable` when a retry may help."""
        body = bytes(response.data or b"")
        if response.status not in _TRANSIENT or is_final(body):
            return error_of(response.status, body, verb, what)
        cause = f"HTTP {response.status} {message_of(body)}".strip()
        message = f"The API server {self.server} gives no usable response: {cause}."
        return Unreachable(message, response.status, cause=cause)

    def _patient(self) -> Deadline:
        """Until when a call without a deadline is retried."""
        soon = Deadline.after(self.patience)
        last = soon.at if self._answered is None else self._answered + self._outage
        return Deadline(max(soon.at, last))

    def _tell_once(self, cause: str, until: Deadline) -> None:
        """Tells an outage once that has lasted for some time."""
        since = self._answered
        if since is not None and since != self._told and time.monotonic() - since > _SILENCE_SECONDS:
            self._told = since
            left = until.remaining
            self._tell(f"the API server does not answer ({cause}): waiting for it, at most {left:.0f} s")

    def _renew(self, rejected: Credentials) -> bool:
        """Read the credentials again; True if they differ from the rejected ones, whoever read them."""
        with self._renewing:
            if self.credentials is rejected:
                fresh = Credentials(self._params)
                if fresh.kubeconfig() != rejected.kubeconfig():
                    self.credentials = fresh
            return self.credentials is not rejected


def pause_before(attempt: int, response: Any = None) -> float:
    """Seconds before attempt number ``attempt`` (from 2): Retry-After (at most 30), else 0.2 s doubling to 5 s."""
    header = response.headers.get("Retry-After") if response is not None else None
    if header and header.isdigit():
        return float(min(int(header), 30))
    return float(min(0.2 * 2 ** max(0, attempt - 2), 5.0))


def network_errors() -> tuple[type[BaseException], ...]:
    """Exceptions of the HTTP library without a (complete) response."""
    import http.client

    import urllib3

    return (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


def silence_errors() -> tuple[type[BaseException], ...]:
    """Those of them that are read timeouts."""
    import urllib3

    return (urllib3.exceptions.ReadTimeoutError, TimeoutError)


def network_cause(exc: BaseException) -> str:
    """The innermost reason as readable text, without addresses of Python objects."""
    chain: list[BaseException] = [exc]
    while (inner := _inner(chain[-1])) is not None and inner not in chain:
        chain.append(inner)
    for link in reversed(chain):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate cannot be verified ({link.verify_message})"
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
    return str(chain[-1]).rpartition(": ")[2] or type(chain[-1]).__name__


def _inner(exc: BaseException) -> BaseException | None:
    reason = getattr(exc, "reason", None)
    return reason if isinstance(reason, BaseException) else exc.__cause__ or exc.__context__


def _encoded(body: Any) -> bytes:
    """JSON, which the API server reads as YAML where it is applied."""
    return json_for_yaml(json.dumps(body, ensure_ascii=False)).encode(errors="backslashreplace")
