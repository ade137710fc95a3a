# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import re
from datetime import date
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.secrets import secret_contents


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def found(**data: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "app"}, "data": {key: coded(value) for key, value in data.items()}}]


def test_the_inventory_comes_first() -> None:
    (name, app), *others = secret_contents({"app": {"dsn": "mine"}}, {"app": ["dsn"]}, found(dsn="theirs")).items()
    assert (name, others) == ("app", [])
    assert app == {"data": {"dsn": coded("mine")}, "open": [], "missing": [], "unfit": []}


@pytest.mark.parametrize("nothing", ["", None])
def test_without_a_value_what_the_cluster_has_stays(nothing: str | None) -> None:
    app = secret_contents({"app": {"dsn": nothing}}, {}, found(dsn="theirs"))["app"]
    assert app == {"data": {"dsn": coded("theirs")}, "open": ["dsn"], "missing": [], "unfit": []}


def test_chance_gives_a_value_once() -> None:
    made = secret_contents({}, {"app": ["key", "token"]})["app"]
    assert made["open"] == ["key", "token"]
    assert made["missing"] == []
    values = [base64.b64decode(each).decode() for each in made["data"].values()]
    assert all(re.fullmatch(r"[A-Za-z0-9]{48}", each) for each in values)
    assert len(set(values)) == 2
    again = secret_contents({}, {"app": ["key", "token"]}, [{"metadata": {"name": "app"}, "data": made["data"]}])["app"]
    assert again["data"] == made["data"]


def test_what_nobody_has_is_named() -> None:
    contents = secret_contents({"app": {"dsn": "", "x": "y"}, "other": {"k": None}}, None, found(x="z"))
    assert contents["app"]["missing"] == ["dsn"]
    assert contents["other"] == {"data": {}, "open": ["k"], "missing": ["k"], "unfit": []}


def test_what_is_no_longer_wanted_goes() -> None:
    assert secret_contents({"app": {"x": "y"}}, {}, found(old="z"))["app"]["data"] == {"x": coded("y")}


def test_values_that_are_no_strings_are_named_and_not_written() -> None:
    odd = {
        "number": 0, "flag": False, "ratio": 1e3, "json": {"a": [1]}, "list": ["a"], "until": date(2024, 1, 1),
        "raw": b"x", "umlaut": "ä\n",
    }  # fmt: skip
    app = secret_contents({"app": odd}, {"app": ["flag"]}, found(number="7"))["app"]
    assert app["data"] == {"umlaut": coded("ä\n")}
    assert app["unfit"] == [
        "number (a number)", "flag (a boolean)", "ratio (a number)", "json (a dictionary)", "list (a list)",
        "until (a date)", "raw (binary, which is written as {base64: ...})",
    ]  # fmt: skip
    assert (app["open"], app["missing"]) == ([], [])


def test_a_secret_without_data_and_one_without_values() -> None:
    assert secret_contents({"app": None}, {"app": None}, [{"metadata": {"name": "app"}}]) == {
        "app": {"data": {}, "open": [], "missing": [], "unfit": []}
    }


def test_a_secret_whose_content_is_no_map_is_named() -> None:
    said: Any = {"app": "text", 5: {"a": "b"}}
    found: Any = secret_contents(said)
    assert found["app"]["unfit"] == ["its content as a whole (no keys with values)"]
    assert found[5]["data"] == {"a": "Yg=="}


def test_keys_that_are_no_text_are_named() -> None:
    odd: Any = {date(2024, 1, 1): "x", True: "y", 5: "z"}
    found = secret_contents({"app": odd})
    assert found["app"]["unfit"] == ["2024-01-01 (a key that is a date)", "True (a key that is a boolean)"]


def test_binary_values_and_line_ends_arrive_byte_for_byte() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"
    raw = bytes(range(256))
    wrapped = base64.encodebytes(raw).decode()  # as `base64` prints it
    values = {"pem": pem, "crlf": "a\r\nb\r\n", "raw": {"base64": wrapped}, "spaces": "  \n"}
    data = secret_contents({"tls": values})["tls"]["data"]
    assert {key: base64.b64decode(value) for key, value in data.items()} == {
        "pem": pem.encode(), "crlf": b"a\r\nb\r\n", "raw": raw, "spaces": b"  \n",
    }  # fmt: skip


def test_an_empty_binary_value_keeps_what_the_cluster_has() -> None:
    for empty in ("", "\n", None):
        assert secret_contents({"app": {"raw": {"base64": empty}}}, {}, found(raw="old"))["app"]["data"] == {
            "raw": coded("old")
        }


@pytest.mark.parametrize("odd", ["%%%%", "YQ", "\xe4===", "YQ==YQ"])
def test_what_is_no_base64_is_named_without_being_shown(odd: str) -> None:
    app = secret_contents({"app": {"raw": {"base64": odd}}})["app"]
    assert (app["data"], app["unfit"]) == ({}, ["raw (no Base64)"])
    more = secret_contents({"app": {"raw": {"base64": "YQ==", "more": "x"}, "number": {"base64": 5}}})["app"]
    assert more["unfit"] == ["raw (a dictionary)", "number (a dictionary)"]


def test_a_rotated_value_is_another_one_and_the_others_stay() -> None:
    had = found(key="old", token="kept", dsn="mine")
    app = secret_contents({"app": {"dsn": ""}}, {"app": ["key", "token"]}, had, {"app": ["key"], "other": None})["app"]
    assert {key: app["data"][key] for key in ("token", "dsn")} == {"token": coded("kept"), "dsn": coded("mine")}
    assert re.fullmatch(r"[A-Za-z0-9]{48}", base64.b64decode(app["data"]["key"]).decode())
    assert (app["missing"], sorted(app["open"])) == ([], ["dsn", "key", "token"])
