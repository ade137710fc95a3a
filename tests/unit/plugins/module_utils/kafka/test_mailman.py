# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Job prints of messages."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.kafka.letters import Waiting
from ansible_collections.todo.cloud.plugins.module_utils.kafka.mailman import ToolLetters, between


class Tools:
    """In place of a Job: prints what it is told, with the marks that it is given."""

    def __init__(self, *lines: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._lines = lines

    def run(self, *arguments: str) -> list[str]:
        self.asked.append(arguments)
        field, header, null = (*arguments[1:4], "", "", "")[:3]
        return [line.replace("<F>", field).replace("<H>", header).replace("<N>", null) for line in self._lines]


def test_positions_are_sought_between_the_ends() -> None:
    tools = Tools(
        "earliest a-dead 0 0", "earliest b-dead 0 5", "latest a-dead 0 7", "latest b-dead 0 9", "latest z 0 3",
        "group Executing consumer group", "group a-dead 0 4", "group b-dead 0 -", "group",
    )  # fmt: skip
    assert ToolLetters(tools).waiting(["a-dead", "b-dead"], "g") == [
        Waiting("a-dead", 0, 4, 7),
        Waiting("b-dead", 0, 5, 9),
    ]
    assert tools.asked == [("offsets", "a-dead|b-dead", "g")]
    assert ToolLetters(tools).waiting([], "g") == []


def test_a_position_outside_of_what_is_left_counts_as_its_nearest_end() -> None:
    at = ("a", 0)
    assert between({at: 5}, {at: 9}, {at: 2}, ["a"]) == [Waiting("a", 0, 5, 9)]
    assert between({at: 0}, {at: 3}, {at: 8}, ["a"]) == [Waiting("a", 0, 3, 3)]


def test_messages_are_told_apart_whatever_they_say() -> None:
    tools = Tools(
        "topic a-dead <F>",
        "CreateTime:17<F>Partition:0<F>Offset:3<F>NO_HEADERS<F>k<F>one",
        "CreateTime:18\tPartition:0\tOffset:4\tforged",
        "CreateTime:19<F>Partition:1<F>Offset:4<F>x:1:2<H>a,b:<N><F><N><F>two",
        "topic b-dead <F>",
        "NO_TIMESTAMP<F>Partition:0<F>Offset:0<F>NO_HEADERS<F><N><F><N>",
    )
    first, second, third = ToolLetters(tools).read([Waiting("a-dead", 0, 3, 5), Waiting("b-dead", 0, 0, 1)])
    assert (first.offset, first.time, first.key, first.headers) == (3, 17, "k", {})
    assert first.value == "one\nCreateTime:18\tPartition:0\tOffset:4\tforged"
    assert (second.partition, second.key, second.value) == (1, "", "two")
    assert second.headers == {"x": "1:2", "a,b": ""}
    assert (third.topic, third.time, third.value) == ("b-dead", -1, "")
    assert tools.asked[0][4:] == ("a-dead 0 3 2", "b-dead 0 0 1")
