"""The fingerprint that an environment published, compared with the next one."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.fingerprint import compare, format_changes
from ansible_collections.todo.cloud.plugins.module_utils.environments.inspect import checked

from tests.fuzz.frame import Target

NOW = {
    "format": 1, "environment": "staging", "namespace": "ns", "time": 1_000_000, "digest": "d",
    "objects": {"ConfigMap/a": {"uid": "1", "fields": {"data.x": "0a"}}, "Deployment/b": {"uid": "2", "fields": {}}},
    "unread": {"Pod": "not allowed"},
}  # fmt: skip
LIVE: dict[str, dict[str, Any]] = {name: {"metadata": {"name": name}} for name in ("ConfigMap/a", "Deployment/b")}


def attempt(given: Any) -> None:
    format_changes("staging", compare(checked(given), NOW, LIVE), 2)


TARGET = Target("fingerprint", (json.dumps(NOW), NOW), attempt)
