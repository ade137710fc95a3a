"""What scalars and keys mean; test_yaml_reader.py compares many more with Go's readings."""

from __future__ import annotations

import math

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.yaml_scalars import (
    json_value,
    key_text,
    means_itself,
    plain,
    tagged,
)


@pytest.mark.parametrize(
    "text", ["on", "y", "N", "1e3", "1234", "0o17", "08", "1_000", "~", "", "null", "-.5", "<<", ".inf"]
)
def test_words_that_need_quotes(text: str) -> None:
    assert not means_itself(text)


@pytest.mark.parametrize("text", ["1:30", "2024-01-01", "=", "0o8", "1.2.3", "nan", "1e400", "tRue", "0x", "9" * 5000])
def test_words_that_need_none(text: str) -> None:
    assert means_itself(text)


def test_keys_become_text() -> None:
    assert [key_text(plain(text)) for text in ("y", "0x1F", "1.50", "1000000.0", "-0.0", ".inf", "3.5e38")] == [
        "true", "31", "1.5", "1e+06", "-0", ".inf", ".inf",
    ]  # fmt: skip
    for key in (None, 1 << 63):
        with pytest.raises(ValueError, match="quote it"):
            key_text(key)


def test_numbers_as_json_has_them() -> None:
    assert [repr(json_value(value)) for value in (1e20, 1e21, -0.0)] == [str(10**20), "1e+21", "0"]
    with pytest.raises(ValueError, match="JSON has no number nan"):
        json_value(math.nan)


def test_tags() -> None:
    assert tagged("tag:yaml.org,2002:float", "1") == 1.0
    assert tagged("!vault", "1") == "1"
    with pytest.raises(ValueError, match="cannot be decoded as !!timestamp"):
        tagged("tag:yaml.org,2002:timestamp", "2024-13-01")
