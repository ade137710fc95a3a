"""playbooks/convert.yml on what somebody else made: nothing of it is run, and nothing outside of it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import built

NAMES = "abcdefghij"
BOMB = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{NAMES[at - 1]}'] * 9) if at else 'x'}]" for at, name in enumerate(NAMES)
)


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(TOP) as running:
        yield running


def converted(ansible: Ansible, folder: Path, **given: str) -> Any:
    extra = {"helm_binary": str(built("bin/helm")), **given}
    return ansible.playbook(TOP / "playbooks/convert.yml", "-e", json.dumps(extra), PWD=str(folder))


def test_templates_of_a_compose_file_are_never_filled_in(ansible: Ansible, tmp_path: Path) -> None:
    hostile = "{{ lookup('ansible.builtin.pipe', 'touch " + str(tmp_path / "ran") + "') }}"
    web = {
        "image": f"x/{hostile}:1", "environment": {"A": hostile, hostile: "x"}, "command": [hostile, "{%raw%}"],
        "labels": {hostile: hostile}, "healthcheck": {"test": ["CMD", hostile]},
    }  # fmt: skip
    (tmp_path / "compose.yml").write_text(yaml.safe_dump({"services": {"web": web, hostile: web}}))
    done = converted(ansible, tmp_path, **{"from": "compose.yml", "to": "app.yml"})
    assert "lookup(" in done.stdout, done.stdout[-3000:]
    assert not (tmp_path / "ran").exists()
    written = (tmp_path / "app.yml").read_text()
    assert "!unsafe" in written
    assert all("!unsafe" in line for line in written.splitlines() if "{{" in line.partition(": ")[2])


def test_a_chart_that_leads_elsewhere_and_a_bomb_of_values_are_one_sentence(ansible: Ansible, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (tmp_path / "bomb.yml").write_text(BOMB)
    done = converted(ansible, tmp_path, **{"from": "chart", "values": "bomb.yml"})
    assert done.returncode
    assert "document contains excessive aliasing" in done.stdout
    (chart / "values.yaml").symlink_to("/etc/passwd")
    done = converted(ansible, tmp_path, **{"from": "chart"})
    assert done.returncode
    assert "is a link that leads out of there" in " ".join(done.stdout.split())
    assert "root:" not in done.stdout
