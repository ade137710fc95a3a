# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dead letters by Kafka's own tools in a Job, and by confluent-kafka."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..failure import Code, error
from .client import CONNECT_SECONDS, Connection, Log, library_of, unreached
from .job import Tools
from .letters import Message, Waiting
from .tools import pattern

_START = re.compile(r"(?:CreateTime|LogAppendTime|NO_TIMESTAMP):?(-?\d*)")
_NO_HEADERS = "NO_HEADERS"


class ToolLetters:
    """In a Job. Messages are lines there: one with a line break is not put back, and told."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        token = secrets.token_hex(6)  # nobody who writes messages can know where a field ends
        self._field, self._header, self._null = f"F{token}", f"H{token}", f"N{token}"

    def waiting(self, topics: Sequence[str], group: str) -> list[Waiting]:
        """See Letters."""
        if not topics:
            return []
        lines = self._tools.run("offsets", "|".join(map(pattern, topics)), group)
        found: dict[str, dict[tuple[str, int], int]] = {"earliest": {}, "latest": {}, "group": {}}
        for line in lines:
            words = line.split()
            if len(words) == 4 and words[0] in found and words[2].isdigit() and words[3].isdigit():
                found[words[0]][words[1], int(words[2])] = int(words[3])
        return between(found["earliest"], found["latest"], found["group"], topics)

    def read(self, waiting: Sequence[Waiting]) -> list[Message]:
        """See Letters."""
        steps = [f"{each.topic} {each.partition} {each.start} {each.end - each.start}" for each in waiting]
        lines = self._tools.run("peek", self._field, self._header, self._null, *steps)
        return list(self._messages(lines))

    def replay(self, waiting: Waiting, target: str, group: str) -> None:
        """See Letters."""
        count = str(waiting.end - waiting.start)
        place = (waiting.topic, str(waiting.partition), str(waiting.start), count)
        self._tools.run("replay", self._field, self._header, self._null, *place, target, group)

    def _messages(self, lines: Sequence[str]) -> Iterator[Message]:
        topic, record = "", ""
        for line in [*lines, f"topic {self._field}"]:
            begins = self._field in line and (line.startswith("topic ") or _START.match(line))
            if begins and record:
                yield self._message(topic, record)
                record = ""
            if line.startswith("topic ") and line.endswith(self._field):
                topic = line[6 : -len(self._field)].strip()
            elif begins:
                record = line
            elif record:
                record += f"\n{line}"

    def _message(self, topic: str, record: str) -> Message:
        time, partition, offset, headers, *rest = [*record.split(self._field, 5), "", "", "", "", ""][:6]
        stamp = _START.match(time)
        pairs = [] if headers == _NO_HEADERS else [pair.partition(":") for pair in headers.split(self._header)]
        return Message(
            topic,
            int(partition.removeprefix("Partition:") or 0),
            int(offset.removeprefix("Offset:") or 0),
            int(stamp[1]) if stamp and stamp[1] else -1,
            "" if rest[0] == self._null else rest[0],
            {name: "" if value == self._null else value for name, _colon, value in pairs},
            "" if rest[1] == self._null else rest[1],
        )


class ClientLetters:
    """From this machine."""

    def __init__(self, connection: Connection, group: str, seconds: float) -> None:
        self._library = library_of()
        self._connection, self._seconds, self._log = connection, seconds, Log()
        self._settings = connection.settings()
        own = {"group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
        self._consumer = self._library.Consumer({**self._settings, **own}, logger=self._log.logger)

    def waiting(self, topics: Sequence[str], group: str) -> list[Waiting]:
        """See Letters."""
        library, found = self._library, []
        try:
            listed = self._consumer.list_topics(timeout=min(self._seconds, CONNECT_SECONDS)).topics
            for topic in topics:
                if topic not in listed or listed[topic].error:
                    continue
                places = [library.TopicPartition(topic, number) for number in sorted(listed[topic].partitions)]
                for place in self._consumer.committed(places, timeout=self._seconds):
                    low, high = self._consumer.get_watermark_offsets(place, timeout=self._seconds)
                    found.append(Waiting(topic, place.partition, min(max(low, place.offset), high), high))
        except library.KafkaException as exc:
            self._consumer.poll(0)
            raise unreached(self._connection, self._log, exc) from None
        return found

    def read(self, waiting: Sequence[Waiting]) -> list[Message]:
        """See Letters."""
        return [
            Message(
                each.topic, raw.partition(), raw.offset(), raw.timestamp()[1], _text(raw.key()),
                {name: _text(value) for name, value in raw.headers() or ()}, _text(raw.value()),
            )
            for each in waiting
            for raw in self._raw(each)
        ]  # fmt: skip

    def replay(self, waiting: Waiting, target: str, group: str) -> None:
        """See Letters."""
        # The same partition for the same key as Dapr's client chooses.
        producer = self._library.Producer(
            {**self._settings, "acks": "all", "partitioner": "fnv1a"}, logger=self._log.logger
        )
        failed: list[str] = []

        def delivered(problem: Any, _message: Any) -> None:
            failed.extend([str(problem)] if problem else [])

        for raw in self._raw(waiting):
            producer.produce(target, raw.value(), raw.key(), headers=raw.headers(), on_delivery=delivered)
        left = producer.flush(self._seconds)
        if failed or left:
            why = failed[0] if failed else f"the broker did not confirm {left} messages"
            raise error(Code.REFUSED, f"Dead letters of {waiting.topic} did not go back to {target}: {why}")
        place = self._library.TopicPartition(waiting.topic, waiting.partition, waiting.end)
        self._consumer.commit(offsets=[place], asynchronous=False)

    def _raw(self, waiting: Waiting) -> Iterator[Any]:
        """Offsets may have gaps, so the end of the partition ends it, too."""
        self._consumer.assign([self._library.TopicPartition(waiting.topic, waiting.partition, waiting.start)])
        while True:
            raw = self._consumer.poll(self._seconds)
            if raw is None:
                raise error(
                    Code.TIMEOUT, f"The broker gave no message of {waiting.topic} within {self._seconds:.0f} s."
                )
            if raw.error():
                if raw.error().code() == self._library.KafkaError._PARTITION_EOF:
                    return
                raise error(Code.REFUSED, f"The broker refuses to read {waiting.topic}: {raw.error().str()}")
            if raw.offset() >= waiting.end:
                return
            yield raw
            if raw.offset() == waiting.end - 1:
                return


def between(
    earliest: Mapping[tuple[str, int], int],
    latest: Mapping[tuple[str, int], int],
    group: Mapping[tuple[str, int], int],
    topics: Sequence[str],
) -> list[Waiting]:
    """What is after the group's position, or after the oldest message that is left."""
    return [
        Waiting(topic, number, min(max(earliest.get((topic, number), 0), group.get((topic, number), 0)), end), end)
        for (topic, number), end in sorted(latest.items())
        if topic in topics
    ]


def _text(raw: bytes | str | None) -> str:
    return raw if isinstance(raw, str) else (raw or b"").decode(errors="replace")
