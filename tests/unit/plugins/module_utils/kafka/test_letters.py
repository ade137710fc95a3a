# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dead letters: shown, and put back once each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kafka.letters import (
    BATCH,
    Message,
    Waiting,
    dead_letters,
    origin,
)


class Killed(Exception):
    """The run is gone."""


class Broker:
    """Messages by their numbers. ``dies_after``: so many batches, and the position of the next is not written."""

    def __init__(self, count: int, dies_after: int = -2) -> None:
        self.dead = list(range(count))
        self.topic: list[int] = []
        self.position = 0
        self._left = dies_after

    def waiting(self, topics: Sequence[str], group: str) -> list[Waiting]:
        return [Waiting(topic, 0, self.position, len(self.dead)) for topic in topics if topic == "a-dead"]

    def read(self, waiting: Sequence[Waiting]) -> list[Message]:
        return [
            Message(each.topic, 0, number, 0, "k", {"h": "v"}, f"password=hunter2 {number}\x1b[2J" + "x" * 5000)
            for each in waiting
            for number in range(each.start, each.end)
        ]

    def replay(self, waiting: Waiting, target: str, group: str) -> None:
        assert (target, group) == ("a", "g")
        self.topic += self.dead[waiting.start : waiting.end]
        self._left -= 1
        if self._left == -1:
            raise Killed
        self.position = waiting.end


def params(**more: object) -> dict[str, object]:
    return {"topics": ["a-dead", "b-dead"], "replay": None, "group": "g", "limit": 3, **more}


def test_what_waits_is_counted_and_the_first_are_shown_masked() -> None:
    found = dead_letters(Broker(7), params(), write=True)
    assert [(each["topic"], each["waiting"], len(each["messages"])) for each in found["waiting"]] == [
        ("a-dead", 7, 3),
        ("b-dead", 0, 0),
    ]
    value = found["waiting"][0]["messages"][0]["value"]
    assert "hunter2" not in value
    assert "\x1b" not in value
    assert len(value) < 2100
    assert not found["changed"]


def test_each_goes_back_once() -> None:
    broker = Broker(2 * BATCH + 5)
    assert dead_letters(broker, params(replay="a-dead"), write=False)["replayed"] == 2 * BATCH + 5
    assert broker.topic == []
    assert dead_letters(broker, params(replay="a-dead"), write=True)["replayed"] == 2 * BATCH + 5
    assert broker.topic == broker.dead
    assert dead_letters(broker, params(replay="a-dead"), write=True) == {
        "changed": False,
        "waiting": [
            {"topic": "a-dead", "waiting": 0, "messages": []},
            {"topic": "b-dead", "waiting": 0, "messages": []},
        ],
        "replayed": 0,
    }
    assert broker.topic == broker.dead


def test_a_replay_that_was_killed_goes_on_without_loss() -> None:
    broker = Broker(2 * BATCH + 5, dies_after=1)
    with pytest.raises(Killed):
        dead_letters(broker, params(replay="a-dead"), write=True)
    dead_letters(broker, params(replay="a-dead"), write=True)
    assert sorted(set(broker.topic)) == broker.dead
    assert len(broker.topic) == 2 * BATCH + 5 + BATCH  # its last batch twice


def test_only_dead_letters_go_back() -> None:
    assert origin("a-dead") == "a"
    with pytest.raises(TodoCloudError, match="a is no topic of dead letters"):
        origin("a")
    with pytest.raises(TodoCloudError, match="There are no dead letters c-dead: it is one of a-dead, b-dead"):
        dead_letters(Broker(1), params(replay="c-dead"), write=True)
