# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The values of charts/dapr-components that follow from all entries: which app may use what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .graph import invoked
from .topics import DEAD
from .values import callers_configuration, dapr_of

Entries = Mapping[str, Mapping[str, Any]]
_TOPICS = ("publishes", "subscribes")


def components(entries: Entries, defaults: Mapping[str, Any], others: Sequence[str]) -> dict[str, Any]:
    """The values that follow from the entries, over the chart's defaults.

    Apps of the defaults stay where they are releases of hosts written by hand; others are taken out.
    What the defaults say already is left out.

    :param defaults: the chart's values
    :param others: releases of hosts that are written by hand
    """
    found: dict[str, Any] = {}
    for part, own in (("pubsub", _pubsub(entries)), ("broadcast", _broadcast(entries))):
        apps = defaults[part]["apps"]
        changed = _changed(apps, others, {app: _with(topics, apps, app, others) for app, topics in own.items()})
        if not own and not set(apps) & set(others):
            found[part] = {"enabled": False}
        elif changed:
            found[part] = {"apps": changed}
    secrets = {app: list(dapr["secrets"]) for app, dapr in _apps(entries) if dapr.get("secrets")}
    changed = _changed(defaults["secretStore"]["apps"], others, secrets)
    if changed:
        found["secretStore"] = {"apps": changed}
    stores = [app for app in defaults["statestore"]["apps"] if app in others]
    stores = list(dict.fromkeys([*stores, *(app for app, dapr in _apps(entries) if dapr.get("state"))]))
    if set(stores) != set(defaults["statestore"]["apps"]):
        found["statestore"] = {"apps": stores}
    made = {
        "components": _components(entries), "subscriptions": _subscriptions(entries),
        "configurations": _configurations(entries),
    }  # fmt: skip
    return found | {key: values for key, values in made.items() if values}


def uses_broker(entries: Entries) -> bool:
    """Whether one of them publishes or receives messages, so that there must be a broker."""
    return any(dapr.get(key) for _app_id, dapr in _apps(entries) for key in (*_TOPICS, "broadcasts"))


def same_bindings(entries: Entries) -> Iterator[str]:
    """What is wrong with calls at times: those of one name have one schedule, and no component has that name."""
    seen: dict[str, tuple[str, str]] = {}
    for name, entry in entries.items():
        for binding, schedule in ((dapr_of(entry) or {}).get("cron") or {}).items():
            first, other = seen.setdefault(binding, (name, schedule))
            if other != schedule:
                yield f"services.{name}.dapr.cron.{binding}: services.{first} has another schedule for that name."
    for name, entry in entries.items():
        for component in (dapr_of(entry) or {}).get("components") or ():
            if component in seen:
                yield f"services.{name}.dapr.components: {component} is a cron of services.{seen[component][0]}."


def _apps(entries: Entries) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The id of each app with a sidecar, and what its entry says of it."""
    for name, entry in entries.items():
        dapr = dapr_of(entry)
        if dapr is not None:
            yield dapr.get("app_id", name), dapr


def _pubsub(entries: Entries) -> dict[str, dict[str, list[str]]]:
    told = {app: {key: list(dapr.get(key) or ()) for key in _TOPICS} for app, dapr in _apps(entries)}
    for app, dapr in _apps(entries):  # the sidecar publishes what its app refuses, as its app
        dead = [f"{topic}{DEAD}" for topic in told[app]["subscribes"]] if dapr.get("dead_letters") else []
        told[app]["publishes"] += [topic for topic in dead if topic not in told[app]["publishes"]]
    return {app: topics for app, topics in told.items() if any(topics.values())}


def _broadcast(entries: Entries) -> dict[str, dict[str, list[str]]]:
    told = {app: dapr.get("broadcasts") for app, dapr in _apps(entries)}
    return {app: {"publishes": [], "subscribes": list(topics)} for app, topics in told.items() if topics}


def _components(entries: Entries) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for app, dapr in _apps(entries):
        for name, schedule in (dapr.get("cron") or {}).items():
            binding = {"type": "bindings.cron", "apps": [], "metadata": {"schedule": schedule, "direction": "input"}}
            found.setdefault(name, binding)["apps"].append(app)
        for name in dapr.get("components") or ():  # the environment says what they are
            found.setdefault(name, {"apps": []})["apps"].append(app)
    return found


def _subscriptions(entries: Entries) -> dict[str, Any]:
    found = {}
    for app, dapr in _apps(entries):
        topics = dapr.get("subscribes")
        for topic, path in topics.items() if isinstance(topics, Mapping) else ():
            name = re.sub(r"[^a-z0-9-]+", "-", f"{app}-{topic}".lower()).strip("-")
            found[name] = {"pubsub": "pubsub", "topic": topic, "path": path, "apps": [app]}
            if dapr.get("dead_letters"):
                found[name]["deadLetterTopic"] = f"{topic}{DEAD}"
    return found


def _configurations(entries: Entries) -> dict[str, Any]:
    """Of each service that others call through their sidecars, who may. All others are denied, as everywhere."""
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        for other in invoked(entry):
            callers = found.setdefault(callers_configuration(other), {"callers": {}})["callers"]
            callers[(dapr_of(entry) or {}).get("app_id", name)] = {"defaultAction": "allow"}
    return found


def _changed(apps: Mapping[str, Any], others: Sequence[str], wanted: Mapping[str, Any]) -> dict[str, Any]:
    without = {app: None for app in apps if app not in others}
    return {app: said for app, said in (without | dict(wanted)).items() if app not in apps or said != apps[app]}


def _with(
    topics: Mapping[str, list[str]], apps: Mapping[str, Any], app: str, others: Sequence[str]
) -> dict[str, list[str]]:
    """The topics, after those that the app has by its role."""
    default = apps.get(app, {}) if app in others else {}
    return {key: list(dict.fromkeys([*default.get(key, ()), *names])) for key, names in topics.items()}
