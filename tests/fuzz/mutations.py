"""Random changes to plain data: dictionaries, lists, numbers, text (JSON in it too) and bytes."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

# Values of wrong types, at the edge of what is possible, or hostile.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, 10**400, -(10**19), 1e308, float("nan"), float("inf"),
    "", " ", "x", "no", "null", "-1", "1e999", "9" * 5000, "A" * 100_000, "\u0663", "\u00b2", "\ud800", "\u202e",
    "\x00", "\n", "\r\n::error::x", "\x1b[2J\x1b]0;owned\x07", "../../etc/passwd", "--post-renderer=/bin/sh", "-x",
    "a,b=c", "{{ 7*7 }}", "%s%n",
    "yesterday", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00-23:59", "sha256:zz",
    [], {}, [None], [[]], ["x"], [1, 2, 3], {"": ""}, {"x": None}, {"name": {}}, {"metadata": "x"},
)  # fmt: skip
_JSON_PARTS = ('"x":1,"x":2,', "[" * 100_000, "NaN,", "-Infinity", "1" * 5000, "1e400", '"\\ud800"', "//", "'", "\\")
_DEPTH = 300


def mutated(rng: Random, seed: Any) -> Any:
    """A copy of ``seed`` with one to three changes."""
    value = copy.deepcopy(seed)
    for _change in range(rng.choice((1, 1, 1, 2, 3))):
        value = _changed(rng, value)
    return value


def _changed(rng: Random, value: Any) -> Any:
    """Changed here, or somewhere below."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        return _changed_below(rng, value)
    if isinstance(value, str) and rng.random() < 0.7:
        return _changed_text(rng, value)
    if isinstance(value, bytes):
        return _changed_bytes(rng, value)
    return _odd(rng)


def _changed_below(rng: Random, value: Any) -> Any:
    key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    match rng.random():
        case chance if chance < 0.1:
            del value[key]
        case chance if chance < 0.15 and isinstance(value, dict):
            value[rng.choice(("x", "", "name", "manual", "__class__", "\ud800"))] = value.pop(key)
        case chance if chance < 0.2 and isinstance(value, list):
            value.append(copy.deepcopy(value[key]))
        case _:
            value[key] = _changed(rng, value[key])
    return value


def _changed_text(rng: Random, text: str) -> str:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, (dict, list)) and rng.random() < 0.75:
        return json.dumps(_changed(rng, parsed))
    start = rng.randrange(len(text) + 1)
    end = min(len(text), start + rng.choice((0, 0, 1, 1, 5, 50)))
    if rng.random() < 0.2:
        return text[:start]
    odd = rng.choice([each for each in ODD if isinstance(each, str)])
    return text[:start] + rng.choice((odd, rng.choice(_JSON_PARTS), text[:20])) + text[end:]


def _changed_bytes(rng: Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    match rng.randrange(4):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + rng.randbytes(rng.choice((1, 4, 64))) + data[start:]
        case 2:
            return data[:start] + rng.randbytes(min(4, len(data) - start)) + data[start + 4 :]
        case _:
            return data[:start] + data[start + rng.choice((1, 16)) :]


def _odd(rng: Random) -> Any:
    if rng.random() < 0.05:
        deep: Any = rng.choice(ODD)
        for _level in range(_DEPTH):
            deep = [deep] if rng.random() < 0.5 else {"x": deep}
        return deep
    return copy.deepcopy(rng.choice(ODD))
