# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of services, and who calls whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .spec import ENVIRONMENT_NEEDS

Entries = Mapping[str, Mapping[str, Any]]


class Cycle(ValueError):
    """Services that wait for each other, in one sentence."""


def called(entry: Mapping[str, Any]) -> list[str]:
    """The services that one calls: those of ``calls``, and those among ``needs``."""
    needs = [name for name in entry.get("needs") or () if name not in ENVIRONMENT_NEEDS]
    return list(dict.fromkeys([*(entry.get("calls") or ()), *needs]))


def invoked(entry: Mapping[str, Any]) -> list[str]:
    """The services that one calls through its sidecar."""
    dapr = entry.get("dapr")
    return list(dapr.get("invokes") or ()) if isinstance(dapr, Mapping) else []


def earlier(entry: Mapping[str, Any]) -> list[str]:
    """The services that are deployed before one: those of ``after``, else those that it calls."""
    return list(entry["after"]) if "after" in entry else list(dict.fromkeys([*called(entry), *invoked(entry)]))


def callers(entries: Entries) -> dict[str, list[str]]:
    """Each service that is called, with its callers."""
    found: dict[str, list[str]] = {}
    for name, entry in entries.items():
        for other in called(entry):
            found.setdefault(other, []).append(name)
    return {name: sorted(found[name]) for name in sorted(found)}


def waves(entries: Entries) -> dict[str, int]:
    """The wave of each service, from 1. Others than these are deployed before.

    :raises Cycle: some wait for each other
    """
    done: dict[str, int] = {}

    def before(name: str) -> list[str]:
        return [other for other in earlier(entries[name]) if other in entries]

    def wave(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise Cycle(
                f"services: {' waits for '.join(circle)}. "
                f"Say in one of them what it really has to come after, for example services.{name}.after: []."
            )
        if name not in done:
            done[name] = 1 + max((wave(other, (*path, name)) for other in before(name)), default=0)
        return done[name]

    return {name: wave(name, ()) for name in entries}
