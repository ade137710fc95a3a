# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics as they are wanted: read, compared, changed. Topics that nobody names are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .topics import Change, Topic, changed, compare


class Topics(Protocol):
    """Topics of one broker, however it is reached."""

    def found(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of the topics that are there."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Does them all."""


@dataclass(frozen=True)
class Converged:
    """What was changed, or would be."""

    changes: tuple[Change, ...]
    before: Mapping[str, Topic]
    after: Mapping[str, Topic]
    warnings: list[str]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON, with a diff."""
        return {
            "changed": bool(self.changes),
            "changes": [str(change) for change in self.changes],
            "topics": [topic.as_result() for _name, topic in sorted(self.after.items())],
            "diff": {"before": _listed(self.before, self.changes), "after": _listed(self.after, self.changes)},
        }


def converge(broker: Topics, wanted: Sequence[Topic], *, write: bool) -> Converged:
    """Raises TodoCloudError; ``refused`` before anything was changed when a topic would lose partitions."""
    before = broker.found([topic.name for topic in wanted])
    plan = compare(wanted, before)
    named = {topic.name: set(topic.config or {}) for topic in wanted}
    if write and plan.changes:
        broker.apply(plan.changes)
    after = changed(before, plan.changes)
    return Converged(plan.changes, _only(before, named), _only(after, named), list(plan.warnings))


def _only(topics: Mapping[str, Topic], named: Mapping[str, set[str]]) -> dict[str, Topic]:
    """With the settings that somebody named: a broker tells all that it has."""
    return {
        name: replace(topic, config={key: text for key, text in (topic.config or {}).items() if key in named[name]})
        for name, topic in topics.items()
    }


def _listed(topics: Mapping[str, Topic], changes: Sequence[Change]) -> dict[str, Any]:
    """Of the topics that change, the settings that are looked at."""
    listed = {}
    for change in changes:
        topic = topics.get(change.topic.name)
        if topic:
            listed[topic.name] = {"partitions": topic.partitions, "config": dict(sorted((topic.config or {}).items()))}
    return listed
