"""References of images, from values, records and pods."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.fuzz.frame import Target

SEEDS = ("ghcr.io/todo-app/api:v1.2.0", "localhost:5000/a@sha256:" + "0" * 64, "[::1]:5000/a/b:1", "nginx")


def attempt(text: Any) -> None:
    if isinstance(text, str):
        assert Reference.parse(str(Reference.parse(text))) == Reference.parse(text)


TARGET = Target("reference", SEEDS, attempt, expected=(ValueError,))
