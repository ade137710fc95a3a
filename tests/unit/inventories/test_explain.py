"""playbooks/explain.yml: everything that follows from a service, without a cluster."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import built

SEARCH: dict[str, Any] = {
    "image": "ghcr.io/acme/search:v1", "calls": ["backend-api", "index"], "internet": ["api.example.com"], "port": 9000,
}  # fmt: skip
INDEX: dict[str, Any] = {
    "chart": "../index", "pods": {"labels": {"app": "index"}, "ports": [7700]}, "calls": ["search"], "after": [],
}  # fmt: skip
POD: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "index", "labels": {"app": "index"}},
    "spec": {"containers": [{"name": "index", "image": "ghcr.io/acme/index:v1"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The explanation of a sixth service of the Todo app, one entry in the file that all environments share."""
    folder = tmp_path_factory.mktemp("explain")
    shutil.copytree(TOP / "inventories/staging", folder / "staging")
    app = yaml.safe_load((TOP / "inventories/app.yml").read_text())
    app["services"] |= {"search": SEARCH, "index": INDEX}
    (folder / "index/templates").mkdir(parents=True)
    (folder / "index/Chart.yaml").write_text("{apiVersion: v2, name: index, version: 1.0.0}")
    (folder / "index/templates/pod.yaml").write_text(yaml.safe_dump(POD))
    (folder / "app.yml").write_text(yaml.safe_dump(app))
    given = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "TODO_VERSION": "sha-0123abc"}
    playbook, helm = TOP / "playbooks/explain.yml", built("bin/helm")
    with Ansible(TOP, **given) as ansible:
        run = ansible.playbook(
            playbook, "-i", folder / "staging", "-e", "service=search", "-e", f"helm_binary={helm}",
            PWD=str(folder), TODO_VERSION="sha-0123abc",
        )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    printed = run.stdout.partition("TASK [Explanation]")[2].partition(" => ")[2]
    return list(json.JSONDecoder().raw_decode(printed)[0]["msg"])


def test_it_is_in_its_wave(lines: list[str]) -> None:
    assert lines[0] == "search: wave 3 of 3, chart service"
    assert "  Deployment search" in lines


def test_each_value_has_its_place(lines: list[str]) -> None:
    written = [line.split() for line in lines if line.strip().startswith(("port ", "image "))]
    assert [(line[0], line[1]) for line in written] == [("image", "ghcr.io/acme/search:v1"), ("port", "9000")]
    assert all(line[2].startswith("app.yml:") for line in written)


def test_what_it_may_reach_is_listed(lines: list[str]) -> None:
    assert {"  backend-api : 8080", "  index : 7700", "  internet : 443"} <= set(lines)


def test_a_chart_of_their_own_is_called_and_calls(lines: list[str]) -> None:
    """The entry says its pods' labels; the policies are the environment's."""
    assert {"  index : 9000", "  index : 7700"} <= set(lines)


def test_the_internet_is_a_line_of_its_own(lines: list[str]) -> None:
    assert lines[-1] == (
        "search: the network policy opens port 443 of all public addresses, for api.example.com: it knows no host names"
    )


def test_the_local_environment_is_explained_before_there_is_a_cluster(tmp_path: Path) -> None:
    """As typed: no cluster, no kubeconfig, nothing is downloaded."""
    with Ansible(TOP, ANSIBLE_CALLBACK_RESULT_FORMAT="json", HOME=str(tmp_path), KUBECONFIG="") as ansible:
        run = ansible.playbook(
            TOP / "playbooks/explain.yml", "-i", TOP / "inventories/local", "-e", f"helm_binary={built('bin/helm')}",
            TODO_CLOUD_CACHE=str(tmp_path), KUBECONFIG="",
        )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    assert re.search(r"backend-api +-> 192\.0\.2\.1/32 +: 5432", run.stdout), run.stdout[-3000:]
