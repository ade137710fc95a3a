# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors of the Kubernetes API as exceptions, with one sentence each."""

from __future__ import annotations

import re
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..parsing import read_json

# A field that the kind does not have, in a server-side apply: sent as an internal error (500), but no retry helps.
_NO_SUCH_FIELD = "failed to create typed patch object"
# Kubernetes' authorizer words every denial like this: User "x" cannot list resource "pods" in API group "" ...
_RBAC = re.compile(r'User "[^"]*" cannot \w+ (resource|path)')


class KubeError(TodoCloudError):
    """Any error response of the API. ``status`` is the HTTP status, 0 when there was no response."""

    code = Code.API_ERROR

    def __init__(self, message: str, status: int = 0, **details: Any) -> None:
        super().__init__(Failure(self.code, message, {"http_status": status, **details}))
        self.status = status


class Unauthorized(KubeError):
    """401: the token or certificate was rejected."""

    code = Code.UNAUTHORIZED


class Forbidden(KubeError):
    """403 by RBAC: the credentials may not do this."""

    code = Code.FORBIDDEN


class Refused(KubeError):
    """403 or 422 by quota, admission or validation: not allowed for anybody."""

    code = Code.REFUSED


class NotFound(KubeError):
    """404."""

    code = Code.NOT_FOUND


class Conflict(KubeError):
    """409: another client wrote first (or owns the field)."""

    code = Code.CONFLICT


class AlreadyExists(Conflict):
    """409 on create."""

    code = Code.ALREADY_EXISTS


class Expired(KubeError):
    """410: the resource version is too old; list again."""


class Unreachable(KubeError):
    """No usable response until the deadline: refused, reset, timed out, 429 or 5xx."""

    code = Code.UNREACHABLE


def error_of(status: int, body: bytes, verb: str, what: str) -> KubeError:
    """The typed error for an HTTP ``status`` other than 2xx. ``what``: e.g. ``pods "x" in namespace "y"``."""
    text, reason = message_of(body), str(status_object(body).get("reason") or "")
    if status == 401:
        return Unauthorized(
            f"The API server does not accept the credentials (token expired or rejected) for: {verb} {what}.", status
        )
    if status == 403 and _RBAC.search(text):
        anonymous = " (the request carried no credentials)" if "system:anonymous" in text else ""
        return Forbidden(
            f"The credentials may not {verb} {what}{anonymous}.", status, verb=verb, resource=what, api_message=text
        )
    if status == 404:
        return NotFound(f"There is no {what}.", status, api_message=text)
    if status == 409:
        kind = AlreadyExists if reason == "AlreadyExists" else Conflict
        return kind(f"The API server refuses to {verb} {what}: {text}", status, api_message=text)
    if status == 410:
        return Expired(f"The resource version is too old to {verb} {what}: {text}", status)
    refused: type[KubeError] = Refused if status in (400, 403, 413, 422) or is_final(body) else KubeError
    return refused(f"The API server refuses to {verb} {what}: {text}", status, api_message=text)


def is_final(body: bytes) -> bool:
    """Whether an internal error of the API server is one that comes again."""
    return _NO_SUCH_FIELD in message_of(body)


def message_of(body: bytes) -> str:
    """The message of an API error, or the start of the body of a proxy's error."""
    return str(status_object(body).get("message") or body[:300].decode(errors="replace")).strip()


def status_object(body: bytes) -> dict[str, Any]:
    """The ``Status`` object of a response; empty when it is something else."""
    try:
        answer = read_json(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
