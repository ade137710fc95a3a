# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP with one registry: authentication by challenge, redirects, retries of transient faults inside a deadline.

Protocol: OCI Distribution Specification 1.1 and, for tokens, https://distribution.github.io/distribution/spec/auth/token/.

Where credentials go:

* User name and password belong to the origin (scheme, host, port) of the endpoint. Only its own 401 counts; they go to
  it, and to the token service that it names. As in Docker, containerd and oras, that may be another host
  (auth.docker.io): who can answer for the registry could ask for the password itself. The service must use https, or
  be the endpoint's origin.
* A redirect (to the storage of blobs) gets none, and neither do later ones back to the endpoint. A redirect never leads
  from https to http. A token service's redirect is not followed.
* A token goes to the endpoint's origin only.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Union
from urllib.parse import urlencode, urljoin

from ..failure import Code, TodoCloudError, error
from ..proxies import proxy_for
from .access import Access
from .answers import challenge_of, error_text, retry_after, token_of
from .exchange import Origin, Response, TooMuch, Url, exchange

_ATTEMPT_SECONDS = 10.0
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.2
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
# What is long comes part by part. pylint of ansible-test takes | for arithmetic.
Body = Union[bytes, Callable[[], Iterable[bytes]], None]  # noqa: UP007
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Transport:
    """One registry, one user. Threads may share it.

    Args:
        registry: name of the registry as in image references, for messages.
        timeout: seconds that one call may take, including retries.
        pause: sleeps for the given seconds.

    Raises invalid_input when the endpoint's CA bundle cannot be used.
    """

    def __init__(
        self, registry: str, access: Access, timeout: float = 30.0, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._registry = registry
        self._access = access
        self._timeout = timeout
        self._attempt = max(_ATTEMPT_SECONDS, timeout / _TRIES)
        self._pause = pause
        self._origin = Url.parse(access.endpoint).origin
        self._tls = access.tls_context()
        self._tokens: dict[str, str] = {}  # scope -> value of the header
        self._challenge: tuple[str, dict[str, str]] | None = None
        self._mutex = threading.Lock()

    def request(
        self, method: str, path: str, scope: str, *, headers: Mapping[str, str] | None = None, body: Body = None,
        more_seconds: float = 0.0,
    ) -> Response:  # fmt: skip
        """One request for ``/v2/…``; responses below 500 are returned, except 401, 403 and 429.

        ``scope``: scope of the token, ``repository:<name>:pull``. Raises registry_denied, registry_unreachable,
        registry_error. ``more_seconds``: for a body that is long, which is sent once.
        """
        deadline = time.monotonic() + self._timeout + more_seconds
        url = Url(self._origin, path)
        answer = self._follow(method, url, deadline, headers or {}, self._authorization(scope, deadline), body)
        if answer.status == 401 and answer.origin == self._origin:
            self._challenge = challenge_of(answer.headers.get("www-authenticate", ""))
            with self._mutex:
                self._tokens.pop(scope, None)  # may have expired
            if allowed := self._authorization(scope, deadline):
                answer = self._follow(method, url, deadline, headers or {}, allowed, body)
        if answer.status in (401, 403):
            raise self.denied(answer, scope)
        return answer

    def _follow(
        self, method: str, url: Url, deadline: float, headers: Mapping[str, str], allowed: Mapping[str, str],
        body: Body,
    ) -> Response:  # fmt: skip
        """The response after redirects; ``allowed`` (Authorization) stays at the endpoint."""
        for _hop in range(_MOST_REDIRECTS + 1):
            if url.origin != self._origin:
                allowed = {}
            answer = self._send(method, url, deadline, {**headers, **allowed}, body)
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD"):
                return answer
            url = self._redirected(url, answer)
        raise self.protocol_error(f"it redirects more than {_MOST_REDIRECTS} times")

    def _redirected(self, url: Url, answer: Response) -> Url:
        try:
            there = Url.parse(urljoin(str(url), answer.headers.get("location", "")))
        except ValueError as exc:
            raise self.protocol_error(f"it answers {answer.status} without a valid address") from exc
        if url.origin.scheme == "https" and there.origin.scheme != "https":
            raise self.protocol_error(f"{url.origin} redirects to {there.origin}, without TLS")
        return there

    def denied(self, answer: Response, scope: str) -> TodoCloudError:
        """The error for 401 and 403."""
        repository, _colon, wanted = scope.removeprefix("repository:").rpartition(":")
        credentials = self._access.credentials
        user = repr(credentials.username) if credentials.password else "of the refresh token"
        who = f"the user {user}" if credentials else "an anonymous client"
        if answer.origin != self._origin:
            reason = f" ({answer.origin} answers {answer.status}; credentials go to {self._origin} only)"
        else:
            reason = f" ({text})" if (text := self.error_text(answer)) else ""
        return error(
            Code.REGISTRY_DENIED,
            f"{self._registry} does not let {who} {_wanted(wanted)} {repository}{reason}.",
            registry=self._registry,
            repository=repository,
            status=answer.status,
        )

    def error_text(self, answer: Response) -> str:
        """The registry's own error message, without the credentials that it may repeat; empty without one."""
        text = error_text(answer.body) if answer.origin == self._origin else ""
        for secret in (self._access.credentials.password, self._access.credentials.identity_token):
            text = text.replace(secret, "********") if secret else text
        return text

    def _authorization(self, scope: str, deadline: float) -> dict[str, str]:
        """The header for a scope, if the registry has sent a challenge."""
        if self._challenge is None:
            return {}
        scheme, parameters = self._challenge
        if scheme == "basic":
            return {"Authorization": self._access.credentials.basic} if self._access.credentials.password else {}
        if scheme != "bearer" or not parameters.get("realm"):
            return {}
        with self._mutex:
            known = self._tokens.get(scope)
        if known is None:
            known = "Bearer " + self._token(parameters, scope, deadline)
            with self._mutex:
                self._tokens[scope] = known
        return {"Authorization": known}

    def _token(self, challenge: Mapping[str, str], scope: str, deadline: float) -> str:
        service, credentials = self._token_service(challenge["realm"]), self._access.credentials
        fields = {"service": challenge.get("service", ""), "scope": scope}
        if credentials.identity_token:
            form = {**fields, "grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            body = urlencode({**form, "client_id": "todo.cloud"}).encode()
            answer = self._send("POST", service, deadline, _FORM, body)
        else:
            header = {"Authorization": credentials.basic} if credentials else {}
            answer = self._send("GET", service.with_query(urlencode(fields)), deadline, header)
        if answer.status in (400, 401, 403, 404):
            raise self.denied(answer, scope)
        if answer.status in _REDIRECTS:
            raise self.protocol_error("its token service redirects, and credentials do not follow a redirect")
        token = token_of(answer.body)
        if not token:
            raise self.protocol_error(f"its token service answers {answer.status} without a token")
        return token

    def _token_service(self, realm: str) -> Url:
        """The token service that the registry names, if credentials may go there."""
        try:
            service = Url.parse(realm)
        except ValueError as exc:
            raise self.protocol_error("the token service that it names is not a URL of http or https") from exc
        if service.origin.scheme != "https" and service.origin != self._origin:
            raise error(
                Code.REGISTRY_DENIED,
                f"{self._registry} requests a token from {service.origin}: no credentials are sent there without "
                "https.",
                registry=self._registry,
            )
        return service

    def protocol_error(self, what: str) -> TodoCloudError:
        """The error for a response that violates the specification."""
        return error(
            Code.REGISTRY_ERROR,
            f"{self._registry} violates the registry protocol: {what}.",
            registry=self._registry,
        )

    def _send(
        self, method: str, url: Url, deadline: float, headers: Mapping[str, str], body: Body = None
    ) -> Response:  # fmt: skip
        """One request, retried while faults are transient and time is left; not with a long body."""
        why, pause, once = "", _FIRST_PAUSE_SECONDS, callable(body)
        for attempt in range(1 if once else _TRIES):
            now = time.monotonic()
            if deadline <= now:
                break
            try:
                until = deadline if once else min(deadline, now + self._attempt)
                answer = self._once(method, url, headers, body, until)
            except (OSError, http.client.HTTPException) as exc:
                why, wait = _reason(exc), pause
                if isinstance(exc, ssl.SSLCertVerificationError):
                    break
            else:
                if answer.status not in _TRANSIENT:
                    return answer
                text = self.error_text(answer)
                why = f"it answers {answer.status}" + (f" ({text})" if text else "")
                wait = retry_after(answer.headers) or pause
            if once or attempt + 1 == _TRIES or wait > deadline - time.monotonic():
                break
            self._pause(wait)
            pause *= 2
        raise self._unreachable(url.origin, why or f"no answer within {self._timeout:g} s")

    def _once(self, method: str, url: Url, headers: Mapping[str, str], body: Body, deadline: float) -> Response:
        content = body() if callable(body) else body
        proxy = proxy_for(str(url.origin))
        try:
            return exchange(method, url, headers, content, deadline=deadline, tls=self._tls, proxy=proxy)
        except TooMuch as exc:
            raise self.protocol_error(f"{url.origin} sends more than any answer of a registry has") from exc
        except ValueError as exc:
            raise self._unreachable(url.origin, str(exc) if proxy else "its name cannot be resolved") from exc

    def _unreachable(self, origin: Origin, why: str) -> TodoCloudError:
        by = "" if origin == self._origin else f" ({origin})"
        return error(
            Code.REGISTRY_UNREACHABLE,
            f"{self._registry}{by} is unreachable: {why}.",
            registry=self._registry,
            endpoint=self._access.endpoint,
        )


def _wanted(actions: str) -> str:
    return "delete from" if "delete" in actions else "push to" if "push" in actions else "read"


def _reason(exc: OSError | http.client.HTTPException) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({exc.verify_message})"
    if isinstance(exc, TimeoutError):
        return "it does not respond in time"
    if isinstance(exc, http.client.HTTPException):
        return "it does not answer by the rules of HTTP"  # the exception's text is the answer's
    return str(exc.strerror or exc) or type(exc).__name__
