# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Kafka's tools print and what they are given."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kafka.tools import ToolTopics, commands, described
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import Change, Topic

# As Kafka 4.3.1 prints it.
LINE = (
    "Topic: a.b\tTopicId: ppk3W1fMQc2fpiHCp76skA\tPartitionCount: 5\tReplicationFactor: 1\t"
    "Configs: min.insync.replicas=1,cleanup.policy=compact,delete,retention.ms=5"
)


class Tools:
    """In place of a Job."""

    def __init__(self, *lines: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._lines = list(lines)

    def run(self, *arguments: str) -> list[str]:
        self.asked.append(arguments)
        return self._lines


def test_a_line_is_a_topic() -> None:
    assert described(LINE) == Topic(
        "a.b", 5, 1, {"min.insync.replicas": "1", "cleanup.policy": "compact,delete", "retention.ms": "5"}
    )


@pytest.mark.parametrize(
    "line",
    ["", "WARN something", "\tTopic: a\tPartition: 0\tLeader: 1", "Topic: a\tPartitionCount: x\tReplicationFactor: 1"],
)
def test_other_lines_are_none(line: str) -> None:
    assert described(line) is None


def test_names_are_no_expressions() -> None:
    tools = Tools(LINE, LINE.replace("a.b", "axb"))
    assert list(ToolTopics(tools).found(["a.b", "c"])) == ["a.b"]
    assert tools.asked == [("describe", r"a\.b|c")]


def test_each_step_is_one_argument() -> None:
    config = {"retention.ms": "5", "cleanup.policy": "compact,delete"}
    changes = [
        Change(Topic("a", 3, 2, config), None, config),
        Change(Topic("b.c", 5, 0, config), Topic("b.c", 3), config),
    ]
    assert commands(changes) == [
        "create a 3 2 cleanup.policy=compact,delete retention.ms=5",
        r"grow b.c b\.c 5",
        "set b.c cleanup.policy=[compact,delete],retention.ms=5",
    ]


def test_what_the_broker_refuses_is_told() -> None:
    changes = [Change(Topic("a", 3), None, {})]
    ToolTopics(Tools("done a")).apply(changes)
    with pytest.raises(TodoCloudError, match=r"^The broker refuses topics: a: Replication factor: 3 larger than"):
        ToolTopics(Tools("failed a: Replication factor: 3 larger than available brokers: 1.")).apply(changes)
