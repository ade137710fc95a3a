# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Secrets shall hold: from the inventory, else from the cluster, else randomly generated; pure."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

_NO_TEXT: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool,), "a boolean"),
    ((int, float), "a number"),
    ((datetime, date), "a date"),
    ((bytes,), "binary, which is written as {base64: ...}"),
    ((Mapping,), "a dictionary"),
    ((list, tuple, set), "a list"),
)
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 48
_BASE64 = "base64"  # the key of a binary value: {base64: ...}


def secret_contents(
    values: Mapping[str, Mapping[str, Any] | None],
    generated: Mapping[str, Iterable[str] | None] | None = None,
    found: Iterable[Mapping[str, Any]] = (),
    rotated: Mapping[str, Iterable[str] | None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Contents by name of the Secret; see the filter of the same name."""
    made, anew = generated or {}, rotated or {}
    present: dict[str, dict[str, str]] = {}
    for each in found:
        name, data = each["metadata"]["name"], each.get("data") or {}
        present[name] = {key: value for key, value in data.items() if key not in (anew.get(name) or ())}
    return {
        name: _contents(values.get(name) or {}, list(made.get(name) or ()), present.get(name, {}))
        for name in sorted({*values, *made}, key=str)
    }


def _contents(values: Any, generated: list[str], present: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        return {"data": {}, "open": [], "missing": [], "unfit": ["its content as a whole (no keys with values)"]}
    unfit = [f"{key} ({what})" for key, value in values.items() if (what := _what(value))]
    unfit += [f"{key} (a key that is {_what(key)})" for key in values if isinstance(key, bool) or not _is_key(key)]
    given = {key: coded(value) for key, value in values.items() if not _what(value)}
    data = {key: value for key, value in given.items() if value}
    unset = [key for key in dict.fromkeys([*values, *generated]) if key not in data and not _what(values.get(key))]
    missing = []
    for key in unset:
        if key in present:
            data[key] = present[key]
        elif key in generated:
            text = "".join(secrets.choice(_LETTERS) for place in range(_LENGTH))
            data[key] = base64.b64encode(text.encode()).decode()
        else:
            missing.append(key)
    return {"data": data, "open": unset, "missing": missing, "unfit": unfit}


def _is_key(key: Any) -> bool:
    return isinstance(key, (str, int))  # a number is written as JSON writes it: as in the file


def coded(value: Any) -> str:
    """A value in Base64: of a text, or of a binary value ``{base64: ...}``, which may have lines; empty without one.

    Raises ValueError for what is no Base64.
    """
    if isinstance(value, Mapping):
        plain = "".join(str(value[_BASE64] or "").split())
        return base64.b64encode(base64.b64decode(plain, validate=True)).decode()
    return base64.b64encode(("" if value is None else str(value)).encode()).decode()


def _what(value: Any) -> str:
    """What a value is that is no text, so that nobody can tell how it should be written; else empty."""
    if isinstance(value, Mapping) and set(value) == {_BASE64} and isinstance(value[_BASE64], (str, type(None))):
        try:
            coded(value)
        except ValueError:  # binascii.Error is one
            return "no Base64"
        return ""
    for kinds, name in _NO_TEXT:
        if isinstance(value, kinds):
            return name
    return ""


def leftovers(wanted: Mapping[str, Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keys of Secrets in the cluster that are not wanted, whoever put them there: ``name`` and ``keys`` of each."""
    has = {each["metadata"]["name"]: set(each.get("data") or {}) for each in found}
    extra = {name: sorted(has[name] - set(wanted[name]["data"])) for name in sorted(has.keys() & wanted.keys())}
    return [{"name": name, "keys": keys} for name, keys in extra.items() if keys]
