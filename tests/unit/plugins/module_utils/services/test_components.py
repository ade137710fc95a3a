"""Scopes, topics, subscriptions and bindings follow from the entries."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.components import (
    components,
    same_bindings,
    uses_broker,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.layers import merged
from jsonschema import Draft7Validator

from tests.unit.ansible_runs import TOP

DEFAULTS = yaml.safe_load((TOP / "charts/dapr-components/values.yaml").read_text())
TODO = ["backend-api", "recurring-task-service", "notification-service", "sse-gateway", "frontend"]


def test_scopes_follow_from_the_entries() -> None:
    entries: dict[str, Any] = {
        "api": {"dapr": {"app_id": "shop-api", "publishes": ["orders"], "state": "statestore", "secrets": ["app"]}},
        "screen": {"dapr": {"broadcasts": ["orders"]}},
        "web": {},
    }
    made = components(entries, DEFAULTS, [])
    assert {name: app for name, app in made["pubsub"]["apps"].items() if app} == {
        "shop-api": {"publishes": ["orders"], "subscribes": []}
    }
    assert {name: app for name, app in made["broadcast"]["apps"].items() if app} == {
        "screen": {"publishes": [], "subscribes": ["orders"]}
    }
    assert {name: app for name, app in made["secretStore"]["apps"].items() if app} == {"shop-api": ["app"]}
    assert made["statestore"] == {"apps": ["shop-api"]}


def test_what_an_app_refuses_goes_to_topics_of_its_own() -> None:
    entries: dict[str, Any] = {
        "a": {"dapr": {"subscribes": ["orders"], "dead_letters": True}},
        "b": {"dapr": {"subscribes": {"orders": "/orders"}, "publishes": ["orders-dead"], "dead_letters": True}},
        "c": {"dapr": {"subscribes": {"orders": "/orders"}, "broadcasts": ["news"], "dead_letters": False}},
    }
    made = components(entries, DEFAULTS, [])
    apps = made["pubsub"]["apps"]
    assert [apps[name]["publishes"] for name in "abc"] == [["orders-dead"], ["orders-dead"], []]
    assert made["subscriptions"]["b-orders"]["deadLetterTopic"] == "orders-dead"
    assert "deadLetterTopic" not in made["subscriptions"]["c-orders"]


def test_who_may_call_through_dapr_is_said_by_the_callers() -> None:
    entries: dict[str, Any] = {
        "api": {"dapr": True}, "web": {"dapr": {"app_id": "shop-web", "invokes": ["api"]}},
        "jobs": {"dapr": {"invokes": ["api"]}}, "other": {"dapr": {"state": True}},
    }  # fmt: skip
    allowed = {"defaultAction": "allow"}
    assert components(entries, DEFAULTS, [])["configurations"] == {
        "api-callers": {"callers": {"shop-web": allowed, "jobs": allowed}}
    }


def test_apps_of_the_chart_that_are_not_there_lose_their_scopes() -> None:
    made = components({"api": {"dapr": {"publishes": ["orders"]}}}, DEFAULTS, [])
    assert made["pubsub"]["apps"]["backend-api"] is None
    assert made["statestore"] == {"apps": []}
    assert made["secretStore"] == {"apps": {"backend-api": None}}
    assert made["broadcast"] == {"enabled": False}


def test_a_sixth_service_changes_nothing_for_the_five() -> None:
    made = components({"audit": {"dapr": {"subscribes": ["task-events"], "state": True}}}, DEFAULTS, TODO)
    assert made == {
        "pubsub": {"apps": {"audit": {"publishes": [], "subscribes": ["task-events"]}}},
        "statestore": {"apps": [*DEFAULTS["statestore"]["apps"], "audit"]},
    }
    assert components({}, DEFAULTS, TODO) == {}


def test_an_entry_adds_topics_to_those_of_its_role() -> None:
    entry = {"role": "backend_api", "dapr": {"publishes": ["audit"]}}
    made = components({"backend-api": entry}, DEFAULTS, TODO)
    assert made["pubsub"]["apps"]["backend-api"]["publishes"] == ["task-events", "reminders", "audit"]


def test_a_path_is_a_subscription() -> None:
    made = components({"api": {"dapr": {"subscribes": {"Task_Events": "/events"}}}}, DEFAULTS, [])
    assert made["subscriptions"] == {
        "api-task-events": {"pubsub": "pubsub", "topic": "Task_Events", "path": "/events", "apps": ["api"]}
    }
    assert made["pubsub"]["apps"]["api"] == {"publishes": [], "subscribes": ["Task_Events"]}


def test_calls_at_times_are_bindings() -> None:
    tick = {"dapr": {"cron": {"tick": "@every 1m"}}}
    made = components({"a": tick, "b": tick}, DEFAULTS, [])
    assert made["components"] == {
        "tick": {
            "type": "bindings.cron",
            "apps": ["a", "b"],
            "metadata": {"schedule": "@every 1m", "direction": "input"},
        }
    }
    assert list(same_bindings({"a": tick, "b": tick})) == []
    assert list(same_bindings({"a": tick, "b": {"dapr": {"cron": {"tick": "@daily"}}}})) == [
        "services.b.dapr.cron.tick: services.a has another schedule for that name."
    ]


def test_components_of_the_environment_are_seen_by_those_that_name_them() -> None:
    uses = {"dapr": {"components": ["cache"]}}
    made = components({"a": uses, "b": uses}, DEFAULTS, [])["components"]
    assert made == {"cache": {"apps": ["a", "b"]}}
    said = {"cache": {"type": "state.redis", "metadata": {"redisHost": "redis:6379"}}}
    values = merged(DEFAULTS, {"environment": "test", "components": merged(made, said)})
    schema = yaml.safe_load((TOP / "charts/dapr-components/values.schema.json").read_text())
    assert list(Draft7Validator(schema).iter_errors(values)) == []
    ticks = {"dapr": {"cron": {"cache": "@daily"}}}
    (wrong,) = same_bindings({"a": uses, "c": ticks})
    assert wrong == "services.a.dapr.components: cache is a cron of services.c."


def test_a_broker_is_there_for_those_that_send_or_receive() -> None:
    assert not uses_broker({"a": {"dapr": True}, "b": {"dapr": {"state": True, "cron": {"x": "@daily"}}}, "c": {}})
    assert uses_broker({"a": {"dapr": {"broadcasts": ["x"]}}})
    made = components({"a": {"dapr": {"state": True}}}, DEFAULTS, [])
    assert (made["pubsub"], made["broadcast"]) == ({"enabled": False}, {"enabled": False})


def test_the_chart_takes_the_values() -> None:
    schema = yaml.safe_load((TOP / "charts/dapr-components/values.schema.json").read_text())
    entries: dict[str, Any] = {
        "api": {"dapr": {"publishes": ["orders"], "state": True, "secrets": ["app"]}},
        "worker": {"dapr": {"subscribes": {"orders": "/orders"}, "cron": {"tick": "@every 1m"}}},
    }
    for some in (entries, {"api": {"dapr": {"state": True}}}, {"a": {"dapr": {"broadcasts": ["x"]}}}):
        values = merged(DEFAULTS, {"environment": "test", **components(some, DEFAULTS, [])})
        assert [(error.json_path, error.message) for error in Draft7Validator(schema).iter_errors(values)] == []
