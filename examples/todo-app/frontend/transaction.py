"""A person's way through the whole app, for deployments to try: `python -m frontend.transaction`.

Registers, creates a daily task, completes it, waits for the next one (which takes backend-api, the broker and
recurring-task-service), and deletes all of it. Environment: FRONTEND_URL. It ends with 1 and one sentence on a failure.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from todo_common import trace

NEXT_SECONDS = 5
_LEAVE = ("delete the account", "DELETE", "/api/me", 204)
_CONNECT_SECONDS = 10  # a pod's way out may be opened a moment after it started
_POLL_SECONDS = 0.1


class Failed(Exception):
    """What is wrong, in a sentence."""


class Person:
    """One session, its requests marked so that metrics leave them out."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, what: str, method: str, path: str, status: int, body: Any = None) -> Any:
        """The answer's JSON. Raises Failed if it is another one."""
        until = time.monotonic() + _CONNECT_SECONDS
        while True:
            try:
                answer = self._client.request(method, path, json=body)
                break
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if time.monotonic() > until:
                    raise Failed(f"{what}: {self._client.base_url} does not answer ({error})") from error
                time.sleep(_POLL_SECONDS)
            except httpx.HTTPError as error:
                raise Failed(f"{what}: no answer ({type(error).__name__})") from error
        if answer.status_code != status:
            raise Failed(f"{what}: {answer.status_code} instead of {status}: {answer.text[:200]}")
        return answer.json() if answer.content else None


def transact(person: Person) -> str:
    """All of it. What was seen, for the log. Raises Failed."""
    account = {"username": f"check-{secrets.token_hex(8)}", "password": secrets.token_urlsafe(24)}
    person.ask("register", "POST", "/api/auth/register", 201, account)
    try:
        seen = _with_a_task(person)
    except Failed:
        with suppress(Failed):
            person.ask(*_LEAVE)
        raise
    person.ask(*_LEAVE)
    return seen


def _with_a_task(person: Person) -> str:
    today = datetime.now(UTC).date().isoformat()
    wanted = {"title": "A check of a deployment", "due": today, "recurrence": "daily"}
    task = person.ask("create a task", "POST", "/api/tasks", 201, wanted)["id"]
    person.ask("read the task", "GET", f"/api/tasks/{task}", 200)
    began = time.monotonic()
    person.ask("complete it", "POST", f"/api/tasks/{task}/complete", 200)
    while True:
        tasks = person.ask("list tasks", "GET", "/api/tasks?status=open", 200)["tasks"]
        if following := [each["id"] for each in tasks if each["parent_task_id"] == task]:
            break
        if time.monotonic() - began > NEXT_SECONDS:
            raise Failed(f"completed a daily task: the next one did not come within {NEXT_SECONDS} s")
        time.sleep(_POLL_SECONDS)
    seconds = time.monotonic() - began
    for each in (task, *following):
        person.ask("delete a task", "DELETE", f"/api/tasks/{each}", 204)
    return f"registered, created, completed, the next one came after {seconds:.1f} s, deleted"


def main() -> int:
    url = os.environ.get("FRONTEND_URL") or "http://frontend"
    headers = {trace.SYNTHETIC: "true", "traceparent": trace.outgoing()}
    with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False) as client:
        try:
            print(transact(Person(client)))
        except Failed as error:
            print(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
