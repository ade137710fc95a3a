# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics by the script of the Job: what goes in and what comes out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..failure import Code, error
from .job import Tools
from .topics import Change, Topic

_CONFIG = re.compile(r",(?=[a-z][a-z0-9.]*=)")


class ToolTopics:
    """Topics of a broker in the cluster: all are read by one start of Java, and changed by one Job."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def found(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of the topics that are there, with the configuration that differs from the broker's."""
        wanted = list(names)
        lines = self._tools.run("describe", "|".join(map(pattern, wanted)))
        found = {topic.name: topic for topic in map(described, lines) if topic}
        return {name: found[name] for name in wanted if name in found}

    def apply(self, changes: Sequence[Change]) -> None:
        """Does them all. Raises ``refused`` with what the broker said."""
        failed = [line[7:] for line in self._tools.run("apply", *commands(changes)) if line.startswith("failed ")]
        if failed:
            raise error(Code.REFUSED, f"The broker refuses topics: {'; '.join(failed)[:900]}", topics=failed)


def described(line: str) -> Topic | None:
    """A topic from its line of ``kafka-topics --describe``; None for other lines."""
    fields = dict(part.split(":", 1) for part in line.split("\t") if ":" in part)
    name, count, replicas = (fields.get(key, "").strip() for key in ("Topic", "PartitionCount", "ReplicationFactor"))
    if not (name and count.isdigit() and replicas.isdigit()):
        return None
    config = dict(pair.split("=", 1) for pair in _CONFIG.split(fields.get("Configs", "").strip()) if "=" in pair)
    return Topic(name, int(count), int(replicas), config)


def commands(changes: Iterable[Change]) -> list[str]:
    """One argument of the script for each step: names and values have no spaces (topics.py)."""
    found = []
    for change in changes:
        topic = change.topic
        config = sorted(change.config.items())
        if change.creates:
            pairs = [f"{key}={value}" for key, value in config]
            found.append(" ".join(["create", topic.name, str(topic.partitions), str(topic.replication), *pairs]))
            continue
        if change.grows:
            found.append(f"grow {topic.name} {pattern(topic.name)} {topic.partitions}")
        if config:
            listed = ",".join(f"{key}=[{value}]" if "," in value else f"{key}={value}" for key, value in config)
            found.append(f"set {topic.name} {listed}")
    return found


def pattern(name: str) -> str:
    """Some of the tools take a name as a regular expression."""
    return name.replace(".", r"\.")
