# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where metrics and logs are asked: a Service through the API server, with the caller's own rights, or a URL."""

from __future__ import annotations

import http.client
import threading
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from ansible.module_utils import urls

from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeObserver
from ..kube.errors import KubeError
from ..parsing import MAX_BYTES, read_json

_SECONDS = 30.0
_MOST_BYTES = MAX_BYTES  # of an answer, which may have no end
_T = TypeVar("_T")


@dataclass(frozen=True)
class Source:
    """One of them. With ``url`` the Service is not asked.

    Attributes:
        what: its name in messages.
        setting: which option says where it is.
        seconds: how long it may take to be reached, and again to answer.
    """

    kube: KubeObserver
    what: str
    setting: str
    namespace: str
    service: str
    port: int
    url: str = ""
    seconds: float = _SECONDS

    def get(self, path: str, query: Mapping[str, str]) -> str:
        """The body of its answer.

        Raises:
            TodoCloudError: it does not answer, may not be asked, or does not understand.
        """
        status, body = self._direct(path, query) if self.url else self._proxied(path, query)
        if status == 200:
            return body
        if status in (400, 422):
            raise error(Code.INVALID_INPUT, f"{self.what} does not understand the query: {_said(body)}.")
        raise error(Code.UNREACHABLE, f"{self.what} ({self._where}) answers with HTTP {status}: {_said(body)}.")

    @property
    def _where(self) -> str:
        return self.url or f"Service {self.service} in namespace {self.namespace}"

    def _proxied(self, path: str, query: Mapping[str, str]) -> tuple[int, str]:
        try:
            return self.kube.service_get(self.namespace, self.service, self.port, path, query, timeout=self.seconds)
        except KubeError as exc:
            what = f"{self.what} ({self._where}) cannot be asked: {exc.failure.message} Is it installed? {self.setting}"
            raise error(exc.failure.code, f"{what} says where it is.") from exc

    def _direct(self, path: str, query: Mapping[str, str]) -> tuple[int, str]:
        url = f"{self.url.rstrip('/')}/{path}?{urlencode(query)}"
        try:
            try:
                answer = urls.open_url(url, timeout=self.seconds)
            except urllib.error.HTTPError as exc:
                answer = exc  # an answer all the same
            body = answer.read(_MOST_BYTES + 1)
            if len(body) > _MOST_BYTES:
                raise ValueError(f"its answer is larger than {_MOST_BYTES >> 20} MiB")
            return int(answer.getcode()), body.decode(errors="replace")
        except (OSError, ValueError, http.client.HTTPException, urls.ConnectionError) as exc:
            cause = getattr(exc, "reason", exc)
            message = f"{self.what} at {self.url} does not answer: {cause}. {self.setting} says where it is."
            raise error(Code.UNREACHABLE, message) from exc


def json_of(source: Source, text: str) -> Mapping[str, Any]:
    """An object of an answer.

    Raises:
        TodoCloudError: it is none.
    """
    try:
        found = read_json(text)
    except ValueError:
        found = None
    if isinstance(found, Mapping):
        return found
    raise something_else(source, text)


def something_else(source: Source, text: str) -> TodoCloudError:
    """The error for an answer that the source never gives."""
    message = f"What answers as {source.what} is something else: {_said(text)}. {source.setting} says where it is."
    return error(Code.UNREACHABLE, message)


def source_of(kube: KubeObserver, what: str, setting: str, params: Mapping[str, Any]) -> Source:
    """As a module's options say."""
    return Source(kube, what, setting, params["namespace"], params["service"], params["port"], params["url"])


def within(seconds: float, call: Callable[[], _T], late: _T) -> _T:
    """What ``call`` returns, which must not raise; ``late`` if that takes longer: one who trickles costs no more time
    than one who is silent.
    """
    found: list[_T] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else late


def _said(body: str) -> str:
    return " ".join(body.split())[:300] or "nothing"
