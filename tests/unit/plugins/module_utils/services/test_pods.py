"""Connections of pods that a team's own charts make: both ends follow from the entries."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.pods import policies

WEB, SEARCH = {"app.kubernetes.io/instance": "web"}, {"app": "search"}


def test_nothing_follows_where_charts_say_it_all() -> None:
    entries: dict[str, Any] = {"web": {"calls": ["api"]}, "api": {"needs": ["database"]}, "own": {"chart": "x"}}
    assert policies(entries) == {}


def test_a_chart_is_called_by_the_usual_label() -> None:
    entries: dict[str, Any] = {"web": {"calls": ["search"]}, "search": {"chart": "x", "pods": {"ports": [7700]}}}
    assert policies(entries) == {
        "search": {"pods": {"app.kubernetes.io/instance": "search"}, "ports": [7700], "from": [WEB]}
    }


def test_other_labels_need_both_ends() -> None:
    """The policy of charts/service knows its peers by the usual label only."""
    entries: dict[str, Any] = {
        "web": {"needs": ["search", "database"], "internet": True},
        "search": {"manifests": ["x"], "pods": {"labels": SEARCH, "ports": [7700]}},
    }
    assert policies(entries) == {
        "web": {"pods": WEB, "to": [SEARCH]},
        "search": {"pods": SEARCH, "ports": [7700], "from": [WEB]},
    }


def test_a_chart_calls_needs_and_is_public() -> None:
    entries: dict[str, Any] = {
        "web": {"port": 3000},
        "api": {},
        "search": {
            "chart": "x",
            "pods": {"labels": SEARCH, "ports": [7700], "public": True},
            "calls": ["web"],
            "needs": ["api", "broker"],
            "internet": ["a.example.com"],
        },
    }
    made = policies(entries)
    assert made["search"] == {
        "pods": SEARCH,
        "ports": [7700],
        "to": [WEB, {"app.kubernetes.io/instance": "api"}],
        "access": ["broker", "public"],
        "internet": [443],
    }
    assert made["web"] == {"pods": WEB, "ports": [3000], "from": [SEARCH]}
    assert made["api"]["ports"] == [8080]


def test_who_tells_metrics_is_the_environments() -> None:
    entries: dict[str, Any] = {
        "web": {"metrics": "/metrics", "port": 3000},
        "api": {"metrics": {"port": 9100}},
        "worker": {"port": "none"},
        "search": {"chart": "x", "pods": {"labels": SEARCH}, "metrics": 7701},
    }
    assert policies(entries) == {
        "web": {"pods": WEB, "metrics": 3000},
        "api": {"pods": {"app.kubernetes.io/instance": "api"}, "metrics": 9100},
        "search": {"pods": SEARCH, "metrics": 7701},
    }


def test_two_charts_call_each_other() -> None:
    entries: dict[str, Any] = {
        "a": {"chart": "x", "pods": {"labels": SEARCH}, "calls": ["b"]},
        "b": {"chart": "x", "pods": {"ports": [1]}},
    }
    assert policies(entries) == {
        "a": {"pods": SEARCH, "to": [{"app.kubernetes.io/instance": "b"}]},
        "b": {"pods": {"app.kubernetes.io/instance": "b"}, "ports": [1], "from": [SEARCH]},
    }
