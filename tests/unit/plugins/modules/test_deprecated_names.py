"""Old names of options, choices and results still work, with a deprecation note."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.todo.cloud.plugins.module_utils.availability import Availability


def module(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.todo.cloud.plugins.modules.{name}")


@pytest.mark.parametrize("name", ["release_apply", "release_adopt"])
def test_known_is_all_releases(name: str) -> None:
    spec = {"all_releases": module(name).SPEC["all_releases"]}
    result = ArgumentSpecValidator(spec).validate({"known": ["a", "b"]})
    assert result.validated_parameters["all_releases"] == ["a", "b"]
    assert ["'known'" in each["msg"] for each in result._deprecations] == [True]


class Fake:
    """Stands for AnsibleModule."""

    check_mode = False

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)
        self.deprecated: list[str] = []

    def deprecate(self, text: str, **_version: str) -> None:
        self.deprecated.append(text)

    def exit_json(self, **_result: Any) -> None:
        """Returns, as AnsibleModule does not."""


@pytest.mark.parametrize(
    ("name", "work", "old", "new"),
    [
        ("deploy_lock", "manual_lock", "held_info", "queried"),
        ("release_promotion", "verify_promotion", "proved", "verified"),
    ],
)
def test_old_states(monkeypatch: pytest.MonkeyPatch, name: str, work: str, old: str, new: str) -> None:
    tested = module(name)
    done: list[str] = []

    def worked(_kube: Any, params: Mapping[str, Any], **_check: bool) -> dict[str, Any]:
        done.append(params["state"])
        return {"warnings": []}

    monkeypatch.setattr(tested, work, worked)
    monkeypatch.setattr(tested.KubeSession, "from_params", lambda _params: nullcontext())
    for state, deprecated in ((new, []), (old, [f"state={old} is now called state={new}."])):
        fake = Fake({"state": state})
        maker = "module_of" if hasattr(tested, "module_of") else "AnsibleModule"
        monkeypatch.setattr(tested, maker, lambda *_spec, fake=fake, **_more: fake)
        tested.main()
        assert fake.deprecated == deprecated
    assert done in ([new, new], [new, old])
    choices = tested.SPEC["state"]["choices"]
    assert old in choices
    assert choices.index(new) < choices.index(old)


def test_the_probes_old_result() -> None:
    result = Availability().as_result()
    assert result["told"] == result["summary"]
