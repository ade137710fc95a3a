# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics that values of charts/dapr-components name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from .layers import merged

# Values of a Kafka component, and its name.
_COMPONENTS = {"pubsub": "pubsub", "broadcast": "pubsub-broadcast"}
DEAD = "-dead"  # the topic of messages that nobody could process is that of the messages, with this


def topics_of(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """In order, each once. ``layers``: values as Helm merges them, the chart's own first."""
    return sorted(set(_topics(reduce(merged, layers, {}))))


def _topics(values: Mapping[str, Any]) -> Iterator[str]:
    on = [part for part in _COMPONENTS if (values.get(part) or {}).get("enabled")]
    for part in on:
        for app in (values[part].get("apps") or {}).values():
            yield from app.get("publishes") or ()
            yield from app.get("subscribes") or ()
    for one in (values.get("subscriptions") or {}).values():
        if one.get("pubsub") in [_COMPONENTS[part] for part in on]:
            yield one["topic"]
            if one.get("deadLetterTopic"):
                yield one["deadLetterTopic"]
