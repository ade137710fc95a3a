from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.services.observed import observed

INSTANCE = "app.kubernetes.io/instance"


def test_services_are_read_where_they_say_else_at_their_port() -> None:
    assert observed({
        "web": {"port": 3000, "dapr": True},
        "api": {"metrics": {"port": 9100, "path": "/prom"}, "dapr": {"publishes": ["x"]}},
        "quiet": {"port": "none", "dapr": False},
        "loud": {"port": "none", "metrics": 9100},
    }) == {
        "web": {"pods": {INSTANCE: "web"}, "metrics": {"port": 3000, "path": "/metrics"}, "dapr": True},
        "api": {"pods": {INSTANCE: "api"}, "metrics": {"port": 9100, "path": "/prom"}, "dapr": True},
        "quiet": {"pods": {INSTANCE: "quiet"}},
        "loud": {"pods": {INSTANCE: "loud"}, "metrics": {"port": 9100, "path": "/metrics"}},
    }  # fmt: skip


def test_of_others_charts_only_what_is_said() -> None:
    pods = {"labels": {"app": "search"}}
    found = observed({"a": {"chart": "x"}, "b": {"chart": "x", "pods": pods}, "c": {"manifests": ["k"], "pods": pods,
                      "metrics": 9200}, "d": {"kind": "cronjob"}})  # fmt: skip
    assert found == {
        "b": {"pods": {"app": "search"}},
        "c": {"pods": {"app": "search"}, "metrics": {"port": 9200, "path": "/metrics"}},
    }
