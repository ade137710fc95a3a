# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs that changed an environment, or failed to: the newest are kept in one ConfigMap, an entry each.

They tell people and dashboards what happened; nothing is decided by them, since whoever may write ConfigMaps can write
them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..kube.api import KubeApi, KubeReader
from ..kube.deadline import Deadline
from ..kube.errors import AlreadyExists, NotFound
from ..kube.resources import CONFIG_MAP
from ..labels import RELEASE_EVENTS
from ..masking import masked
from ..neutral import one_line
from ..parsing import Malformed, load_json, parse

KEEP = 200
_MORE = 20  # beyond these, so that not every run has to remove one
_LONGEST = 300  # characters of a text
_SECONDS = 5.0  # for each request: an event is worth no wait


@dataclass(frozen=True)
class Event:
    """One run. Sets are numbers, 0 for none. ``outcome``: succeeded, failed, restored (failed, and back at what was
    verified) or refused (failed, and nothing was changed). ``code`` and ``message``: of its failure.
    """

    time: str  # of its beginning
    run: str
    who: str
    commit: str
    from_set: int
    to_set: int
    outcome: str
    seconds: float
    from_commit: str = ""
    code: str = ""
    message: str = ""
    emergency: str = ""
    url: str = ""
    requests: int = 0  # that were made to the public endpoint meanwhile
    failed_requests: int = 0
    longest_gap_ms: float = 0.0
    lead_seconds: float = 0.0  # from the commit that it brought to its end; 0: unknown

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def add(kube: KubeApi, namespace: str, environment: str, event: Event) -> list[Event]:
    """One more; the oldest go when there are too many. Returns the newest ones, newest first. Raises KubeError."""
    content = {key: _short(value) if isinstance(value, str) else value for key, value in asdict(event).items()}
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}"
    entry = {name: json.dumps(content, separators=(",", ":"), ensure_ascii=False)}
    metadata = {"name": RELEASE_EVENTS, "labels": {"todo.cloud/events": environment}}
    try:
        there = _patch(kube, namespace, entry)
    except NotFound:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entry}
        try:
            there = kube.create(CONFIG_MAP, namespace, body, deadline=Deadline.after(_SECONDS))
        except AlreadyExists:
            there = _patch(kube, namespace, entry)
    names = sorted(_data(there))
    if len(names) > KEEP + _MORE:
        _patch(kube, namespace, dict.fromkeys(names[:-KEEP]))
    return _newest(_data(there), KEEP)


def read(kube: KubeReader, namespace: str, most: int = KEEP) -> list[Event]:
    """The newest ones, newest first; what is no event is left out."""
    return _newest(_data(kube.find(CONFIG_MAP, namespace, RELEASE_EVENTS) or {}), most)


def _newest(data: Mapping[str, Any], most: int) -> list[Event]:
    found: list[Event] = []
    for name in sorted(data, reverse=True):
        if len(found) >= most:
            break
        try:
            found.append(parse(Event, load_json(data[name])))
        except Malformed:
            continue
    return found


def _short(text: str) -> str:
    return masked(one_line(text))[:_LONGEST]


def _patch(kube: KubeApi, namespace: str, data: Mapping[str, str | None]) -> dict[str, Any]:
    deadline = Deadline.after(_SECONDS)
    return kube.patch(CONFIG_MAP, namespace, RELEASE_EVENTS, {"data": dict(data)}, deadline=deadline)


def _data(item: Mapping[str, Any]) -> Mapping[str, Any]:
    data = item.get("data")
    return data if isinstance(data, Mapping) else {}
