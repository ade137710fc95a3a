"""notification-service: a reminder becomes one log line."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.apps.processes import Launcher, Running
from tests.unit.apps.sidecar import Sidecar


@pytest.fixture(scope="module")
def notifier(launcher: Launcher, sidecar: Sidecar) -> Running:
    return launcher.start("notification_service", DAPR_HTTP_PORT=sidecar.port)


def _reminder(title: str) -> dict[str, Any]:
    task = {"id": str(uuid4()), "title": title, "notes": "", "due": None, "recurrence": "none"}
    task["remind_at"] = "2026-05-01T08:00:00+00:00"
    data = {"user_id": "u1", "reminder_id": str(uuid4()), "task": task}
    return {"id": str(uuid4()), "type": "reminder.due", "data": data}


def test_it_subscribes(notifier: Running, sidecar: Sidecar) -> None:
    assert sidecar.routes(notifier) == {"reminders": "/subscriptions/reminders"}


def test_a_reminder_is_reported_once_with_the_task(notifier: Running, sidecar: Sidecar) -> None:
    event = _reminder("Call the plumber")
    again = event | {"id": str(uuid4())}  # the same reminder, published twice
    assert [sidecar.deliver(notifier, message, "reminders") for message in (event, event, again)] == ["SUCCESS"] * 3
    [line] = notifier.logged("reminder: Call the plumber")
    assert line["task"] == event["data"]["task"]
    assert (line["reminder_id"], line["user_id"]) == (event["data"]["reminder_id"], "u1")
    assert notifier.metric('notifications_total{result="duplicate"}') >= 2


def test_it_remembers_through_a_restart(notifier: Running, launcher: Launcher, sidecar: Sidecar) -> None:
    event = _reminder("Buy bread")
    sidecar.deliver(notifier, event, "reminders")
    other = launcher.start("notification_service", DAPR_HTTP_PORT=sidecar.port)
    assert sidecar.deliver(other, event, "reminders") == "SUCCESS"
    assert not other.logged("reminder: Buy bread")


def test_without_a_state_store_it_notifies_and_says_so(notifier: Running, sidecar: Sidecar) -> None:
    sidecar.keeps_state = False
    event = _reminder("Feed the cat")
    for _ in range(2):
        assert sidecar.deliver(notifier, event, "reminders") == "SUCCESS"
    assert len(notifier.logged("reminder: Feed the cat")) == 1
    assert notifier.logged("the state store can't be used (it answers 400)")


@pytest.mark.parametrize("missing", ["user_id", "reminder_id", "task"])
def test_an_incomplete_reminder_is_dropped(notifier: Running, sidecar: Sidecar, missing: str) -> None:
    event = _reminder("Never sent")
    del event["data"][missing]
    assert sidecar.deliver_raw(notifier, json.dumps(event).encode(), "reminders") == "DROP"
    assert not notifier.logged("reminder: Never sent")
