"""What every role has in common: documented arguments, private names, short task files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP

ROLES = sorted(p.parent.parent for p in (TOP / "roles").glob("*/tasks/main.yml"))
SERVICES = ["backend_api", "frontend", "notification_service", "recurring_task_service", "sse_gateway"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else None


def options(role: Path) -> dict[str, dict[str, Any]]:
    return dict(load(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options", {}))


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_all_roles_are_there() -> None:
    assert {r.name for r in ROLES} >= {
        "app_service", "cluster", "dapr", "dapr_components", "environment", "kafka", "redpanda_secrets", *SERVICES,
    }  # fmt: skip


def test_defaults_are_exactly_what_is_documented(role: Path) -> None:
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert (load(role / "defaults/main.yml") or {}) == documented


def test_an_argument_is_required_or_has_a_literal_default(role: Path) -> None:
    for name, option in options(role).items():
        assert option.get("required", False) != ("default" in option), name
        assert "{{" not in str(option.get("default")), name


def test_arguments_carry_the_name_of_their_role(role: Path) -> None:
    shared = {"environment_name", "environment_namespace", "platform_manage"}
    for name in options(role):
        assert name in shared or name.startswith(f"{role.name}_"), name


def test_secrets_are_marked(role: Path) -> None:
    """But for the role that names what is wrong among them: see test_secret.py for what it shows."""
    for name, option in options(role).items():
        if name.endswith(("_password", "_secrets", "secret_values")) and name != "secret_values":
            assert option.get("no_log") is True, name


def test_values_of_the_role_itself_are_private(role: Path) -> None:
    for name in load(role / "vars/main.yml") or {}:
        assert name.startswith(f"_{role.name}_"), name


def test_task_files_are_short_and_named(role: Path) -> None:
    for file in role.glob("tasks/**/*.yml"):
        assert len(file.read_text().splitlines()) <= 100, file
        for task in load(file):
            assert task.get("name"), f"{file}: a task without a name"


def kind_of(definition: Any) -> Any:
    if isinstance(definition, str):  # a template
        return "Secret" if "secret" in definition else None
    return definition.get("kind") if isinstance(definition, dict) else None


def test_tasks_that_touch_secrets_are_never_logged() -> None:
    seen = 0
    for file in TOP.glob("roles/*/tasks/**/*.yml"):
        for task in tasks_of(load(file)):
            arguments = task.get("kubernetes.core.k8s") or task.get("kubernetes.core.k8s_info") or {}
            if "Secret" in (arguments.get("kind"), kind_of(arguments.get("definition"))):
                seen += 1
                assert task.get("no_log") is True, f"{file}: {task['name']}"
    assert seen >= 3


def tasks_of(content: Any) -> list[dict[str, Any]]:
    """All tasks of a file, those in blocks and plays too."""
    found: list[dict[str, Any]] = []
    for entry in content if isinstance(content, list) else []:
        found.append(entry)
        for name in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            found += tasks_of(entry.get(name))
    return found


def test_modules_of_kubernetes_core_act_as_all_other_clients_do() -> None:
    files = [*(TOP / "roles").rglob("*.yml"), *(TOP / "playbooks").rglob("*.yml")]
    tasks = [
        task for path in files for task in tasks_of(load(path)) if any("kubernetes.core.k8s" in key for key in task)
    ]
    wanted = "{{ lookup('todo.cloud.client_environment') }}"
    assert len(tasks) > 10
    assert [task["name"] for task in tasks if task.get("environment") != wanted] == []
