"""The filter plain_credentials."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.plain_credentials import FilterModule


def test_paths_without_values() -> None:
    find = FilterModule().filters()["plain_credentials"]
    assert find({"API_TOKEN": "hunter2", "LEVEL": "debug", "URL": "amqp://a:hunter2@mq"}) == ["API_TOKEN", "URL"]
    assert find({}) == []
