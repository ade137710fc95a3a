# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses what is stored in a cluster, where others may have damaged or forged it: JSON, base64 and gzip with limits,
and plain data into the types that a dataclass declares. Everything that does not fit is one exception, Malformed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import math
import re
import types
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

MAX_BYTES = 32 * 2**20  # of one unpacked text: many times what fits into an object of Kubernetes
_MAX_DEPTH = 100
_MAX_VALUES = 400_000  # of one text: 40 KB, packed, can hold ten millions, which take a gigabyte and half a minute
_STRINGS = (re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL), re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL))
_MAX_NUMBER = 2**63  # Kubernetes, Helm and Go know no larger integers
_SHOWN = 40

T = TypeVar("T")


class Malformed(ValueError):
    """Why something cannot be parsed, as a part of a sentence. It is safe to print: nothing of the content is in it
    that is not plain text and short.
    """


def quoted(value: object) -> str:
    """A short text of somebody else's, safe to print."""
    text = ascii(str(value)[: _SHOWN + 1])
    return text if len(str(value)) <= _SHOWN else f"{text[:_SHOWN]}...'"


def load_json(text: object) -> Any:
    """Strict JSON: no NaN or Infinity, no text that is no Unicode, nesting and numbers bounded, and no key twice (Go
    merges what stands twice). Raises Malformed.
    """
    if not isinstance(text, (str, bytes)):
        raise Malformed("it contains no text")
    if len(text) > MAX_BYTES:
        raise Malformed(f"it is larger than {MAX_BYTES // 2**20} MiB")
    _check_values(text)
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except Malformed:
        raise
    except ValueError as exc:
        raise Malformed(f"it is not valid JSON ({_reason(exc)})") from None
    check_plain(found)
    return found


def read_json(text: str | bytes) -> Any:
    """JSON of others that is only looked at: everything that Python reads. Raises ValueError, also for deep nesting."""
    try:
        return json.loads(text)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None


def _check_values(text: str | bytes) -> None:
    """Raises Malformed for more values than anything sound holds, before they are made."""
    if _most_values(text) <= _MAX_VALUES:
        return
    bare = _STRINGS[0].sub("", text) if isinstance(text, str) else _STRINGS[1].sub(b"", text)
    if _most_values(bare) > _MAX_VALUES:
        raise Malformed(f"it holds more than {_MAX_VALUES} values")


def _most_values(text: str | bytes) -> int:
    if isinstance(text, str):
        return sum(text.count(mark) for mark in ",[{")
    return sum(text.count(mark) for mark in (b",", b"[", b"{"))


def check_plain(data: Any) -> None:
    """Checks nesting, numbers and texts of plain data. Raises Malformed."""
    level, depth = [data], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise Malformed("it is nested too deeply")
        level = [inner for each in level for inner in _inner(each)]


def unpack_base64(text: object) -> bytes:
    """Raises Malformed."""
    if not isinstance(text, str):
        raise Malformed("it is not base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("it is not base64") from None


def unpack_gzip(packed: bytes) -> bytes:
    """At most MAX_BYTES. Raises Malformed."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise Malformed("it is not what gzip wrote") from None
    if len(content) > MAX_BYTES:
        raise Malformed(f"it is larger than {MAX_BYTES // 2**20} MiB when unpacked")
    return content


def parse(kind: type[T], raw: Any, where: str = "") -> T:
    """``raw`` as the dataclass ``kind``: each field of its type, none missing that has no default, none unknown."""
    return cast(T, parse_as(kind, raw, where))


def parse_as(kind: Any, raw: Any, where: str = "") -> Any:
    """``raw`` as ``kind``: a dataclass, a plain type, a Mapping, a tuple (from a list), Any, or a union of these."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return raw
    if origin in (Union, types.UnionType):
        return _one_of(args, raw, where)
    if is_dataclass(kind):
        return _dataclass(kind, raw, where)
    if origin is tuple:
        return _tuple(args, raw, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entries = _of_type(dict, raw, where)
        return {_of_type(str, key, where): parse_as(args[1], each, _at(where, key)) for key, each in entries.items()}
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    return _of_type(type(None) if kind is None else kind, raw, where)


def _dataclass(kind: Any, raw: Any, where: str) -> Any:
    given, types_ = dict(_of_type(dict, raw, where)), _hints(kind)
    if unknown := sorted(map(str, given.keys() - types_.keys())):
        raise Malformed(f"it has a key that this version does not know: {quoted(_at(where, unknown[0]))}")
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    if absent := sorted(required - given.keys()):
        raise Malformed(f"{quoted(_at(where, absent[0]))} is missing")
    return kind(**{name: parse_as(types_[name], value, _at(where, name)) for name, value in given.items()})


def _tuple(args: tuple[Any, ...], raw: Any, where: str) -> tuple[Any, ...]:
    items = raw if isinstance(raw, tuple) else _of_type(list, raw, where)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(parse_as(args[0], each, where) for each in items)
    if len(items) != len(args):
        _refuse(f"a list of {len(args)}", where)
    return tuple(parse_as(kind, each, where) for kind, each in zip(args, items, strict=True))


def _one_of(kinds: tuple[Any, ...], raw: Any, where: str) -> Any:
    problem = Malformed()
    for kind in kinds:
        try:
            return parse_as(kind, raw, where)
        except Malformed as exc:
            problem = exc
    raise problem


_NAMES: Mapping[type, str] = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "a dictionary",
    list: "a list", type(None): "empty",
}  # fmt: skip


def _of_type(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, kind) or (isinstance(raw, bool) and kind is not bool):  # True is no number here
        _refuse(_NAMES.get(kind, "of its type"), where)
    return raw


def _refuse(what: str, where: str) -> NoReturn:
    raise Malformed(f"{quoted(where) if where else 'it'} is not {what}")


def _at(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in value:
            _check_text(key)
        yield from value.values()
    elif isinstance(value, list):
        yield from value
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Malformed("it contains a number that is none")
    elif isinstance(value, int) and not -_MAX_NUMBER <= value < _MAX_NUMBER:
        raise Malformed("it contains a number that is too large")


def _check_text(text: Any) -> None:
    if isinstance(text, str) and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed("it contains text that is not Unicode") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("it contains a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"it contains {name}")


def _reason(exc: ValueError) -> str:
    if isinstance(exc, json.JSONDecodeError):
        return f"{exc.msg}, character {exc.pos}"
    return "its text is not UTF-8" if isinstance(exc, UnicodeError) else "a number is too long"
