# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a registry's response says, as types and as text that can be shown; pure. Nothing of it is trusted."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ..parsing import read_json

_SHOWN = 200  # characters of an error message
_CHALLENGE_LIMIT = 8192
_PARAMETER = re.compile(r'(?<![a-zA-Z_])([a-zA-Z_]{1,32})=(?:"([^"]*)"|([^\s,]+))')
_TOKEN = re.compile(r"[!-~]{1,65536}")
_SECONDS = re.compile(r"[0-9]{1,9}")


def json_object(body: bytes) -> dict[str, Any] | None:
    """The object that ``body`` is; None when it is something else."""
    try:
        found = read_json(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def error_text(body: bytes) -> str:
    """The registry's error message on one line; empty without a readable one."""
    errors = (json_object(body) or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return shown(str(first.get("message") or first.get("code") or "")[: 2 * _SHOWN])[:_SHOWN]


def shown(text: str) -> str:
    """On one line, without characters that a terminal obeys, and without the marks of CI commands."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return re.sub(r"::+|##+", lambda marks: marks[0][0], " ".join(printable.split()))


def token_of(body: bytes) -> str:
    """The token in a token service's response; empty without one that can be a header's value."""
    content = json_object(body) or {}
    token = content.get("token") or content.get("access_token")
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""


def challenge_of(header: str) -> tuple[str, dict[str, str]]:
    """Scheme and parameters of ``WWW-Authenticate`` (RFC 9110, 11.6.1); Bearer is preferred where both are offered."""
    header = header[:_CHALLENGE_LIMIT]
    at = header.lower().find("bearer ")
    scheme, _space, rest = header[max(at, 0) :].partition(" ")
    return scheme.lower(), {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of the header Retry-After, 0 without one."""
    asked = headers.get("retry-after", "")
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked[:64]).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
