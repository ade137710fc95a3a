"""States of workloads as a real cluster showed them: the fixtures of the readiness tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Clock
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

FIXTURES = Path(__file__).parents[1] / "unit/plugins/module_utils/readiness/fixtures"
LATER = 2_000_000_000.0  # server time long after all fixtures


def objects(name: str) -> list[dict[str, Any]]:
    """The objects of a state, the workload first."""
    return list(yaml.safe_load_all((FIXTURES / f"{name}.yaml").read_text()))[1:]


def tree(name: str) -> Tree:
    """The workload of a state with all that it owns."""
    workload, *others = objects(name)
    return tree_of(workload, others)


def at(seconds: float, server: float = 0.0) -> Clock:
    """Server time 0 makes every server timestamp lie in the future: only the local clock counts then."""
    return Clock(seconds, server)
