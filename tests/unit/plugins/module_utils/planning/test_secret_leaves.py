"""Values that feed a Secret, found with few renders whatever the chart makes of them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, error
from ansible_collections.todo.cloud.plugins.module_utils.planning.secret_leaves import secret_leaves
from ansible_collections.todo.cloud.plugins.module_utils.records.secret_values import path_text

Chart = Callable[[Mapping[str, Any]], Mapping[str, str]]


class Helm:
    """Renders one Secret from a function of the values, and a ConfigMap with all of them."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.renders = 0

    def __call__(self, values: Mapping[str, Any]) -> str:
        self.renders += 1
        data = {key: base64.b64encode(text.encode()).decode() for key, text in self.chart(values).items()}
        items = [{"kind": "ConfigMap", "data": dict(values)}]
        items += [{"kind": "Secret", "metadata": {"name": "x"}, "data": data}] if data else []
        return "\n---\n".join(json.dumps(item) for item in items)


VALUES = {
    "name": "web", "replicas": 3, "mode": "cluster", "enabled": True, "empty": "",
    "auth": {"user": "app", "password": "hunter2", "pin": 4711},
    "users": [{"name": "a", "token": "t1"}, {"name": "b", "token": "t2"}],
}  # fmt: skip


def found(chart: Chart, values: Mapping[str, Any] = VALUES) -> tuple[list[str], int]:
    helm = Helm(chart)
    return [path_text(path) for path in secret_leaves(values, helm)], helm.renders


def digest(text: Any) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def test_a_chart_without_a_secret_is_rendered_once() -> None:
    assert found(lambda v: {}) == ([], 1)


def test_without_values_nothing_is_rendered() -> None:
    assert found(lambda v: {"a": "b"}, {"enabled": True}) == ([], 0)


def test_plain_and_encoded_values_are_found_at_once() -> None:
    assert found(lambda v: {"p": v["auth"]["password"], "t": "token=" + v["users"][1]["token"]}) == (
        ["auth.password", "users[1].token"],
        3,
    )


def test_hashed_values_and_numbers_are_found() -> None:
    assert found(lambda v: {"p": digest(v["auth"]["password"]), "n": digest(v["auth"]["pin"])})[0] == [
        "auth.password",
        "auth.pin",
    ]


def test_what_is_encoded_twice_is_found() -> None:
    assert found(lambda v: {"p": base64.b64encode(f"a:{v['auth']['password']}".encode()).decode()})[0] == [
        "auth.password"
    ]


def test_random_values_make_nothing_secret() -> None:
    count = itertools.count()
    assert found(lambda v: {"random": digest(next(count)), "p": v["auth"]["password"]})[0] == ["auth.password"]


def test_a_value_beside_a_random_one_is_found() -> None:
    count = itertools.count()
    assert found(lambda v: {"random": f"{v['auth']['password']}-{next(count)}"})[0] == ["auth.password"]


def test_bcrypt_is_random_but_takes_only_72_bytes() -> None:
    count = itertools.count()

    def bcrypt(text: str) -> str:
        if len(text) > 72:
            return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
        return f"$2a$10${digest(f'{text}{next(count)}')}"

    assert found(lambda v: {"htpasswd": "admin:" + bcrypt(v["auth"]["password"])})[0] == ["auth.password"]


def test_a_clock_that_goes_on_makes_nothing_secret() -> None:
    renders = itertools.count()
    assert found(lambda v: {"at": str(next(renders) // 5), "p": digest(v["auth"]["password"])})[0] == ["auth.password"]


def test_a_value_behind_a_switch_is_found_with_the_switch() -> None:
    assert found(lambda v: {"p": digest(v["auth"]["password"])} if v["mode"] == "cluster" else {"p": "none"})[0] == [
        "mode",
        "auth.password",
    ]


def test_a_value_that_the_chart_checks_is_replaced_by_one_of_its_shape() -> None:
    def chart(v: Mapping[str, Any]) -> Mapping[str, str]:
        if len(v["auth"]["password"]) != 7 or v["mode"] not in ("cluster", "single"):
            raise error(Code.CHART_INVALID, "execution error")
        return {"p": digest(v["auth"]["password"])}

    assert found(chart)[0] == ["auth.password"]


def test_what_the_chart_accepts_in_no_other_form_goes_by_its_name() -> None:
    def chart(v: Mapping[str, Any]) -> Mapping[str, str]:
        if v["mode"] != "cluster" or v["auth"]["password"] != "hunter2":
            raise error(Code.CHART_INVALID, "execution error")
        return {"p": "x"}

    assert found(chart)[0] == ["auth.password"]


def test_a_name_is_not_what_a_secret_holds() -> None:
    def render(values: Mapping[str, Any]) -> str:
        return json.dumps({"kind": "Secret", "metadata": {"name": values["name"]}, "stringData": {"a": "b"}})

    assert secret_leaves(VALUES, render) == ()


def test_five_hundred_leaves_cost_few_renders() -> None:
    many = {f"group{n}": {f"key{m}": f"value-{n}-{m}" for m in range(10)} for n in range(50)}
    assert found(lambda v: {"a": v["group7"]["key3"], "b": v["group49"]["key9"]}, many) == (
        ["group7.key3", "group49.key9"],
        3,
    )
    names, renders = found(lambda v: {"a": digest(v["group7"]["key3"]), "b": digest(v["group49"]["key9"])}, many)
    assert names == ["group7.key3", "group49.key9"]
    assert renders < 48


def test_what_is_not_decided_after_all_renders_is_secret() -> None:
    many = {f"key{n}": f"value-{n}" for n in range(500)}
    names, renders = found(lambda v: {"all": digest(sorted(v.items()))}, many)
    assert len(names) == 500
    assert renders <= 50


def test_a_chart_that_cannot_be_rendered_as_it_is_fails() -> None:
    def chart(v: Mapping[str, Any]) -> Mapping[str, str]:
        raise error(Code.CHART_INVALID, "broken")

    with pytest.raises(Exception, match="broken"):
        found(chart)
