"""Volumes as values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Group, Notes
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_volumes import volume_values, writable_name

from .conversions import deployment

MOUNT = {"name": "v", "mountPath": "/v"}


@pytest.mark.parametrize(("volume", "values"), [
    ({"emptyDir": {"sizeLimit": "1Gi"}}, {"writable": {"/v": "1Gi"}}),
    ({"emptyDir": {"medium": "Memory"}}, {"volumes": {"v": {"emptyDir": "", "medium": "Memory", "path": "/v"}}}),
    ({"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
     {"volumes": {"v": {"claim": "c", "readOnly": True, "path": "/v"}}}),
    ({"configMap": {"name": "c", "defaultMode": 288, "items": [{"key": "a", "path": "b"}]}},
     {"volumes": {"v": {"configMap": "c", "mode": 288, "items": {"a": "b"}, "path": "/v"}}}),
    ({"secret": {"secretName": "s", "optional": True}},
     {"volumes": {"v": {"secret": "s", "optional": True, "path": "/v"}}}),
    ({"hostPath": {"path": "/"}}, {}),
])  # fmt: skip
def test_volumes(volume: dict[str, Any], values: dict[str, Any]) -> None:
    container = {"name": "web", "volumeMounts": [MOUNT]}
    work = deployment({"volumeMounts": [MOUNT]}, volumes=[{"name": "v", **volume}])
    notes = Notes()
    assert volume_values(Group("web", work), container, notes) == values
    assert notes.unsaid == ([] if values else ["web: the volume v (hostPath)."])


def test_names_are_those_of_the_chart() -> None:
    assert writable_name("/tmp") == "tmp"
    assert writable_name("/app/.next/cache").startswith("app-next-cache-")
