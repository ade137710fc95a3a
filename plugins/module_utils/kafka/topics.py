# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A topic as it is wanted and as it is, and what has to change. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, error

# The broker's own rule (org.apache.kafka.common.internals.Topic).
_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
_KEY = re.compile(r"[a-z][a-z0-9.]{1,80}")
_VALUE = re.compile(r"[A-Za-z0-9._,:*-]{0,200}")


@dataclass(frozen=True)
class Topic:
    """One topic. ``replication`` 0: the broker's default. ``config``: what is wanted; of one that is there None where
    nothing is known of it.
    """

    name: str
    partitions: int
    replication: int = 0
    config: Mapping[str, str] | None = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Topic:
        """From a module's option. Raises ``invalid_input``."""
        name = str(raw["name"])
        if not _NAME.fullmatch(name):
            raise _invalid(f"topic {name!r}: a topic has letters, digits and ._- only, at most 249.")
        partitions, replication = int(raw["partitions"]), int(raw.get("replication_factor") or 0)
        if partitions < 1 or replication < 0:
            raise _invalid(f"topic {name}: it has at least one partition and one replica.")
        config = {str(key): _text(value) for key, value in (raw.get("config") or {}).items()}
        for key, value in config.items():
            if not (_KEY.fullmatch(key) and _VALUE.fullmatch(value)):
                raise _invalid(f"topic {name}: {key} is no setting of a topic with a plain value.")
        return cls(name, partitions, replication, config)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON, in one order."""
        return {
            "name": self.name,
            "partitions": self.partitions,
            "replication_factor": self.replication,
            "config": dict(sorted((self.config or {}).items())),
        }


@dataclass(frozen=True)
class Change:
    """What has to happen to one topic. ``before`` None: it is created. ``config``: only what differs."""

    topic: Topic
    before: Topic | None
    config: Mapping[str, str]

    @property
    def creates(self) -> bool:
        """Whether there is no such topic yet."""
        return self.before is None

    @property
    def grows(self) -> bool:
        """Whether an existing topic gets more partitions."""
        return self.before is not None and self.before.partitions < self.topic.partitions

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.topic.name}: created with {self.topic.partitions} partitions"
        parts = [f"{self.before.partitions} to {self.topic.partitions} partitions"] if self.grows else []
        before = self.before.config or {}
        parts += [f"{key} = {value} (was {before.get(key, 'the default')})" for key, value in self.config.items()]
        return f"{self.topic.name}: {', '.join(parts)}"


@dataclass(frozen=True)
class Changes:
    """Of all topics, with what is not done, as warnings."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


def parsed(raw: Sequence[Mapping[str, Any]]) -> list[Topic]:
    """All topics; one that is named twice must be the same twice."""
    found: dict[str, Topic] = {}
    for each in raw:
        topic = Topic.parse(each)
        if found.setdefault(topic.name, topic) != topic:
            raise _invalid(f"topic {topic.name} is named twice, with different settings.")
    return list(found.values())


def compare(wanted: Iterable[Topic], found: Mapping[str, Topic]) -> Changes:
    """What has to change. Raises ``refused`` where a topic would need fewer partitions, before anything is changed."""
    changes, warnings, fewer = [], [], []
    for topic in wanted:
        there = found.get(topic.name)
        if there is None:
            changes.append(Change(topic, None, topic.config or {}))
            continue
        if there.partitions > topic.partitions:
            fewer.append(f"topic {topic.name} has {there.partitions} partitions, and {topic.partitions} are wanted")
        if topic.replication and there.replication and there.replication != topic.replication:
            warnings.append(
                f"topic {topic.name} has {there.replication} replicas, and {topic.replication} are wanted: that is set "
                "only when a topic is created; move it by the broker's own tools."
            )
        has, wants = there.config, topic.config or {}
        differs = {} if has is None else {key: value for key, value in wants.items() if has.get(key) != value}
        if differs or there.partitions < topic.partitions:
            changes.append(Change(topic, there, differs))
    if fewer:
        raise error(
            Code.REFUSED,
            f"{'; '.join(fewer)}: Kafka takes no partition away. Set partitions to what is there, or name another "
            "topic; nothing was changed.",
            topics=fewer,
        )
    return Changes(tuple(changes), tuple(warnings))


def changed(found: Mapping[str, Topic], changes: Iterable[Change]) -> dict[str, Topic]:
    """The topics after the changes."""
    after = dict(found)
    for change in changes:
        before = change.before or Topic(change.topic.name, 0, change.topic.replication)
        after[change.topic.name] = Topic(
            before.name,
            max(before.partitions, change.topic.partitions),
            before.replication,
            {**(before.config or {}), **change.config},
        )
    return after


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _invalid(message: str) -> Exception:
    return error(Code.INVALID_INPUT, f"{message[0].upper()}{message[1:]}")
