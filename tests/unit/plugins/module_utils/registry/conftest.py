"""A registry, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.support.fake_registry import FakeRegistry

NAME = "todo-app/web"
PASSWORD = "correct horse"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def ref(what: str, name: str = NAME) -> Reference:
    joint = "@" if what.startswith("sha256:") else ":"
    return Reference.parse(f"registry.example.com/{name}{joint}{what}")


def client(registry: FakeRegistry, pauses: list[float] | None = None, **options: Any) -> RegistryClient:
    waits = [] if pauses is None else pauses
    access = Access.to("registry.example.com", {"endpoint": registry.url, **options})
    return RegistryClient("registry.example.com", access, 20, waits.append)


def failure(run: Any, *args: Any) -> Any:
    with pytest.raises(TodoCloudError) as caught:
        run(*args)
    return caught.value.failure
