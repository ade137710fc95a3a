"""The order of services follows from after, calls and needs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.graph import Cycle, called, callers, earlier, waves
from ansible_collections.todo.cloud.plugins.module_utils.services.layers import based

ENTRIES: dict[str, dict[str, Any]] = {
    "web": {"calls": ["api"]},
    "api": {"needs": ["database", "search"]},
    "search": {},
    "worker": {"after": ["api"]},
    "metrics": {"calls": ["web"], "after": []},
}


def test_a_service_comes_after_those_that_it_calls_and_needs() -> None:
    assert waves(ENTRIES) == {"web": 3, "api": 2, "search": 1, "worker": 3, "metrics": 1}


def test_after_alone_decides_where_it_is_said() -> None:
    assert earlier(ENTRIES["metrics"]) == []
    assert called(ENTRIES["metrics"]) == ["web"]


def test_callers_are_those_of_calls_and_needs() -> None:
    assert callers(ENTRIES) == {"api": ["web"], "search": ["api"], "web": ["metrics"]}


def test_hosts_that_are_no_entries_are_there_already() -> None:
    assert waves({"search": {"calls": ["backend-api"]}}) == {"search": 1}


def test_a_cycle_is_refused_by_name_with_the_way_out() -> None:
    with pytest.raises(Cycle) as refused:
        waves({"a": {}, "b": {"calls": ["c"]}, "c": {"after": ["d"]}, "d": {"needs": ["b"]}})
    assert str(refused.value) == (
        "services: b waits for c waits for d waits for b. "
        "Say in one of them what it really has to come after, for example services.b.after: []."
    )


def test_services_that_call_each_other_start_as_one_of_them_says() -> None:
    assert waves({"a": {"calls": ["b"], "after": []}, "b": {"calls": ["a"]}}) == {"a": 1, "b": 2}


def test_a_service_of_a_role_comes_after_those_that_the_role_calls() -> None:
    entries: dict[str, dict[str, Any]] = {
        "frontend": {"role": "frontend", "calls": ["api"]},
        "backend-api": {"after": ["api"]},
        "api": {},
    }
    full = based(entries, {"frontend": {"calls": ["backend-api"]}, "other": {}})
    assert waves(full) == {"frontend": 2, "backend-api": 2, "api": 1}
    entries["frontend"] = {"role": "frontend", "env": {"A": "1"}}
    full = based(entries, {"frontend": {"calls": ["backend-api"]}})
    assert waves(full) == {"frontend": 3, "backend-api": 2, "api": 1}
