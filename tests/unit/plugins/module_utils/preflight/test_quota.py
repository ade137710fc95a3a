"""Whether what is deployed fits the quota, all together."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.capacity import Wanted
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.preflight.quota import quota_shortages


def wanted(owner: str = "api", count: int = 1, most: int = 0, *, fresh: bool = True, cpu: str = "100m") -> Wanted:
    """Its pods ask for ``cpu`` and 64Mi, their sidecars for 20m and 36Mi."""
    app = {"requests": {"cpu": cpu, "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}
    daprd = {"requests": {"cpu": "20m", "memory": "36Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    containers = [{"name": "app", "resources": app}, {"name": "daprd", "resources": daprd}]
    return Wanted(owner, f"Deployment {owner}", {"spec": {"containers": containers}}, count, most, fresh)


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "environment"}, "spec": {"hard": hard, **spec}, "status": {"used": used or {}}}


def found(*what: Wanted, hard: dict[str, str], settled: bool = True, **more: Any) -> list[Problem]:
    return list(quota_shortages(what, [quota(hard, **more)], settled=settled))


def test_replicas_and_sidecars_of_new_services_are_added_up() -> None:
    [problem] = found(wanted("api", 3), wanted("web", 2), hard={"requests.cpu": "500m", "requests.memory": "1Gi"})
    assert problem == Problem(
        "api",
        Code.QUOTA_EXCEEDED,
        "quota environment allows 500m of requests.cpu, 0m is used, and this deployment needs 600m more "
        "(Deployment api 3 x 120m, Deployment web 2 x 120m)",
        "raise it to 600m (environment_quota), or ask for less",
        certain=True,
    )


def test_what_is_used_counts() -> None:
    hard = {"pods": "10", "limits.memory": "1Gi"}
    assert found(wanted(count=2), hard=hard, used={"pods": "8", "limits.memory": "640Mi"}) == []
    problems = found(wanted(count=2), hard=hard, used={"pods": "9", "limits.memory": "900Mi"})
    assert [each.message.split(", and")[0] for each in problems] == [
        "quota environment allows 1Gi of limits.memory, 900Mi is used",
        "quota environment allows 10 of pods, 9 is used",
    ]
    assert problems[0].remedy == "raise it to 1284Mi (environment_quota), or ask for less"


def test_rollouts_need_room_for_one_surplus_pod_at_a_time() -> None:
    both = (wanted("api", fresh=False), wanted("web", fresh=False))
    [told] = found(*both, hard={"pods": "5"}, used={"pods": "4"})
    assert not told.certain
    assert "with all that rollouts and autoscalers may add at once it needs 2 more" in told.message
    [refused] = found(*both, hard={"pods": "4"}, used={"pods": "4"})
    assert refused.certain


def test_what_an_autoscaler_may_ask_for_is_told() -> None:
    [told] = found(wanted(count=1, most=4), hard={"requests.cpu": "400m"})
    assert not told.certain
    assert "needs 480m more (Deployment api 4 x 120m)" in told.message
    assert found(wanted(count=1, most=4), hard={"requests.cpu": "480m"}) == []


def test_while_pods_go_it_is_told_only() -> None:
    [told] = found(wanted(count=2), hard={"pods": "1"}, settled=False)
    assert not told.certain


@pytest.mark.parametrize("more", [{"scopes": ["BestEffort"]}, {"scopeSelector": {"matchExpressions": []}}])
def test_quotas_of_some_pods_alone_are_not_compared(more: dict[str, Any]) -> None:
    assert list(quota_shortages([wanted(count=9)], [quota({"pods": "1"}, **more)], settled=True)) == []


def test_other_things_that_a_quota_counts_are_none_of_the_pods() -> None:
    assert found(wanted(), hard={"services.loadbalancers": "0", "requests.storage": "1Gi"}) == []


def test_a_long_list_is_cut() -> None:
    [problem] = found(*(wanted(f"s{number}") for number in range(7)), hard={"pods": "6"})
    assert problem.message.endswith("Deployment s4 1 x 1 and 2 more)")
