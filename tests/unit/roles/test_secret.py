"""The secret role on its own: what is wrong among its values is named, and no value is ever shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible_runs import Ansible

CANARY = "CANARY1CANARY1"


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    with Ansible(ANSIBLE_VERBOSITY="4", KUBECONFIG="/none") as running:
        yield running


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("{app: {until: 2024-01-01, password: CANARY1CANARY1}}", "values that are no text: until (a date)"),
        ("{app: {a: [CANARY1CANARY1], 2024-01-01: CANARY1CANARY1}}", "a (a list), 2024-01-01 (a key that is a date)"),
        ("{app: CANARY1CANARY1}", "its content as a whole"),
        ("CANARY1CANARY1", "'secret_values' is of type str"),
        ("[CANARY1CANARY1]", "'secret_values' is of type list"),
        ("{app: {password: CANARY1CANARY1}}", "Secret app of namespace x can't be written: "),
        ("{app: {password: CANARY1CANARY1, b: ''}}", "The Secrets of namespace x can't be read: "),
    ],
)
def test_what_is_wrong_is_named(values: str, named: str, ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "values.yml"
    file.write_text(f"secret_namespace: x\nsecret_values: {values}\n")
    play = {
        "name": "Role on its own", "hosts": "localhost", "gather_facts": False, "connection": "local",
        "tasks": [{"name": "Role", "ansible.builtin.include_role": {"name": "todo.cloud.secret"}}],
    }  # fmt: skip
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([play]))

    run = ansible.playbook(book, "-e", f"@{file}")

    assert run.returncode != 0
    assert CANARY not in run.stdout
    assert named in run.stdout.rstrip().splitlines()[-1]
