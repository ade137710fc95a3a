"""One hundred users at the public endpoint: each opens the page, signs in, lists, adds, completes and deletes tasks.

A person looks at what came for some seconds: together they make about 30 requests a second.
"""

from __future__ import annotations

import os
import socket
import uuid
from typing import Any

from locust import HttpUser, between, task

_resolve = socket.getaddrinfo


def _lead(host: Any, *more: Any, **options: Any) -> Any:
    """The public name leads to the node."""
    named = isinstance(host, str) and host.endswith(".test")
    return _resolve(os.environ["TODO_CLOUD_BENCH_ADDRESS"] if named else host, *more, **options)


socket.getaddrinfo = _lead


class Person(HttpUser):
    wait_time = between(2, 8)

    def on_start(self) -> None:
        self.client.verify = os.environ["TODO_CLOUD_BENCH_AUTHORITY"]  # only of https
        self.client.headers["Origin"] = str(self.host)
        credentials = {"username": f"load-{uuid.uuid4().hex[:12]}", "password": uuid.uuid4().hex}
        self.client.post("/api/auth/register", json=credentials, name="register")
        self.client.post("/api/auth/login", json=credentials, name="login")

    @task(3)
    def page(self) -> None:
        self.client.get("/", name="page")

    @task(4)
    def list_tasks(self) -> None:
        self.client.get("/api/tasks", name="list")

    @task(3)
    def live(self) -> None:
        answer = self.client.post("/api/tasks", json={"title": "from the load test"}, name="add")
        if answer.status_code != 201:
            return
        mine = answer.json()["id"]
        self.client.post(f"/api/tasks/{mine}/complete", name="complete")
        self.client.delete(f"/api/tasks/{mine}", name="delete")
