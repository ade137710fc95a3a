# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP with one registry: authentication by challenge, retries of transient faults inside a deadline.

Rules: OCI Distribution Specification 1.1 and, for tokens, https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from ..failure import Code, TodoCloudError, error
from .access import Access

_AGENT = "todo.cloud"
_ATTEMPT_SECONDS = 10.0
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.2
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_BODY_LIMIT = 8 << 20  # registries refuse manifests above 4 MiB
_PARAMETER = re.compile(r'([a-zA-Z_]+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True)
class Response:
    """A registry's response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error_text(self) -> str:
        """The registry's error message on one line; empty without a readable one."""
        try:
            first = json.loads(self.body)["errors"][0]
            message = first.get("message") or first.get("code") or ""
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return ""
        return " ".join(str(message).split())[:200]


class Transport:
    """One registry, one user. Threads may share it.

    Args:
        registry: name of the registry as in image references, for messages.
        timeout: seconds that one call may take, including retries.
        pause: sleeps for the given seconds.
    """

    def __init__(
        self, registry: str, access: Access, timeout: float = 30.0, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._registry = registry
        self._access = access
        self._timeout = timeout
        self._pause = pause
        self._tokens: dict[str, str] = {}  # scope -> value of the header
        self._challenge: tuple[str, dict[str, str]] | None = None
        self._mutex = threading.Lock()

    def request(
        self, method: str, path: str, scope: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """One request for ``/v2/…``; responses below 500 are returned, except 401, 403 and 429.

        ``scope``: scope of the token, ``repository:<name>:pull``. Raises registry_denied, registry_unreachable.
        """
        deadline = time.monotonic() + self._timeout
        url = self._access.endpoint + path
        allowed = self._authorization(scope, deadline)
        answer = self._send(method, url, deadline, {**(headers or {}), **allowed}, body)
        if answer.status == 401:
            self._challenge = _challenge_of(answer.headers.get("www-authenticate", ""))
            with self._mutex:
                self._tokens.pop(scope, None)  # may have expired
            allowed = self._authorization(scope, deadline)
            if allowed:
                answer = self._send(method, url, deadline, {**(headers or {}), **allowed}, body)
        if answer.status in (401, 403):
            raise self.denied(answer, scope)
        return answer

    def denied(self, answer: Response, scope: str) -> TodoCloudError:
        """The error for 401 and 403."""
        repository, _colon, wanted = scope.removeprefix("repository:").rpartition(":")
        who = f"the user {self._access.credentials.username!r}" if self._access.credentials else "an anonymous client"
        reason = f" ({answer.error_text})" if answer.error_text else ""
        return error(
            Code.REGISTRY_DENIED,
            f"{self._registry} does not let {who} {'push to' if 'push' in wanted else 'read'} {repository}{reason}.",
            registry=self._registry,
            repository=repository,
            status=answer.status,
        )

    def _authorization(self, scope: str, deadline: float) -> dict[str, str]:
        """The header for a scope, if the registry has sent a challenge."""
        if self._challenge is None:
            return {}
        scheme, parameters = self._challenge
        if scheme == "basic":
            return {"Authorization": self._access.credentials.basic} if self._access.credentials else {}
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
        realm, credentials = challenge["realm"], self._access.credentials
        if urlsplit(realm).scheme != "https" and not self._access.endpoint.startswith("http://"):
            raise error(
                Code.REGISTRY_DENIED,
                f"{self._registry} requests a token from {realm}: no credentials are sent there without https.",
                registry=self._registry,
            )
        fields = {"service": challenge.get("service", ""), "scope": scope}
        if credentials.identity_token:
            form = {**fields, "grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._send("POST", realm, deadline, kind, urlencode({**form, "client_id": _AGENT}).encode())
        else:
            header = {"Authorization": credentials.basic} if credentials else {}
            joint = "&" if urlsplit(realm).query else "?"
            answer = self._send("GET", realm + joint + urlencode(fields), deadline, header)
        if answer.status in (400, 401, 403, 404):
            raise self.denied(answer, scope)
        try:
            content: Any = json.loads(answer.body)
            return str(content.get("token") or content["access_token"])
        except (ValueError, KeyError, AttributeError) as exc:
            raise self.protocol_error(f"its token service answers {answer.status} without a token") from exc

    def protocol_error(self, what: str) -> TodoCloudError:
        """The error for a response that violates the specification."""
        return error(
            Code.REGISTRY_ERROR,
            f"{self._registry} violates the registry protocol: {what}.",
            registry=self._registry,
        )

    def _send(
        self, method: str, url: str, deadline: float, headers: Mapping[str, str], body: bytes | None = None
    ) -> Response:
        """One request, retried while faults are transient and time is left."""
        why, pause = "", _FIRST_PAUSE_SECONDS
        for attempt in range(_TRIES):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                answer = self._once(method, url, headers, body, min(left, _ATTEMPT_SECONDS))
            except (URLError, OSError, http.client.HTTPException) as exc:
                why, wait = _reason(exc), pause
                if isinstance(getattr(exc, "reason", exc), ssl.SSLCertVerificationError):
                    break
            else:
                if answer.status not in _TRANSIENT:
                    return answer
                why = f"it answers {answer.status}" + (f" ({answer.error_text})" if answer.error_text else "")
                wait = _retry_after(answer.headers) or pause
            if attempt + 1 == _TRIES or wait > deadline - time.monotonic():
                break
            self._pause(wait)
            pause *= 2
        raise error(
            Code.REGISTRY_UNREACHABLE,
            f"{self._registry} is unreachable: {why or f'no answer within {self._timeout:g} s'}.",
            registry=self._registry,
            endpoint=self._access.endpoint,
        )

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        from ansible.module_utils.urls import open_url  # takes 0.1 s to load, and most runs use no registry

        try:
            # A redirect (to the storage of blobs) must not get the credentials.
            answer = open_url(
                url, data=body, method=method, headers=dict(headers), timeout=timeout, http_agent=_AGENT,
                validate_certs=self._access.validate_certs, ca_path=self._access.ca_path or None,
                follow_redirects="safe", unredirected_headers=["Authorization"], use_netrc=False,
            )  # fmt: skip
        except HTTPError as exc:
            answer = exc
        with answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Response(int(answer.status), names, answer.read(_BODY_LIMIT))


def _challenge_of(header: str) -> tuple[str, dict[str, str]]:
    """Scheme and parameters of ``WWW-Authenticate`` (RFC 9110, 11.6.1); Bearer is preferred where both are offered."""
    at = header.lower().find("bearer ")
    scheme, _space, rest = header[max(at, 0) :].partition(" ")
    return scheme.lower(), {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of the header Retry-After, 0 without one."""
    asked = headers.get("retry-after", "")
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _reason(exc: Exception) -> str:
    reason = getattr(exc, "reason", exc)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    if isinstance(reason, TimeoutError):
        return "it does not respond in time"
    return str(getattr(reason, "strerror", "") or reason or type(reason).__name__)
