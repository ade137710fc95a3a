"""Each inventory as the playbooks see it: the real roles describe, nothing is asked of a cluster."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm, built

OWN = ("local", "staging", "production")
EXAMPLES = ("aks", "gke", "oke", "kind", "minikube")
OPERATORS = "operators"  # with a broker and a database that operators keep
CANARY = "canary-7d1f"
SECRETS = ("DATABASE_URL", "SECRET_KEY", "SERVICE_TOKEN", "BROKER_PASSWORD", "REGISTRY_PASSWORD", "SMTP_PASSWORD")
FACTS = {
    "url": "http://10.240.0.2:30080",
    "node_ip": "10.240.0.2",
    "database_ip": "10.240.0.2",
    "database_url": f"postgresql://todo:{CANARY}@10.240.0.2:5432/todo",
}


def folder(inventory: str) -> Path:
    return TOP / ("inventories" if inventory in OWN else "examples/inventories") / inventory


def cluster_file(inventory: str) -> dict[str, Any]:
    return dict(yaml.safe_load((folder(inventory) / "group_vars/all/cluster.yml").read_text()))


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, Any]]]:
    """What would be deployed by an inventory, with secrets that are easy to find again."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "clusters/local").mkdir(parents=True)
    (cache / "clusters/local/cluster.json").write_text(json.dumps(FACTS))
    given = {
        "TODO_CLOUD_CACHE": str(cache),
        "TODO_VERSION": "sha-0123abc",
        **{f"TODO_{name}": CANARY for name in SECRETS},
    }

    @functools.cache
    def render(inventory: str) -> dict[str, Any]:
        run = ansible.playbook(TOP / "tests/unit/inventories/render.yml", "-i", folder(inventory), **given)
        assert run.returncode == 0, run.stdout[-4000:]
        assert "[WARNING]" not in run.stdout, run.stdout[:2000]
        printed = run.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
        return dict(json.JSONDecoder().raw_decode(printed)[0]["msg"])

    with Ansible(ANSIBLE_CALLBACK_RESULT_FORMAT="json") as ansible:
        yield render


@pytest.fixture(params=[*OWN, *EXAMPLES, OPERATORS], scope="session")
def inventory(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def described(inventory: str, rendered: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return rendered(inventory)


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(built("bin/helm"))
