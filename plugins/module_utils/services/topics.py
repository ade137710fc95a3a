# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics and consumer groups that values of charts/dapr-components name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from .layers import merged

# Values of a Kafka component, and its name.
_COMPONENTS = {"pubsub": "pubsub", "broadcast": "pubsub-broadcast"}
DEAD = "-dead"  # the topic of messages that nobody could process is that of the messages, with this


def topics_of(layers: Sequence[Mapping[str, Any]], namespace: str = "") -> list[str]:
    """In order, each once. ``layers``: values as Helm merges them, the chart's own first.

    With the namespace of an environment, as they are called at its broker.
    """
    values = _merged(layers)
    own = namespace and (values.get("kafka") or {}).get("topicsPerEnvironment")
    return sorted({f"{namespace if own else ''}{topic}" for topic in _topics(values)})


def groups_of(layers: Sequence[Mapping[str, Any]], namespace: str) -> list[str]:
    """Consumer groups of the apps that subscribe, in order; for those of which each pod has a group, one like these."""
    values = _merged(layers)
    return sorted(
        f"{namespace}.{app}{'-pod' if part == 'broadcast' else ''}"
        for part in _enabled(values)
        for app, topics in (values[part].get("apps") or {}).items()
        if topics and topics.get("subscribes")
    )


def _merged(layers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return reduce(merged, layers, {})


def _enabled(values: Mapping[str, Any]) -> list[str]:
    return [part for part in _COMPONENTS if (values.get(part) or {}).get("enabled")]


def _topics(values: Mapping[str, Any]) -> Iterator[str]:
    on = _enabled(values)
    for part in on:
        for app in (values[part].get("apps") or {}).values():
            yield from app.get("publishes") or ()
            yield from app.get("subscribes") or ()
    for one in (values.get("subscriptions") or {}).values():
        if one.get("pubsub") in [_COMPONENTS[part] for part in on]:
            yield one["topic"]
            if one.get("deadLetterTopic"):
                yield one["deadLetterTopic"]
