"""The playbooks as files: they parse, ask for their cluster, and hold nothing that --limit would skip by surprise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.expressions import expressions

PLAYBOOKS = sorted((TOP / "playbooks").glob("*.yml"))
# Modules of plays that do not reach the cluster.
WITHOUT_A_CLUSTER = {
    f"ansible.builtin.{name}" for name in ("meta", "fail", "set_fact", "assert", "copy", "debug", "uri")
}
# For those who have no inventory yet, and for a job that failed: they need none.
WITHOUT_AN_INVENTORY = {"convert", "notify"}
ENTRY_PLAYBOOKS = [TOP / "site.yml", TOP / "rollback.yml"]


def plays(playbook: Path) -> list[dict[str, Any]]:
    return [play for play in yaml.safe_load(playbook.read_text()) if "hosts" in play]


def test_all_playbooks_are_there() -> None:
    assert {p.stem for p in PLAYBOOKS} >= {
        "adopt",
        "cluster",
        "environment",
        "lock",
        "plan",
        "platform",
        "promote",
        "rollback",
        "services",
        "site",
        "status",
        "teardown",
        "verify",
    }


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible() as ansible:
        yield ansible


def test_syntax(ansible: Ansible) -> None:
    run = ansible.playbook("--syntax-check", *PLAYBOOKS, *ENTRY_PLAYBOOKS, "-i", TOP / "inventories/local")
    assert run.returncode == 0, run.stdout
    assert "WARNING" not in run.stdout, run.stdout
    for playbook in [*PLAYBOOKS, *ENTRY_PLAYBOOKS]:
        assert f"playbook: {playbook}" in run.stdout


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda p: p.stem)
def test_plays_use_the_inventorys_cluster_and_hosts(playbook: Path) -> None:
    for play in plays(playbook):
        if playbook.stem not in WITHOUT_AN_INVENTORY:
            assert "localhost" not in play["hosts"], "plays on localhost are skipped under --limit"
        assert play["gather_facts"] is False
        assert "strategy" in play, "with another one, run_once would mean every host"
        if any(not WITHOUT_A_CLUSTER & task.keys() for task in play["tasks"]):
            assert "group/todo.cloud.k8s" in play["module_defaults"], play["name"]
            assert play["environment"] == "{{ run_environment }}", play["name"]


@pytest.mark.parametrize("playbook", ENTRY_PLAYBOOKS, ids=lambda p: p.stem)
def test_an_entry_playbook_is_one_import(playbook: Path) -> None:
    content = yaml.safe_load(playbook.read_text())
    assert [play["ansible.builtin.import_playbook"] for play in content] == [f"todo.cloud.{playbook.stem}"]


def test_a_limit_reaches_exactly_one_release(ansible: Ansible) -> None:
    run = ansible.playbook("site.yml", "-i", "inventories/local", "--limit", "kafka", "--list-hosts")
    assert run.returncode == 0, run.stdout
    hosts = [line.strip() for line in run.stdout.splitlines() if line.startswith("      ")]
    assert hosts
    assert set(hosts) == {"kafka"}


def test_production_is_not_torn_down_without_the_second_word(ansible: Ansible) -> None:
    run = ansible.playbook(
        "playbooks/teardown.yml", "-i", "inventories/production", "-e", "teardown_confirm=todo-production"
    )
    assert run.returncode != 0
    assert "add -e teardown_production=production" in " ".join(run.stdout.split())


def tasks_of(node: Any) -> Iterator[dict[str, Any]]:
    """All tasks of a list, those of blocks and included files too."""
    for task in node:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))
        for include in ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks"):
            if include in task:
                yield from tasks_of(yaml.safe_load((TOP / "playbooks" / task[include]).read_text()))


def set_by(tasks: list[dict[str, Any]]) -> set[str]:
    """Names of the facts and results that tasks leave behind."""
    facts = {name for task in tasks for name in task.get("ansible.builtin.set_fact", {})}
    return facts | {task["register"] for task in tasks if "register" in task}


def test_what_one_play_hands_to_another_is_named_in_one_place() -> None:
    handed = set(re.findall(r"^#   (\w+) ", (TOP / "playbooks/vars/handed.yml").read_text(), re.MULTILINE))
    assert handed == {
        "release", "promotion", "isolation_seen", "services_applied", "platform_found", "phase_completed",
        "ingress_missing_hosts",
    }  # fmt: skip
    all_plays = [(book, play, list(tasks_of(play["tasks"]))) for book in PLAYBOOKS for play in plays(book)]
    names = {"release"} | {name for _, _, tasks in all_plays for name in set_by(tasks)}
    for book, play, tasks in all_plays:
        evaluated = "\n".join(expressions([*tasks, {**play, "tasks": []}]))
        used = {name for name in names - set_by(tasks) if re.search(rf"(?<![\w.'/]){name}\b", evaluated)}
        assert used == set(), f"{book.name}: {play['name']}"


def test_every_role_that_is_compared_describes_its_part() -> None:
    """Else its part is left out of the comparison, and the role runs whole each time, as if nothing were known."""
    (play,) = plays(TOP / "playbooks/inspect.yml")
    (described,) = [task for task in play["tasks"] if "ansible.builtin.include_role" in task]
    roles = re.findall(r"'(\w+)'", next(line for line in described["when"] if line.startswith("_inspect_role in")))
    assert len(roles) > 5
    for role in roles:
        assert "platform_part:" in (TOP / f"roles/{role}/tasks/describe.yml").read_text(), role
