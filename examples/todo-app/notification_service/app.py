"""Puts notification-service together: every reminder becomes one log line with the task's details.

Reminders come at least once. Which ones were sent is remembered in the Dapr state store for a week, and in memory
where there is no state store.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

import httpx
from prometheus_client import Counter

from todo_common.dapr import REMINDERS, BadEvent, Event, subscribe
from todo_common.service import Service
from todo_common.settings import Settings

log = logging.getLogger("notification")
NOTIFIED = Counter("notifications_total", "Reminders sent", ["result"])
_KEEP_SECONDS = 7 * 24 * 3600
_KEEP_IN_MEMORY = 10_000
_STORE_SECONDS = 2


class Sent:
    """The ids of reminders that were sent. The state store is a help, not a condition."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._headers = service.settings.dapr_headers
        self._url = f"{service.settings.dapr_url}/v1.0/state/statestore"
        self._memory: OrderedDict[str, None] = OrderedDict()

    async def has(self, reminder_id: str) -> bool:
        if reminder_id in self._memory:
            return True
        try:
            response = await self._service.http.get(
                f"{self._url}/reminder-{reminder_id}", headers=self._headers, timeout=_STORE_SECONDS
            )
        except httpx.HTTPError:
            return False
        return response.status_code == 200

    async def add(self, reminder_id: str) -> None:
        self._memory[reminder_id] = None
        if len(self._memory) > _KEEP_IN_MEMORY:
            self._memory.popitem(last=False)
        entry = {"key": f"reminder-{reminder_id}", "value": True, "metadata": {"ttlInSeconds": str(_KEEP_SECONDS)}}
        try:
            response = await self._service.http.post(
                self._url, json=[entry], headers=self._headers, timeout=_STORE_SECONDS
            )
            problem = "" if response.is_success else f"it answers {response.status_code}"
        except httpx.HTTPError as error:
            problem = type(error).__name__
        if problem:
            log.warning("the state store can't be used (%s): a reminder may be sent again after a restart", problem)


def create(settings: Settings) -> Service:
    service = Service(settings)
    sent = Sent(service)

    async def on_reminder(event: Event) -> None:
        if event.type != "reminder.due":
            return
        try:
            reminder_id, task = str(event.data["reminder_id"]), event.data["task"]
            details = {name: task[name] for name in ("id", "title", "notes", "due", "remind_at", "recurrence")}
            user_id = event.data["user_id"]
        except (KeyError, TypeError) as error:
            raise BadEvent(f"event {event.id}: {type(error).__name__}: {error}") from error
        if await sent.has(reminder_id):
            NOTIFIED.labels("duplicate").inc()
            return
        fields = {"reminder_id": reminder_id, "user_id": user_id, "task": details}
        log.info("reminder: %s", details["title"], extra={"fields": fields})
        NOTIFIED.labels("told").inc()
        await sent.add(reminder_id)

    subscribe(service, {REMINDERS: on_reminder}, dead_letters=True)
    return service
