"""The template of the pods as values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_pod import (
    full_image,
    main_container,
    pod_values,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Group, Notes

from .conversions import SERVICE, deployment, is_credential


def values(work: dict[str, Any]) -> dict[str, Any]:
    return pod_values(Group("web", work, objects=[SERVICE]), 3000, Notes(), is_credential)


@pytest.mark.parametrize(("image", "full"), [
    ("nginx:1", "docker.io/library/nginx:1"), ("acme/web:1", "docker.io/acme/web:1"),
    ("ghcr.io/a/b:1", "ghcr.io/a/b:1"), ("localhost/a", "localhost/a"), ("r:5000/a", "r:5000/a"),
])  # fmt: skip
def test_images_in_full(image: str, full: str) -> None:
    assert full_image(image) == full


def test_the_service_is_the_container_that_its_service_asks() -> None:
    work = deployment()
    work["spec"]["template"]["spec"]["containers"].insert(0, {"name": "proxy", "image": "p:1"})
    assert main_container(Group("shop", work, objects=[SERVICE]))["name"] == "web"


def test_who_it_is_and_how_it_ends() -> None:
    container = {"securityContext": {"runAsUser": 5}, "lifecycle": {"preStop": {"sleep": {"seconds": 7}}}}
    found = values(deployment(container, securityContext={"runAsUser": 1, "fsGroup": 2}))
    assert found["security"] == {"user": 5, "readOnlyRoot": False, "fsGroup": 2}
    assert found["preStopSleepSeconds"] == 7
    assert found["podLabels"] == {"team": "a"}, "labels that are selected by follow from the entry"
    assert "podAnnotations" not in found, "restarts after a change of a ConfigMap follow too"


def test_its_sidecar() -> None:
    work = deployment()
    work["spec"]["template"]["metadata"]["annotations"] = {
        "dapr.io/enabled": "true", "dapr.io/app-id": "w", "dapr.io/block-shutdown-duration": "10s", "a": "b",
    }  # fmt: skip
    found = values(work)
    assert found["dapr"] == {"annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "w"}}
    assert found["podAnnotations"] == {"a": "b"}
