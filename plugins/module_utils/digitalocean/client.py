# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP with DigitalOcean's API: one request, retried while that is safe, or a failure in one sentence.

What may be sent twice (GET, PUT, DELETE) is, after 5xx and lost answers. A POST is not: :meth:`Client.create` looks for
what it may have made first. 429 was not processed, so everything is sent again, when the API says.
No redirect is followed, so the token goes to ``api_url`` alone.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils import urls

from ..failure import Code, TodoCloudError, error
from ..parsing import quoted, read_json
from ..proxies import proxy_for
from .access import TOKEN_VARIABLES, Access

_ATTEMPT_SECONDS = 30.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0
_LOOKS = 5
_POSTS = 3
_LIMIT = 16 << 20
_PER_PAGE = 200
_MOST_PAGES = 500
_TOKENS = "cloud.digitalocean.com/account/api/tokens"


@dataclass(frozen=True)
class Answer:
    """An answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Lost(Exception):
    """Nobody knows whether the request was carried out."""


class _NotSent(Exception):
    """The request did not reach the API."""


class Client:
    """One account.

    Args:
        pause: sleeps for the given seconds.
        say: takes a line of progress.
    """

    def __init__(
        self, access: Access, pause: Callable[[float], None] = time.sleep, say: Callable[[str], None] | None = None
    ) -> None:
        self._access = access
        self.pause = pause
        self.say = say or (lambda line: None)
        self.wrote = 0

    def get(self, path: str, scope: str, **query: object) -> dict[str, Any]:
        """The object. Raises not_found and what :meth:`send` raises."""
        return self.json(self.send("GET", path, scope, query=query))

    def find(self, path: str, scope: str) -> dict[str, Any] | None:
        """The object, or None if there is none."""
        try:
            return self.get(path, scope)
        except TodoCloudError as exc:
            if exc.failure.code is Code.NOT_FOUND:
                return None
            raise

    def pages(self, path: str, key: str, scope: str) -> list[dict[str, Any]]:
        """All objects of all pages."""
        found: dict[str, dict[str, Any]] = {}
        for page in range(1, _MOST_PAGES + 1):
            answer = self.get(path, scope, page=page, per_page=_PER_PAGE)
            for each in answer.get(key) or ():
                if not isinstance(each, dict):
                    raise self.broken(path, f"{key} holds something else than objects")
                found.setdefault(str(each.get("id") or each.get("slug") or len(found)), each)
            links = answer.get("links") or {}
            if not (links.get("pages") or {}).get("next"):  # its address is not used: the token stays at api_url
                return list(found.values())
        raise self.broken(path, f"it has more than {_MOST_PAGES} pages")

    def put(self, path: str, scope: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises as :meth:`get` does."""
        return self.json(self.send("PUT", path, scope, body=body))

    def delete(self, path: str, scope: str, body: Mapping[str, Any] | None = None) -> None:
        """What is gone already is fine."""
        try:
            self.send("DELETE", path, scope, body=body)
        except TodoCloudError as exc:
            if exc.failure.code is not Code.NOT_FOUND:
                raise

    def create(
        self, path: str, scope: str, body: Mapping[str, Any], key: str, made: Callable[[], dict[str, Any] | None]
    ) -> dict[str, Any]:
        """POST, and the one object that it makes, named ``key`` in the answer.

        After a lost answer ``made`` looks for it, several times, since it may appear late; only then it is sent again.
        """
        for _post in range(_POSTS):
            try:
                found = self.json(self._attempts("POST", path, scope, body, {})).get(key)
                if not isinstance(found, dict):
                    raise self.broken(path, f"its answer has no {key}")
                return found
            except _Lost as exc:
                why, pause = str(exc), _FIRST_PAUSE
                self.say(f"DigitalOcean: the answer was lost ({why}); looking whether it was carried out")
            for _look in range(_LOOKS):
                self.pause(pause)
                if (there := made()) is not None:
                    return there
                pause *= 2
        raise self._unreachable(why)

    def post(self, path: str, scope: str, body: Mapping[str, Any], done: Callable[[], bool]) -> None:
        """POST of what makes nothing that can be counted; after a lost answer ``done`` says whether it took effect."""

        def there() -> dict[str, Any] | None:
            return {} if done() else None

        for _post in range(_POSTS):
            try:
                self._attempts("POST", path, scope, body, {})
                return
            except _Lost as exc:
                why = str(exc)
            self.pause(_FIRST_PAUSE)
            if done():
                return
        raise self._unreachable(why)

    def send(
        self, method: str, path: str, scope: str, *, body: Mapping[str, Any] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:  # fmt: skip
        """An answer of 2xx to a request that may be sent twice. ``scope``: what the token needs for it.

        Raises cloud_denied, not_found, cloud_refused, cloud_unreachable, cloud_error.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._attempts(method, path, scope, body, query or {})
            except _Lost as exc:
                if pause > _LONGEST_PAUSE:
                    raise self._unreachable(str(exc)) from None
            self.pause(pause)
            pause *= 2

    def _attempts(
        self, method: str, path: str, scope: str, body: Mapping[str, Any] | None, query: Mapping[str, object]
    ) -> Answer:
        """One request that is processed once at most: sent again only if it was not. Raises _Lost besides."""
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            try:
                answer = self._once(method, path, body, query)
            except _NotSent as exc:
                why, wait = str(exc), pause
                pause *= 2
                if wait > _LONGEST_PAUSE:
                    raise self._unreachable(why) from None
            else:
                if answer.status >= 500:
                    raise _Lost(f"it answers {answer.status}{_said(answer)}")
                if answer.status != 429:
                    return self._judged(answer, method, path, scope)
                why, wait = "its rate limit is reached", _wait_of(answer)
            waited += wait
            if waited > self._access.timeout:
                raise self._unreachable(f"{why}, and the next request may go out in {wait:.0f} s")
            if wait > _LONGEST_PAUSE:
                self.say(f"DigitalOcean: {why}, next request in {wait:.0f} s")
            self.pause(wait)

    def _judged(self, answer: Answer, method: str, path: str, scope: str) -> Answer:
        status, said = answer.status, _said(answer)
        details = {"status": status, "request": f"{method} {path}", **_request_id(answer)}
        if 200 <= status < 300:
            self.wrote += method != "GET"
            return answer
        if status == 401:
            text = (
                f"DigitalOcean does not accept the token{said}: it is wrong, expired or revoked. Make a new one "
                f"({_TOKENS}) with the scope {scope} among others, and set {TOKEN_VARIABLES[0]}."
            )
            raise error(Code.CLOUD_DENIED, text, scope=scope, **details)
        if status == 403:
            text = f"DigitalOcean's token lacks the scope {scope} for {method} {path}{said}. Add it ({_TOKENS})."
            raise error(Code.CLOUD_DENIED, text, scope=scope, **details)
        if status == 404:
            raise error(Code.NOT_FOUND, f"DigitalOcean has no {path}{said}.", **details)
        if 300 <= status < 400:
            raise self.broken(path, f"it redirects ({status}), and the token does not follow a redirect")
        raise error(Code.CLOUD_REFUSED, f"DigitalOcean refuses {method} {path} with {status}{said}.", **details)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, object]) -> Answer:
        url = self._access.url + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self._access.token}", "Accept": "application/json, application/yaml"}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            reply = urls.open_url(
                url, data=data, headers=headers, method=method, timeout=_ATTEMPT_SECONDS, follow_redirects="none",
                use_proxy=bool(proxy_for(self._access.url)), use_netrc=False, decompress=False,
                http_agent="todo.cloud", ca_path=self._access.ca_path,
            )  # fmt: skip
            return _answer(reply, reply.status)
        except HTTPError as exc:
            return _answer(exc, exc.code)
        except (OSError, http.client.HTTPException, urls.ConnectionError) as exc:
            raise self._fault(exc) from exc

    def _fault(self, exc: Exception) -> Exception:
        """What a request came to that has no answer."""
        reason = exc.reason if isinstance(exc, URLError) else exc
        untrusted = isinstance(reason, ssl.SSLCertVerificationError) or isinstance(exc, urls.SSLValidationError)
        if untrusted or "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return self._unreachable("its certificate is not trusted")
        if isinstance(reason, ConnectionRefusedError | socket.gaierror):
            return _NotSent(reason.strerror or type(reason).__name__)
        if isinstance(reason, TimeoutError):
            return _Lost("it does not answer in time")
        if isinstance(reason, OSError) and reason.strerror:
            return _Lost(reason.strerror)
        return _Lost("the connection ended before the answer")

    def json(self, answer: Answer) -> dict[str, Any]:
        """The object in an answer. Raises cloud_error."""
        try:
            found = read_json(answer.body) if answer.body else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.broken("", "its answer is no JSON object")
        return found

    def broken(self, path: str, what: str) -> TodoCloudError:
        """The error for what the API's contract does not have."""
        at = f" ({path})" if path else ""
        return error(Code.CLOUD_ERROR, f"{self._access.url} does not answer as DigitalOcean's API does{at}: {what}.")

    def _unreachable(self, why: str) -> TodoCloudError:
        text = f"DigitalOcean ({self._access.url}) cannot be used now: {why}. Nothing is half done: run this again."
        return error(Code.CLOUD_UNREACHABLE, text, url=self._access.url)


def _answer(reply: Any, status: int) -> Answer:
    """Reads a bounded body."""
    with reply:
        body = reply.read(_LIMIT + 1)
        if len(body) > _LIMIT:
            raise http.client.HTTPException("too long")
        return Answer(status, {name.lower(): value for name, value in reply.headers.items()}, body)


def _error_of(answer: Answer) -> Mapping[str, Any]:
    try:
        found = read_json(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(answer: Answer) -> str:
    """The API's own message, as a part of a sentence."""
    text = " ".join(str(_error_of(answer).get("message") or "").split())[:300].rstrip(".")
    return f" ({text})" if text else ""


def _request_id(answer: Answer) -> dict[str, str]:
    """What DigitalOcean's support asks for."""
    found = _error_of(answer).get("request_id")
    return {"request_id": quoted(found).strip("'")} if found else {}


def _wait_of(answer: Answer) -> float:
    """Seconds until a request may go out again: ``retry-after``, else until ``ratelimit-reset`` (seconds since 1970,
    compared with the clock of the API).
    """
    after, reset = answer.headers.get("retry-after", ""), answer.headers.get("ratelimit-reset", "")
    if after.isdigit():
        return max(1.0, float(after))
    if not reset.isdigit():
        return 5.0
    try:
        now = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        now = time.time()
    return max(1.0, float(reset) - now)
