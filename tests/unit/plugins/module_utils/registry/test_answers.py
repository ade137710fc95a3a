"""What responses say, whoever wrote them."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.registry.answers import (
    challenge_of,
    error_text,
    json_object,
    retry_after,
    shown,
    token_of,
)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"x", b"[" * 200_000, b'{"a":' + b"[" * 200_000, b"\xff\xfe{", b"9" * 9999]
)
def test_what_is_no_object(body: bytes) -> None:
    assert json_object(body) is None


def test_an_error_message_is_one_line_that_nothing_obeys() -> None:
    message = "\x1b[2J\x1b]0;owned\x07 no\nsuch \u202etag\ud800 ::set-output name=x::y ##[add-mask]a ##vso[x]"
    assert error_text(json.dumps({"errors": [{"message": message}]}).encode()) == (
        "[2J ]0;owned no such tag :set-output name=x:y #[add-mask]a #vso[x]"
    )
    assert error_text(b'{"errors": [{"code": "DENIED"}]}') == "DENIED"
    assert len(error_text(json.dumps({"errors": [{"message": "a" * 9999}]}).encode())) == 200


@pytest.mark.parametrize("errors", [None, [], {}, "x", [None], [[]], [{}], [{"message": None}], 5])
def test_an_error_without_a_message(errors: object) -> None:
    assert error_text(json.dumps({"errors": errors}).encode()) == ""


@pytest.mark.parametrize(
    ("content", "token"),
    [
        ({"token": "abc.def-_/+="}, "abc.def-_/+="),
        ({"access_token": "abc"}, "abc"),
        ({"token": "a\r\nX-Evil: 1"}, ""),
        ({"token": "a b"}, ""),
        ({"token": "\u20ac"}, ""),
        ({"token": ["a"]}, ""),
        ({"token": "a" * 70_000}, ""),
        ({}, ""),
        ([1], ""),
    ],
)
def test_a_token_is_a_header_s_value(content: object, token: str) -> None:
    assert token_of(json.dumps(content).encode()) == token


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ("", ("", {})),
        ('Basic realm="x"', ("basic", {"realm": "x"})),
        ('Bearer realm="//a",service="s, t",a=x', ("bearer", {"realm": "//a", "service": "s, t", "a": "x"})),
        ('Basic realm="x", Bearer realm="https://a/t"', ("bearer", {"realm": "https://a/t"})),
    ],
)  # fmt: skip
def test_challenges(header: str, challenge: tuple[str, dict[str, str]]) -> None:
    assert challenge_of(header) == challenge


def test_a_challenge_is_read_in_linear_time() -> None:
    began = time.process_time()
    challenge_of("Bearer " + "a" * 65_000)
    challenge_of("Bearer " + 'a="' * 20_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("\xb2", 0.0), ("\u0663", 0.0), ("99999999999", 0.0), ("-1", 0.0), ("1e3", 0.0), ("", 0.0),
     ("x" * 9999, 0.0), ("Mon, 01 Jan 0001 00:00:00 -2359", 0.0)],
)  # fmt: skip
def test_retry_after(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds
    assert retry_after({}) == 0.0


def test_retry_after_as_a_date() -> None:
    assert 50 < retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)}) <= 60


def test_shown_is_on_one_line() -> None:
    assert shown(" a\t\tb\x00c\r\n") == "a b c"
