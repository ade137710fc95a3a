"""What a module's options become."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift, OnFailure, Settings, settings_from


def settings(check: bool = False, **params: Any) -> Settings:
    return settings_from(SimpleNamespace(params=params, check_mode=check, _diff=False, ansible_version="2.19.14"))


def test_options_that_a_module_does_not_have_keep_their_defaults() -> None:
    found = settings(environment="staging", namespace="ns", check=True)
    assert found == Settings("staging", "ns", check=True, tools={"ansible": "2.19.14"})
    assert found.on_failure is OnFailure.SET


def test_options_are_taken_over() -> None:
    found = settings(
        on_failure="hold", on_first_failure="remove", lock="platform", drift="report", prune=True, timeout=5
    )
    assert (found.on_failure, found.remove_failed_installs, found.platform) == (OnFailure.HOLD, True, True)
    assert (found.drift, found.prune, found.timeout) == (OnDrift.REPORT, True, 5)


@pytest.mark.parametrize("params", [{"lock_ttl": 2}, {"environment": "staging", "history_max": 39}])
def test_what_would_not_be_safe_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError) as caught:
        settings(**params)
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize("params", [{"environment": "staging", "history_max": 0}, {"history_max": 1}])
def test_histories_that_are_kept_whole_or_are_no_environments(params: dict[str, Any]) -> None:
    assert settings(**params).history_max == params["history_max"]


def test_passwords_of_registries_are_not_shown() -> None:
    assert "hunter2" not in repr(settings(registries=[{"host": "ghcr.io", "password": "hunter2"}]))
