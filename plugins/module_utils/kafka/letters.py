# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dead letters: what waits in the topics of messages that nobody could process, and how it goes back.

A consumer group of its own remembers what went back. A message is written first, and the position after that: a replay
that is killed in between writes the last batch again, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..failure import Code, error
from ..masking import masked
from ..neutral import one_line, printable, shortened
from ..services.topics import DEAD

BATCH = 200  # messages between two positions
_VALUE, _HEADER = 2000, 200  # letters that are shown


@dataclass(frozen=True)
class Waiting:
    """Messages of one partition that have not gone back: from ``start`` up to, not including, ``end``."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class Message:
    """One of them, as text. ``time``: milliseconds since the epoch, or -1."""

    topic: str
    partition: int
    offset: int
    time: int
    key: str
    headers: Mapping[str, str]
    value: str

    def as_result(self) -> dict[str, Any]:
        """Plain JSON: of others, so masked and printable."""
        return {
            "partition": self.partition,
            "offset": self.offset,
            "time": self.time,
            "key": _shown(self.key, _HEADER),
            "headers": {_shown(name, _HEADER): _shown(text, _HEADER) for name, text in self.headers.items()},
            "value": _shown(self.value, _VALUE),
        }


class Letters(Protocol):
    """Dead letters of one broker, however it is reached."""

    def waiting(self, topics: Sequence[str], group: str) -> list[Waiting]:
        """Of all partitions, also those where nothing waits. A topic that is not there has none."""

    def read(self, waiting: Sequence[Waiting]) -> list[Message]:
        """Their messages, in order."""

    def replay(self, waiting: Waiting, target: str, group: str) -> None:
        """Writes them to the target, then the position."""


def origin(topic: str) -> str:
    """The topic that dead letters came from. Raises ``invalid_input`` for one that has none."""
    name = topic.removesuffix(DEAD)
    if name in (topic, ""):
        raise error(Code.INVALID_INPUT, f"{topic} is no topic of dead letters: their names end with {DEAD}.")
    return name


def dead_letters(broker: Letters, params: Mapping[str, Any], *, write: bool) -> dict[str, Any]:
    """The module's result. Raises TodoCloudError."""
    topics, topic, group = params["topics"], params["replay"], params["group"]
    if topic and topic not in topics:
        raise error(
            Code.INVALID_INPUT, f"There are no dead letters {topic}: it is one of {', '.join(topics) or 'none'}."
        )
    target = origin(topic) if topic else ""
    found = listed(broker, topics, group, params["limit"])
    count = sum(each["waiting"] for each in found if each["topic"] == topic)
    if count and write:
        count = replay(broker, topic, target, group)
    return {"changed": bool(count), "waiting": found, "replayed": count}


def listed(broker: Letters, topics: Sequence[str], group: str, limit: int) -> list[dict[str, Any]]:
    """How many wait in each topic, and the first ``limit`` of them."""
    waiting = broker.waiting(topics, group)
    first = list(_first(waiting, limit))
    messages = broker.read(first) if first else []
    return [
        {
            "topic": topic,
            "waiting": sum(each.end - each.start for each in waiting if each.topic == topic),
            "messages": [each.as_result() for each in messages if each.topic == topic],
        }
        for topic in topics
    ]


def replay(broker: Letters, topic: str, target: str, group: str) -> int:
    """All that waits now goes back, in batches; what comes meanwhile stays. How many went."""
    count = 0
    for each in broker.waiting([topic], group):
        for start in range(each.start, each.end, BATCH):
            batch = Waiting(topic, each.partition, start, min(start + BATCH, each.end))
            broker.replay(batch, target, group)
            count += batch.end - batch.start
    return count


def _first(waiting: Iterable[Waiting], limit: int) -> Iterator[Waiting]:
    left: dict[str, int] = {}
    for each in waiting:
        count = min(left.setdefault(each.topic, limit), each.end - each.start)
        left[each.topic] -= count
        if count > 0:
            yield Waiting(each.topic, each.partition, each.start, each.start + count)


def _shown(text: str, limit: int) -> str:
    return shortened(one_line(printable(masked(text))), limit=limit)
