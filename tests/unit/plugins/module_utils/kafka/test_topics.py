# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics as wanted against topics as found."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import Topic, changed, compare, parsed


def test_what_is_missing_is_created_and_what_differs_is_set() -> None:
    wanted = [Topic("a", 3, 0, {"retention.ms": "5"}), Topic("b", 4, 0, {"retention.ms": "5"}), Topic("c", 3)]
    found = {"b": Topic("b", 3, 1, {"retention.ms": "6", "cleanup.policy": "delete"}), "c": Topic("c", 3, 1)}
    plan = compare(wanted, found)
    assert [str(change) for change in plan.changes] == [
        "a: created with 3 partitions",
        "b: 3 to 4 partitions, retention.ms = 5 (was 6)",
    ]
    after = changed(found, plan.changes)
    assert after["b"] == Topic("b", 4, 1, {"retention.ms": "5", "cleanup.policy": "delete"})
    assert compare(wanted, after).changes == ()


def test_fewer_partitions_are_refused_by_name() -> None:
    found = {"a": Topic("a", 6), "b": Topic("b", 3)}
    with pytest.raises(TodoCloudError, match=r"^topic a has 6 partitions, and 3 are wanted: Kafka takes") as caught:
        compare([Topic("a", 3), Topic("b", 5)], found)
    assert caught.value.failure.code is Code.REFUSED


def test_replicas_are_set_only_at_creation() -> None:
    plan = compare([Topic("a", 3, 3)], {"a": Topic("a", 3, 1)})
    assert plan.changes == ()
    assert plan.warnings[0].startswith("topic a has 1 replicas, and 3 are wanted: that is set only when")


def test_configuration_that_is_not_known_is_not_compared() -> None:
    assert compare([Topic("a", 3, 0, {"retention.ms": "5"})], {"a": Topic("a", 3, config=None)}).changes == ()


def test_values_are_texts_as_kafka_has_them() -> None:
    config = {"retention.ms": 604800000, "unclean.leader.election.enable": False}
    (topic,) = parsed([{"name": "a", "partitions": 3, "replication_factor": None, "config": config}])
    assert topic.config == {"retention.ms": "604800000", "unclean.leader.election.enable": "false"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"name": "a b", "partitions": 1}, "Topic 'a b': a topic has letters"),
        ({"name": "..", "partitions": 1}, "Topic '..'"),
        ({"name": "a" * 250, "partitions": 1}, "at most 249"),
        ({"name": "a", "partitions": 0}, "at least one partition"),
        ({"name": "a", "partitions": 1, "config": {"retention.ms": "1 --delete"}}, "retention.ms is no setting"),
        ({"name": "a", "partitions": 1, "config": {"x y": "1"}}, "x y is no setting"),
    ],
)
def test_what_is_no_topic_is_refused(raw: dict[str, object], said: str) -> None:
    with pytest.raises(TodoCloudError) as caught:
        parsed([raw])
    assert said in caught.value.failure.message
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_a_topic_named_twice_is_the_same_twice() -> None:
    one = {"name": "a", "partitions": 3}
    assert len(parsed([one, dict(one)])) == 1
    with pytest.raises(TodoCloudError, match="Topic a is named twice"):
        parsed([one, {"name": "a", "partitions": 4}])
