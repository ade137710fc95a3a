"""What is stored is parsed into types, or refused with a reason."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils import parsing
from ansible_collections.todo.cloud.plugins.module_utils.parsing import (
    Malformed,
    load_json,
    parse,
    parse_as,
    quoted,
    read_json,
    unpack_base64,
    unpack_gzip,
)


@dataclass(frozen=True)
class Inner:
    name: str
    key: str = ""


@dataclass(frozen=True)
class Outer:
    number: int
    inner: tuple[Inner, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    paths: tuple[tuple[str | int, ...], ...] | None = None
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    seconds: float = 0.0
    flag: bool = False
    anything: Any = None


def test_plain_data_becomes_what_a_class_declares() -> None:
    raw = {
        "number": 7, "inner": [{"name": "a"}], "pairs": [["x", "y"]], "paths": [["a", 0, "b"]], "seconds": 5,
        "by_name": {"k": {"name": "b", "key": "c"}}, "flag": True, "anything": {"a": [1]},
    }  # fmt: skip
    assert parse(Outer, raw) == Outer(
        7, (Inner("a"),), (("x", "y"),), (("a", 0, "b"),), {"k": Inner("b", "c")}, 5.0, True, {"a": [1]}
    )
    assert parse(Outer, {"number": 1, "paths": None}) == Outer(1)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "it is not a dictionary"),
        ([], "it is not a dictionary"),
        ({}, "'number' is missing"),
        ({"number": "7"}, "'number' is not a whole number"),
        ({"number": True}, "'number' is not a whole number"),
        ({"number": 1.0}, "'number' is not a whole number"),
        ({"number": 1, "other": 2}, "a key that this version does not know: 'other'"),
        ({"number": 1, "inner": {}}, "'inner' is not a list"),
        ({"number": 1, "inner": [{"key": "x"}]}, "'inner.name' is missing"),
        ({"number": 1, "pairs": [["x"]]}, "'pairs' is not a list of 2"),
        ({"number": 1, "paths": [[None]]}, "'paths' is not"),
        ({"number": 1, "by_name": {"k": "x"}}, "'by_name.k' is not a dictionary"),
        ({"number": 1, "flag": 1}, "'flag' is not true or false"),
        ({"number": 1, "seconds": "5"}, "'seconds' is not a number"),
    ],
)
def test_what_does_not_fit_is_named(raw: Any, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(Outer, raw)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not valid JSON"),
        (b"\xff\xfe{", "UTF-8"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("[1e999]", "a number that is none"),
        ("[" + "9" * 40 + "]", "too large"),
        ("[" + "9" * 5000 + "]", "too long"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ('["\\ud800"]', "not Unicode"),
        ('{"\\udfff": 1}', "not Unicode"),
        (5, "no text"),
        (None, "no text"),
    ],
)
def test_json_is_strict_and_bounded(text: Any, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        load_json(text)
    assert why in str(caught.value)


def test_characters_may_be_written_as_pairs() -> None:
    assert load_json('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_a_text_has_a_size_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MAX_BYTES", 2**20)
    packed = gzip.compress(b"\0" * (2**20 + 1))
    with pytest.raises(Malformed, match="larger than 1 MiB"):
        load_json("[" + " " * 2**20 + "]")
    with pytest.raises(Malformed, match="larger than 1 MiB when unpacked"):
        unpack_gzip(packed)


def test_base64_and_gzip_are_checked() -> None:
    packed = gzip.compress(b"x" * 100)
    assert unpack_gzip(unpack_base64(base64.b64encode(packed).decode())) == b"x" * 100
    for bad in ("%%%", "YQ", 5, "\u00e4"):
        with pytest.raises(Malformed):
            unpack_base64(bad)
    for changed in (packed[:-4], packed[:10] + b"\xff" * 4 + packed[14:], packed[:-8] + b"\0" * 8, b""[:0] + b"x"):
        with pytest.raises(Malformed):
            unpack_gzip(changed)


def test_text_of_others_is_quoted() -> None:
    assert quoted("\x1b[2J") == "'\\x1b[2J'"
    assert len(quoted("x" * 1000)) < 50
    assert quoted({"a": 1}) == "\"{'a': 1}\""


def test_a_plain_type_by_itself() -> None:
    assert parse_as(dict[str, Any], {"a": 1}) == {"a": 1}
    with pytest.raises(Malformed, match="'x' is not a text"):
        parse_as(str, 5, "x")


def test_json_that_is_only_looked_at() -> None:
    assert read_json(b'{"a": NaN, "a": 1}') == {"a": 1}
    for bad in ("{", "[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError):  # noqa: PT011  each has its own message
            read_json(bad)
