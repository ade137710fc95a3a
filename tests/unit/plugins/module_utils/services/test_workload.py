"""What an entry says of its container, probes, volumes and scale."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.workload import workload_values

RESOURCES = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}
FOLLOWS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"port": 3000}, {"port": 3000}),
    ({"env": {"A": 1, "B": True, "C": "x"}}, {"env": {"A": "1", "B": "true", "C": "x"}}),
    ({"secrets": {"KEY": "app/key"}}, {"secretEnv": {"KEY": {"secret": "app", "key": "key"}}}),
    ({"resources": {"cpu": "100m-1"}},
     {"resources": {"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "192Mi"}}}),
    ({"resources": {"memory": "1Gi"}},
     {"resources": {"requests": {"cpu": "50m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "1Gi"}}}),
    ({"stop_seconds": 45}, {"terminationGracePeriodSeconds": 45}),
    ({"health": "/up"}, {"probes": {kind: {"path": "/up"} for kind in ("startup", "liveness", "readiness")}}),
    ({"health": {"ready": "/ready"}},
     {"probes": {kind: {"path": "/ready"} for kind in ("startup", "liveness", "readiness")}}),
    ({"health": {"live": "/", "ready": "/ready"}},
     {"probes": {"startup": {"path": "/"}, "liveness": {"path": "/"}, "readiness": {"path": "/ready"}}}),
    ({"health": "none"}, {"probes": {kind: {"type": "none"} for kind in ("startup", "liveness", "readiness")}}),
    ({"health": {"live": "/", "port": 9001}},
     {"probes": {kind: {"path": "/", "port": 9001} for kind in ("startup", "liveness", "readiness")}}),
    ({"health": {"tcp": 3000}},
     {"probes": {kind: {"type": "tcp", "port": 3000} for kind in ("startup", "liveness", "readiness")}}),
    ({"health": {"command": ["check"]}},
     {"probes": {kind: {"type": "exec", "command": ["check"]} for kind in ("startup", "liveness", "readiness")}}),
    ({"port": "none"}, {"port": 0}),
    ({"command": ["run", 1, True], "args": ["-v"]}, {"command": ["run", "1", "true"], "args": ["-v"]}),
    ({"user": "image"}, {"security": {"user": "image"}}),
    ({"user": 1001}, {"security": {"user": 1001}}),
    ({"writable": ["/app/cache"]}, {"writable": {"/app/cache": ""}}),
    ({"env_from": [{"secret": "a"}, {"config": "b", "prefix": "B_", "optional": True}]},
     {"envFrom": [{"secret": "a"}, {"configMap": "b", "prefix": "B_", "optional": True}]}),
    ({"kind": "cronjob", "schedule": "@daily"}, {"kind": "CronJob", "cronJob": {"schedule": "@daily"}}),
    ({"kind": "job"}, {"kind": "Job"}),
    ({"kind": "statefulset", "volumes": {"data": {"path": "/data", "size": "1Gi"}}},
     {"kind": "StatefulSet", "statefulSet": {"claims": {"data": {"path": "/data", "size": "1Gi"}}}}),
    ({"volumes": {"a": {"path": "/a", "config": "x"}, "b": {"path": "/b", "claim": "y", "read_only": True}}},
     {"volumes": {"a": {"path": "/a", "configMap": "x"}, "b": {"path": "/b", "claim": "y", "readOnly": True}}}),
    ({"scale": {"max": 3, "memory": 80}}, {"autoscaling": {
        "enabled": True, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80,
        "targetMemoryUtilizationPercentage": 80}}),
    ({"scale": {"max": 2, "up": {"after": 30}, "down": {"after": 600, "pods": 1, "every": 60}}}, {"autoscaling": {
        "enabled": True, "minReplicas": 1, "maxReplicas": 2, "targetCPUUtilizationPercentage": 80,
        "scaleUpStabilizationSeconds": 30, "scaleDownStabilizationSeconds": 600,
        "scaleDownPolicies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }}),
    ({"scale": {"max": 2, "up": {"pods": 2, "percent": 50}, "down": {"every": 30}}}, {"autoscaling": {
        "enabled": True, "minReplicas": 1, "maxReplicas": 2, "targetCPUUtilizationPercentage": 80,
        "scaleUpPolicies": [
            {"type": "Pods", "value": 2, "periodSeconds": 15}, {"type": "Percent", "value": 50, "periodSeconds": 15},
        ],
        "scaleDownPolicies": [{"type": "Percent", "value": 100, "periodSeconds": 30}],
    }}),
    ({"scale": 3}, {"replicas": 3, "autoscaling": {"enabled": False}}),
    ({"scale": {"min": 2}}, {"replicas": 2, "autoscaling": {"enabled": False}}),
    ({"scale": {"min": 2, "max": 6, "cpu": 70}}, {"autoscaling": {
        "enabled": True, "minReplicas": 2, "maxReplicas": 6, "targetCPUUtilizationPercentage": 70}}),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "values"), FOLLOWS, ids=[str(entry) for entry, _ in FOLLOWS])
def test_an_entry_becomes_values(entry: dict[str, Any], values: dict[str, Any]) -> None:
    assert workload_values(entry) == {"resources": RESOURCES} | values


def test_what_a_role_says_stays_where_the_entry_says_nothing() -> None:
    assert workload_values({"role": "frontend"}) == {}
