"""runAsNonRoot and the users of images, as the kubelet takes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.users import images_that_say, unfit_users
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import Template

IMAGE = "ghcr.io/todo-app/web:v1"
NON_ROOT = {"runAsNonRoot": True}


def told(user: str | None, whole: dict[str, Any], own: dict[str, Any] | None = None, **more: Any) -> list[str]:
    """What is said of a container. ``user``: its image's, None if it is not known."""
    container = {"name": "web", "image": IMAGE, "securityContext": own or {}}
    spec = {"securityContext": whole, "containers": [container], **more}
    pod = {
        "spec": {**spec, "containers": [container, {"name": "daprd", "image": "daprd", "securityContext": NON_ROOT}]}
    }
    template = Template("Deployment web", "ns", {}, {}, spec)
    found = list(unfit_users("web", template, pod, {} if user is None else {IMAGE: user, "daprd": "x"}))
    assert {(problem.code, problem.certain) for problem in found} <= {(Code.CONTAINER_START, True)}
    return [problem.message for problem in found]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("node", "the user of image ghcr.io/todo-app/web:v1 is 'node', a name, which the kubelet cannot check"),
        ("app:1000", "'app', a name"),
        ("", "the user of image ghcr.io/todo-app/web:v1 is root"),
        ("0", "is '0'"),
        ("0:0", "is '0'"),
    ],
)
def test_a_user_of_an_image_that_the_kubelet_refuses(user: str, why: str) -> None:
    for whole, own in ((NON_ROOT, {}), ({}, NON_ROOT)):
        (message,) = told(user, whole, own)
        assert message.startswith("container web of Deployment web has runAsNonRoot, and ")
        assert why in message


@pytest.mark.parametrize(
    ("user", "whole", "own"),
    [
        ("1000", NON_ROOT, {}),
        ("1000:nodes", NON_ROOT, {}),
        (None, NON_ROOT, {}),
        ("node", {**NON_ROOT, "runAsUser": 1000}, {}),
        ("node", NON_ROOT, {"runAsUser": 1000}),
        ("node", NON_ROOT, {"runAsNonRoot": False}),
        ("node", {}, {}),
    ],
)
def test_nothing_to_say(user: str | None, whole: dict[str, Any], own: dict[str, Any]) -> None:
    assert told(user, whole, own) == []


def test_root_by_its_number_needs_no_registry() -> None:
    assert told(None, {**NON_ROOT, "runAsUser": 0}) == [
        "container web of Deployment web has runAsNonRoot, and its runAsUser is 0"
    ]
    assert told("node", NON_ROOT, os={"name": "windows"}) == []


def test_images_are_asked_about_where_nothing_else_says_the_user() -> None:
    spec = {"initContainers": [{"name": "a", "image": "one"}], "containers": [{"name": "b", "image": "two"}]}
    template = Template("Deployment web", "ns", {}, {}, spec)
    assert images_that_say(template, {"spec": {**spec, "securityContext": NON_ROOT}}) == {"one", "two"}
    assert images_that_say(template, {"spec": {**spec, "securityContext": {**NON_ROOT, "runAsUser": 1}}}) == set()
    assert images_that_say(template, {"spec": spec}) == set()
