"""Hooks of Helm: the Job with a service's image is its migration, all else is named."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_hooks import hooks_said
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Notes

from tests.unit.plugins.module_utils.services.conversions import item

COMMAND = ["alembic", "upgrade", "head"]


def hook(when: str, kind: str = "Job", seconds: int | None = None, **container: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "template": {"spec": {"containers": [{"image": "acme/web:1", "command": COMMAND, **container}]}}
    }
    if seconds:
        spec["activeDeadlineSeconds"] = seconds
    return {**item(kind, "x", spec=spec), "metadata": {"name": "x", "annotations": {"helm.sh/hook": when}}}


def said(*hooks: dict[str, Any]) -> tuple[Any, list[str]]:
    services: dict[str, dict[str, Any]] = {
        "web": {"image": "docker.io/acme/web:1", "env": {"A": "1"}, "secrets": {"B": "b/b"}},
        "api": {"image": "docker.io/acme/api:1"},
    }
    notes = Notes()
    hooks_said(hooks, services, notes)
    assert "migrations" not in services["api"]
    return services["web"].get("migrations"), notes.unsaid


@pytest.mark.parametrize(
    ("made", "migrations"),
    [
        (hook("pre-install, pre-upgrade"), COMMAND),
        (hook("post-upgrade"), {"command": COMMAND, "when": "after"}),
        (hook("pre-upgrade", seconds=60), {"command": COMMAND, "timeout": 60}),
        (hook("pre-upgrade", image="docker.io/acme/web:2", args=[1]),
         {"command": [*COMMAND, "1"], "image": "docker.io/acme/web:2"}),
        (hook("pre-upgrade", env=[{"name": "A"}, {"name": "B"}]), COMMAND),
    ],
)  # fmt: skip
def test_a_job_with_the_image_of_a_service_is_its_migration(made: dict[str, Any], migrations: Any) -> None:
    assert said(made) == (migrations, [])


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (hook("test", "Pod"), "Pod x is a hook (test): each deployment is verified"),
        (hook("post-delete"), "Job x is a hook (post-delete): nothing runs when a service is removed or taken back."),
        (hook("pre-install", "ConfigMap"), "ConfigMap x is a hook (pre-install): keep it in `manifests`"),
        (hook("pre-install", image="other:1"), "Job x is a hook (pre-install): no service has its image;"),
        (hook("pre-install", command=[]), "Job x is a hook (pre-install): its image says what it runs;"),
        (hook(",,"), "Job x: Helm knows no hook ',,', and makes nothing of it; correct or remove its helm.sh/hook."),
        (hook("pre-install,"), "Job x: Helm knows no hook 'pre-install,', and"),
        (hook(""), "Job x: Helm knows no hook '', and"),
    ],
)
def test_what_becomes_of_others_is_named(made: dict[str, Any], why: str) -> None:
    migrations, unsaid = said(made)
    assert migrations is None
    assert unsaid[0].startswith(why)


def test_a_migration_says_what_its_service_lacks_and_is_the_only_one() -> None:
    migrations, unsaid = said(hook("pre-install", env=[{"name": "C"}]), hook("pre-upgrade"))
    assert migrations == COMMAND
    assert unsaid == [
        "Job x is a hook (pre-install): as migrations of web it lacks C; give them to web.",
        "Job x is a hook (pre-upgrade): web has migrations already; run both by one command.",
    ]
