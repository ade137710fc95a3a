# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, compare, change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.todo.cloud.plugins.module_utils.kafka.converge import converge
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import Change, Topic, changed

WANTED = [Topic("a", 3, 0, {"retention.ms": "5"}), Topic("b", 3)]


class Broker:
    def __init__(self) -> None:
        self.topics = {"b": Topic("b", 3, 1, {"retention.ms": "9"}), "z": Topic("z", 1)}
        self.writes = 0

    def found(self, names: Iterable[str]) -> dict[str, Topic]:
        return {name: self.topics[name] for name in names if name in self.topics}

    def apply(self, changes: Sequence[Change]) -> None:
        self.writes += 1
        self.topics = changed(self.topics, changes)


def test_the_second_time_changes_nothing() -> None:
    broker = Broker()
    assert converge(broker, WANTED, write=False).as_result()["changed"]
    assert broker.writes == 0
    first = converge(broker, WANTED, write=True).as_result()
    assert first["changes"] == ["a: created with 3 partitions"]
    assert first["diff"] == {"before": {}, "after": {"a": {"partitions": 3, "config": {"retention.ms": "5"}}}}
    second = converge(broker, WANTED, write=True).as_result()
    assert not second["changed"]
    assert second["diff"] == {"before": {}, "after": {}}
    assert broker.writes == 1
    assert "z" in broker.topics  # nobody names it


def test_only_settings_that_are_named_are_told() -> None:
    topics = converge(Broker(), WANTED, write=True).as_result()["topics"]
    assert topics[1] == {"name": "b", "partitions": 3, "replication_factor": 1, "config": {}}
