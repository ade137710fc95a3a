"""Images that the nodes can't run, by the platforms that they are built for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.platforms import mismatches
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import Template

IMAGE = "ghcr.io/todo-app/api:v1"


def node(architecture: str, runtime: str = "containerd://2.1.1") -> dict[str, Any]:
    info = {"operatingSystem": "linux", "architecture": architecture, "containerRuntimeVersion": runtime}
    return {"metadata": {"labels": {"kubernetes.io/arch": architecture}}, "spec": {}, "status": {"nodeInfo": info}}


def found(nodes: list[dict[str, Any]], *platforms: str, **spec: Any) -> list[Problem]:
    template = Template("Deployment api", "ns", {}, {}, {"containers": [{"name": "app", "image": IMAGE}], **spec})
    return list(mismatches([("api", template)], nodes, {IMAGE: platforms} if platforms else {}))


def test_an_image_that_no_node_can_run_is_one_line_with_its_platforms_and_the_nodes() -> None:
    (problem,) = found([node("arm64")], "linux/amd64", "linux/386")
    assert (problem.code, problem.certain) == (Code.IMAGE_NOT_FOUND, True)
    assert problem.message == (
        f"image {IMAGE} of Deployment api is built for linux/386, linux/amd64; the nodes that may run it are "
        "linux/arm64"
    )
    assert "linux/arm64 too" in problem.remedy


@pytest.mark.parametrize(
    ("nodes", "platforms", "spec"),
    [
        ([node("arm64")], ("linux/arm64/v8",), {}),  # a variant
        ([node("amd64")], ("linux/amd64", "windows/amd64"), {}),
        ([node("amd64")], (), {}),  # a registry that was not asked
        ([{"status": {}}], ("linux/amd64",), {}),  # a node that does not say
        ([], ("linux/amd64",), {}),
        ([node("amd64"), node("arm64")], ("linux/amd64",), {"nodeSelector": {"kubernetes.io/arch": "amd64"}}),
    ],
)
def test_nothing_to_say(nodes: list[dict[str, Any]], platforms: tuple[str, ...], spec: dict[str, Any]) -> None:
    assert found(nodes, *platforms, **spec) == []


def test_where_the_scheduler_may_choose_or_the_runtime_emulates_it_is_only_told() -> None:
    assert [p.certain for p in found([node("amd64"), node("arm64")], "linux/amd64")] == [False]
    assert [p.certain for p in found([node("arm64", "docker://28.1.0")], "linux/amd64")] == [False]
