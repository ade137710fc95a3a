"""Values arrive in Helm as the inventory says, and values files as ``helm -f`` reads them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.values import (
    check_values,
    integer_options,
    merged,
    read_values,
    values_text,
    with_files,
)
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_document


@pytest.mark.parametrize(
    "value",
    [
        "fertig 🎉",
        "\x7f \x85 \u2028 \u2029 \ufeff \uffff",
        "\x00\x1b[31m",
        "\\ud83d\\ude00",
        'a "b" \\',
        "é\n\t",
        "{{ x }} ${y}",
    ],
)
def test_every_text_is_yaml(value: str) -> None:
    text = values_text({"n": value, value: [value]})
    assert read_document(text) == {"n": value, value: [value]}
    assert text.endswith(b"\n")  # else Helm may lose the line


def test_numbers_and_null() -> None:
    values = {"a": [1, 2.5, None, True, "on", "1e3", "012"], "8080": {}}
    assert read_document(values_text(values)) == values


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, r"'a\\.b\[1\]' is a number without a value"),
        (math.inf, "is a number without a value"),
        ("\ud800", "is text that is not Unicode"),
        (b"x", "is neither text, number nor boolean"),
    ],
)
def test_what_yaml_has_not_is_refused_by_its_path(value: Any, why: str) -> None:
    with pytest.raises(TodoCloudError, match=why.replace("\\\\", r"\\+")) as caught:
        check_values({"a.b": [1, value]})
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_large_integers_stay_integers() -> None:
    values = {
        "small": 999_999,
        "big": 12345678,
        "list": [1, {"a.b": -1234567}],
        "c,d[0]=\\": [[9007199254740993]],
        "text": "12345678",
        "yes": True,
        "float": 12345678.0,
        "beyond": 2**63,
    }
    assert integer_options(values) == [
        "--set", "big=12345678",
        "--set", r"list[1].a\.b=-1234567",
        "--set", r"c\,d\[0\]\=\\[0][0]=9007199254740993",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["password", "dbPassword", "api_key", "accessToken"])
def test_a_number_with_a_name_of_a_secret_is_refused(name: str) -> None:
    with pytest.raises(TodoCloudError, match="put it in quotes") as caught:
        integer_options({"x": {name: 12345678}})
    assert "12345678" not in caught.value.failure.message
    assert integer_options({"x": {name: "12345678"}, "tokenTtlMs": 86400000}) == ["--set", "tokenTtlMs=86400000"]


def test_values_files_are_read_as_helm_does(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("on: y\nport: 8080\nbig: 12345678\nmap: {a: 1, b: 2}\n---\nmap: {c: 0o17}\nlist: [1]\n")
    second.write_text("# nothing else\nmap: {b: ~}\nlist: []\n")
    values = with_files({"map": {"a": 5}, "inline": 12345678}, [str(first), str(second)])
    assert values == {
        "true": True, "port": 8080, "big": 12345678.0, "map": {"a": 5, "b": None, "c": 15}, "list": [],
        "inline": 12345678,
    }  # fmt: skip
    assert integer_options(values) == ["--set", "inline=12345678"]  # helm -f writes 1.2345678e+07 of a file's


@pytest.mark.parametrize(("text", "why"), [("- a\n", "holds no dictionary"), ("a: [\n", "is not valid YAML: line 2")])
def test_values_files_that_are_none(text: str, why: str) -> None:
    with pytest.raises(TodoCloudError, match=why):
        read_values("x.yaml", text.encode())


def test_a_values_file_that_is_not_there() -> None:
    with pytest.raises(TodoCloudError, match=r"The values file /none/x\.yaml cannot be read: No such file"):
        with_files({}, ["/none/x.yaml"])


def test_merging_replaces_what_is_no_dictionary() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": {}}, "d": [2]}) == {"a": {"b": {}, "c": 2}, "d": [2]}
