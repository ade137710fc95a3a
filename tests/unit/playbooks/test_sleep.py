"""sleep.yml and wake.yml: what they ask the module for, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Stubbed, inventory

MODULE = "todo.cloud.environment_sleep"


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("sleep")) as found:
        yield found


@pytest.mark.parametrize(
    ("playbook", "state", "services", "arguments", "words"),
    [
        ("sleep", "asleep", ["api", "web"], [], "api, web: asleep, verified as set 5"),
        ("sleep", "asleep", [], [], "whatever can sleep is asleep already"),
        ("wake", "awake", ["api"], ["--check"], "api: would be woken"),
    ],
)
def test_what_is_asked_and_said(
    stubbed: Stubbed, playbook: str, state: str, services: list[str], arguments: list[str], words: str
) -> None:
    answers: dict[str, Any] = {MODULE: {"services": services, "left": ["components is of another chart"], "set": 5}}
    found = stubbed.run(playbook, inventory({"environment": {"test": {}}}), *arguments, answers=answers)
    assert found.code == 0, found.output
    (asked,) = found.arguments("environment_sleep")
    assert (asked["state"], asked["environment"], asked["namespace"]) == (state, "test", "todo-test")
    assert words in found.text
    assert "components is of another chart" in found.text
