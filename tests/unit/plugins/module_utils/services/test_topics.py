# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics follow from what the Dapr components are given."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.components import components
from ansible_collections.todo.cloud.plugins.module_utils.services.topics import topics_of

from tests.unit.ansible_runs import TOP

DEFAULTS = yaml.safe_load((TOP / "charts/dapr-components/values.yaml").read_text())


def test_of_the_chart_alone() -> None:
    assert topics_of([DEFAULTS]) == ["reminders", "reminders-dead", "task-events", "task-events-dead"]


def test_of_entries_instead() -> None:
    entries: dict[str, Any] = {
        "api": {"dapr": {"publishes": ["orders"]}},
        "mail": {"dapr": {"subscribes": {"orders": "/mail"}, "dead_letters": True}},
        "screen": {"dapr": {"broadcasts": ["news"]}},
    }
    assert topics_of([DEFAULTS, components(entries, DEFAULTS, [])]) == ["news", "orders", "orders-dead"]


def test_what_an_environment_says_comes_last() -> None:
    own = {"broadcast": {"enabled": False}, "pubsub": {"apps": {"backend-api": {"publishes": ["audit"]}}}}
    assert topics_of([DEFAULTS, {}, own]) == ["audit", "reminders", "reminders-dead", "task-events", "task-events-dead"]


def test_topics_of_other_brokers_are_not_kafkas() -> None:
    elsewhere = {"pubsub": "redis", "topic": "x", "apps": ["a"]}
    here = {"pubsub": "pubsub", "topic": "y", "deadLetterTopic": "y-gone", "apps": ["a"]}
    found = topics_of([DEFAULTS, {"subscriptions": {"x": elsewhere, "y": here}}])
    assert {"y", "y-gone"} <= set(found)
    assert "x" not in found
    assert topics_of([DEFAULTS, {"pubsub": {"enabled": False}, "broadcast": {"enabled": False}}]) == []
