"""State stores on PostgreSQL: another version's data, and connections through a pooler."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET, WELL_KNOWN, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.preflight.state_stores import state_stores

from tests.support.fake_kube import FakeKube

COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
DIRECT = "postgresql://todo:hunter2hunter2@ep-todo.eu-central-1.aws.neon.tech/todo?sslmode=require"
POOLED = DIRECT.replace("ep-todo.", "ep-todo-pooler.")


def store(version: str = "v2", kind: str = "state.postgresql", **metadata: str) -> dict[str, Any]:
    reference = {"name": "connectionString", "secretKeyRef": {"name": "database", "key": "url"}}
    listed = [reference, *({"name": name, "value": value} for name, value in metadata.items())]
    return {
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "statestore"},
        "spec": {"type": kind, "version": version, "metadata": listed}, "auth": {"secretStore": "kubernetes"},
    }  # fmt: skip


def kube(url: str = DIRECT, there: dict[str, Any] | None = None) -> FakeKube:
    found = FakeKube()
    found.put(
        SECRET, "ns", {"metadata": {"name": "database"}, "data": {"url": base64.b64encode(url.encode()).decode()}}
    )
    if there:
        found.put(COMPONENT, "ns", there)
    return found


def found_in(there: FakeKube, item: dict[str, Any]) -> list[Problem]:
    return list(state_stores(there, "ns", {"dapr-components": [item]}))


def test_nothing_is_asked_where_there_is_none() -> None:
    class Mute(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise AssertionError(verb)

    assert found_in(Mute(), store(kind="state.redis")) == []


def test_a_store_that_is_new_or_stays_is_fine() -> None:
    assert found_in(kube(), store()) == []
    assert found_in(kube(there=store()), store()) == []
    assert found_in(kube(there=store("v1", "state.redis")), store()) == []


@pytest.mark.parametrize(("was", "now"), [("v1", "v2"), ("v2", "v1")])
def test_data_of_another_version_are_not_left_behind_unnoticed(was: str, now: str) -> None:
    (problem,) = found_in(kube(there=store(was, "state.postgres")), store(now))
    assert problem.certain
    assert f"Component statestore goes from version {was} of state.postgresql to {now}" in str(problem)
    assert f"keep version {was}" in problem.remedy


@pytest.mark.parametrize(
    "url",
    [POOLED, "postgresql://u:p@db.example.supabase.com:6543/postgres", "host=ep-todo-pooler.neon.tech user=u",
     "host=10.0.0.1 port=6543 user=u"],
)  # fmt: skip
def test_a_pooler_without_exec_is_told(url: str) -> None:
    (problem,) = found_in(kube(url), store())
    assert not problem.certain
    assert "connects through a pooler (key url of Secret database)" in problem.message
    assert "queryExecMode: exec" in problem.remedy
    assert "hunter2" not in str(problem)
    assert found_in(kube(url), store(queryExecMode="exec")) == []
    assert found_in(kube(url), store(queryExecMode="cache_statement"))


def test_a_pooler_that_is_told_of_in_the_connection_string_is_fine() -> None:
    assert found_in(kube(POOLED + "&default_query_exec_mode=simple_protocol"), store()) == []
    assert found_in(kube(DIRECT.replace("hunter2hunter2", "a-pooler.b")), store()) == []


def test_what_may_not_be_read_is_no_problem() -> None:
    class Closed(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise Forbidden(f"{verb} {name}")

    assert found_in(Closed(), store()) == []
