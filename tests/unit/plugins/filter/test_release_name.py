"""A release's name follows from its host's variables alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.filter.release_name import FilterModule, release_name


@pytest.mark.parametrize(
    ("host", "variables", "name"),
    [
        ("backend_api", {}, "backend-api"),
        ("api", {"service_role": "backend_api"}, "backend-api"),
        ("queue", {"service_role": "app_service", "app_service_name": "redis-queue"}, "redis-queue"),
        ("second_queue", {"service_role": "app_service"}, "second-queue"),
        ("frontend", {"app_service_name": "of all hosts"}, "frontend"),
    ],
)
def test_names(host: str, variables: dict[str, Any], name: str) -> None:
    assert release_name(host, {host: variables}) == name


def test_it_is_a_filter() -> None:
    assert FilterModule().filters() == {"release_name": release_name}
