"""The newest runs are kept, whatever else was written among them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.events import KEEP, Event, add, read

from tests.support.fake_kube import FakeKube

EVENT = Event("2026-11-22T12:00:00Z", "deployment", "ada@ci", "1f3c5a7", 1, 2, "succeeded", 4.2)


def at(number: int) -> Event:
    return replace(EVENT, time=f"2026-11-22T12:{number // 60:02}:{number % 60:02}Z", to_set=number)


def test_the_newest_come_first() -> None:
    kube = FakeKube()
    assert read(kube, "ns") == []
    for number in (1, 2, 3):
        add(kube, "ns", "staging", at(number))
    assert [event.to_set for event in read(kube, "ns")] == [3, 2, 1]
    assert read(kube, "ns", most=1) == [at(3)]


def test_no_more_than_the_newest_are_kept() -> None:
    kube = FakeKube()
    for number in range(KEEP + 30):
        add(kube, "ns", "staging", at(number))
    assert [event.to_set for event in read(kube, "ns")] == list(range(KEEP + 29, 29, -1))
    assert len(kube.objects["ConfigMap", "ns", "release-events"]["data"]) <= KEEP + 20


def test_what_is_no_event_hides_none() -> None:
    kube = FakeKube()
    add(kube, "ns", "staging", EVENT)
    for name, text in (("0", "{"), ("3", json.dumps({"time": 1})), ("z", "[]")):
        kube.patch(CONFIG_MAP, "ns", "release-events", {"data": {name: text}})
    assert read(kube, "ns") == [EVENT]


def test_texts_are_short_and_show_no_secret() -> None:
    kube = FakeKube()
    add(kube, "ns", "staging", replace(EVENT, message="password=hunter2hunter2\n::error::x" + "y" * 900))
    (event,) = read(kube, "ns")
    assert "hunter2" not in event.message
    assert "\n" not in event.message
    assert " ::error" not in event.message, "no command to a runner"
    assert len(event.message) == 300


class Racing(FakeKube):
    """Another run makes the ConfigMap between the look and the creation."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "create":
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"0": json.dumps({})}}
            self.put(CONFIG_MAP, "ns", body)


def test_two_first_runs_keep_both() -> None:
    kube = Racing()
    add(kube, "ns", "staging", EVENT)
    assert read(kube, "ns") == [EVENT]
    assert "0" in kube.objects["ConfigMap", "ns", "release-events"]["data"]
    with pytest.raises(NotFound):
        kube.get(CONFIG_MAP, "ns", "other")
