"""Quota and limits follow from what the entries ask for at most."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.limits import limits

from tests.unit.ansible_runs import TOP

DEFAULTS = yaml.safe_load((TOP / "charts/environment/values.yaml").read_text())
FREE: dict[str, Any] = {
    "quota": dict.fromkeys(DEFAULTS["quota"], "0"), "limitRange": {"max": {"cpu": "100", "memory": "100Gi"}},
}  # fmt: skip


def test_what_is_within_the_charts_quota_changes_nothing() -> None:
    assert limits({}, DEFAULTS) == {}
    assert limits({"web": {}, "api": {"scale": {"min": 2, "max": 6}, "dapr": True}}, DEFAULTS) == {}


def test_the_most_pods_the_surge_and_the_sidecars_count() -> None:
    entry = {"scale": {"min": 2, "max": 20}, "resources": {"cpu": "250m-1", "memory": "256Mi-512Mi"}, "dapr": True}
    assert limits({"api": entry}, DEFAULTS) == {
        "quota": {
            "requests.cpu": "6",  # 21 x (250m + 20m)
            "requests.memory": "7Gi",  # 21 x (256Mi + 64Mi)
            "limits.cpu": "32",  # 21 x (1 + 500m)
            "limits.memory": "15Gi",  # 21 x (512Mi + 192Mi)
        }
    }


@pytest.mark.parametrize(
    ("entry", "pods", "claims"),
    [
        ({}, "2", None),
        ({"scale": 3}, "4", None),
        ({"scale": 0}, None, None),
        ({"scale": {"min": 2}}, "3", None),
        ({"scale": "{{ replicas }}"}, "2", None),
        ({"kind": "cronjob"}, "2", None),
        ({"scale": 0, "migrations": ["up"]}, "1", None),
        ({"kind": "statefulset", "scale": 3, "volumes": {"data": {"size": "1Gi"}, "x": {"config": "c"}}}, "3", "3"),
        ({"chart": "oci://x/y"}, None, None),
        ({"role": "backend_api"}, "2", None),
    ],
)
def test_pods_and_claims(entry: dict[str, Any], pods: str | None, claims: str | None) -> None:
    quota = limits({"api": entry}, FREE).get("quota", {})
    assert (quota.get("pods"), quota.get("persistentvolumeclaims")) == (pods, claims)


def test_a_sidecars_own_settings_count() -> None:
    sidecar = {"sidecar_cpu_request": "1", "sidecar_memory_limit": "{{ more }}"}
    quota = limits({"api": {"scale": 9, "dapr": {"sidecar": sidecar}}}, DEFAULTS)["quota"]
    assert quota == {"requests.cpu": "11"}


def test_a_container_may_be_larger_than_the_limit_of_one() -> None:
    entries = {"api": {"resources": {"cpu": "1-2500m", "memory": "4Gi"}}, "web": {"resources": {"cpu": "{{ x }}"}}}
    assert limits(entries, DEFAULTS) == {
        "quota": {"requests.memory": "9Gi"},
        "limitRange": {"max": {"cpu": "3", "memory": "4Gi"}},
    }
