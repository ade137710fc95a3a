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


@pytest.mark.parametrize(("asleep", "words"), [
    (["api"], "api sleeps (playbooks/wake.yml wakes), so the public endpoint was not asked."),
    (["api", "web"], "api, web sleep (playbooks/wake.yml wakes)"),
    ([], "are current, all sidecars are ready, and https://todo.example.com answers."),
])  # fmt: skip
def test_a_scheduled_verification_says_who_sleeps(stubbed: Stubbed, asleep: list[str], words: str) -> None:
    answers: dict[str, Any] = {
        "todo.cloud.release_verify": {"asleep": asleep, "sidecars": "all sidecars are ready"},
        "todo.cloud.environment_info": {},
    }
    hosts = inventory(
        {"components": {"dapr_components": {}}, "core_services": {"api": {"service_role": "backend_api"}}},
        environment_url="https://todo.example.com",
    )
    found = stubbed.run("verify", hosts, answers=answers)
    assert found.code == 0, found.output
    assert words in found.text
    assert ("answers." in found.text) is not bool(asleep)


POOL = {"size": "s-2vcpu-4gb", "auto_scale": False}
POOLS = [{"name": "app", "count": 3, **POOL}, {"name": "db", "count": 1, **POOL}, {"name": "burst", "auto_scale": True}]
DOKS: dict[str, Any] = {"cluster_provider": "doks", "cluster_name": "todo"}


@pytest.mark.parametrize(
    ("playbook", "nodes", "order"), [("sleep", 1, ["slept", "pools"]), ("wake", 3, ["pools", "slept"])]
)
def test_node_pools_follow(stubbed: Stubbed, playbook: str, nodes: int, order: list[str]) -> None:
    answers: dict[str, Any] = {
        MODULE: {"services": [], "left": [], "set": 5},
        "todo.cloud.doks_cluster_info": {"clusters": [{"ha": True, "node_pools": POOLS}]},
    }
    pools = {"app": {"asleep": 1, "awake": 3}}
    found = stubbed.run(playbook, inventory({"environment": {"test": {}}}, sleep_pools=pools, **DOKS), answers=answers)
    assert found.code == 0, found.output
    (asked,) = found.arguments("doks_cluster")
    counts = [(each["name"], each["size"], each["count"]) for each in asked["node_pools"]]
    assert (asked["name"], asked["ha"]) == ("todo", True)
    assert counts == [("app", "s-2vcpu-4gb", nodes), ("db", "s-2vcpu-4gb", 1)]
    named = {"environment_sleep": "slept", "doks_cluster": "pools"}
    assert [named[each] for each in found.modules() if each in named] == order


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**DOKS, "sleep_pools": {"burst": {"asleep": 1, "awake": 3}}}, "no pool burst with a fixed number of nodes"),
        ({**DOKS, "sleep_pools": {"app": {"asleep": 1}}}, "names for each pool how many nodes it has"),
        ({"sleep_pools": {"app": {"asleep": 1, "awake": 3}}}, "sleep_pools is for cluster_provider: doks"),
    ],
)
def test_pools_that_cannot_follow(stubbed: Stubbed, given: dict[str, Any], words: str) -> None:
    answers: dict[str, Any] = {"todo.cloud.doks_cluster_info": {"clusters": [{"ha": True, "node_pools": POOLS}]}}
    found = stubbed.run("wake", inventory({"environment": {"test": {}}}, **given), answers=answers)
    assert found.code == 2
    assert words in found.text
    assert found.arguments("doks_cluster") == found.arguments("environment_sleep") == []
