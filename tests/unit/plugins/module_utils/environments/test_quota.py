"""What runs, against a quota and a LimitRange."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.quota import (
    amounts,
    demand,
    limit_findings,
    plain,
    quota_findings,
)

LIMITS = {
    "limits": [
        {
            "type": "Container",
            "default": {"cpu": "500m", "memory": "256Mi"},
            "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
            "max": {"cpu": "2", "memory": "2Gi"},
        }
    ]
}


def container(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **more: Any) -> Any:
    return {"name": "app", "resources": {"requests": requests or {}, "limits": limits or {}}, **more}


def pod(*containers: Any, init: list[Any] | None = None, name: str = "api-1") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": list(containers), "initContainers": init or []}}


def found(hard: dict[str, str], *pods: Any, live: dict[str, str] | None = None, limits: Any = None) -> list[str]:
    counts = {"services.loadbalancers": 1}
    return [str(each) for each in quota_findings(hard, live or {}, limits or {}, pods, counts)]


def test_what_runs_fits() -> None:
    assert found({"pods": "1", "requests.cpu": "1"}, pod(container({"cpu": "1"}))) == []


def test_more_than_the_quota_allows() -> None:
    pods = [pod(container({"cpu": "600m"}), name=f"api-{n}") for n in (1, 2)]
    assert found({"pods": "1", "requests.cpu": "1"}, *pods) == [
        "api-1, api-2: use 2 of pods, the quota allows 1 (environment_quota)",
        "api-1, api-2: use 1.2 of requests.cpu, the quota allows 1 (environment_quota)",
    ]


def test_other_objects_count() -> None:
    assert "use 1 of services.loadbalancers, the quota allows 0" in found({"services.loadbalancers": "0"}, pod())[0]


@pytest.mark.parametrize(("live", "hit"), [({"pods": "1"}, False), ({"pods": "0"}, False), ({"pods": "5"}, True)])
def test_only_what_becomes_tighter_counts(live: dict[str, str], hit: bool) -> None:
    """A quota that is exceeded already is not made worse."""
    assert bool(found({"pods": "1"}, pod(name="a"), pod(name="b"), live=live)) is hit


def test_a_container_without_what_the_quota_counts_could_not_come_back() -> None:
    assert found({"limits.memory": "1Gi"}, pod(container())) == [
        "api-1: the quota on limits.memory asks for it of each container; without: app (environment_quota)"
    ]
    assert found({"limits.memory": "1Gi"}, pod(container()), limits=LIMITS) == []
    assert "without: app" in found({"cpu": "1"}, pod(container()))[0]
    assert found({"pods": "1"}, pod(container())) == []


def test_the_defaults_of_the_limit_range_count() -> None:
    assert amounts(container(), LIMITS)["requests.cpu"] == Decimal("0.05")
    assert amounts(container(limits={"cpu": "200m"}), LIMITS)["requests.cpu"] == Decimal("0.2")
    assert amounts(container({"cpu": "100m"}), LIMITS)["limits.cpu"] == Decimal("0.5")


def test_init_containers_count_by_their_maximum_and_native_sidecars_by_their_sum() -> None:
    first = [container({"cpu": "3"}), container({"cpu": "1"}), container({"cpu": "1"}, restartPolicy="Always")]
    assert demand(pod(container({"cpu": "1"}), init=first), {})["requests.cpu"] == 3
    assert demand(pod(container({"cpu": "2500m"}), init=first), {})["cpu"] == Decimal("3.5")


def test_a_container_beyond_the_limit_range() -> None:
    big = pod(container({"cpu": "1"}, {"memory": "4Gi"}))
    assert [str(each) for each in limit_findings(LIMITS, {}, [big])] == [
        "api-1: container app: its limits of memory (4294967296) exceed the maximum 2Gi of the LimitRange "
        "(environment_quota)",
        "api-1: container app: its requests of memory (4294967296) exceed the maximum 2Gi of the LimitRange "
        "(environment_quota)",
        "api-1: container app: it requests more cpu (1) than the LimitRange's default limit 0.5 (environment_quota)",
    ]
    assert list(limit_findings(LIMITS, LIMITS, [big])) == []
    assert list(limit_findings({}, {}, [big])) == []
    least = {"limits": [{"type": "Container", "min": {"cpu": "2"}}]}
    assert "below the minimum 2" in str(next(iter(limit_findings(least, {}, [big]))))


def test_numbers_are_plain() -> None:
    assert (plain(Decimal(1000)), plain(Decimal("0.050"))) == ("1000", "0.05")
