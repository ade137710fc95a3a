"""Each inventory as the playbooks see it: the real roles describe, nothing is asked of a cluster."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ansible_runs import TOP, ansible_playbook
from tests.unit.charts.rendering import Helm, built

OWN = ("local", "staging", "production")
EXAMPLES = ("aks", "gke", "oke", "kind", "minikube")
CANARY = "canary-7d1f"
SECRETS = ("DATABASE_URL", "SECRET_KEY", "SERVICE_TOKEN", "BROKER_PASSWORD", "REGISTRY_PASSWORD", "SMTP_PASSWORD")
FACTS = {
    "url": "http://10.240.0.2:30080",
    "database_ip": "10.240.0.2",
    "database_url": f"postgresql://todo:{CANARY}@10.240.0.2:5432/todo",
}


def folder(inventory: str) -> Path:
    return TOP / ("inventories" if inventory in OWN else "examples/inventories") / inventory


@functools.cache
def rendered(inventory: str) -> dict[str, Any]:
    """What would be deployed, with secrets that are easy to find again."""
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch) / "clusters" / "local"
        state.mkdir(parents=True)
        (state / "cluster.json").write_text(json.dumps(FACTS))
        out = Path(scratch) / "rendered.json"
        secrets: dict[str, Any] = {f"TODO_{name}": CANARY for name in SECRETS}
        run = ansible_playbook(
            TOP / "tests/unit/inventories/render.yml", "-i", folder(inventory), "-e", f"rendered={out}",
            TODO_CLOUD_CACHE=scratch, TODO_VERSION="sha-0123abc", **secrets,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-4000:]
        assert "[WARNING]" not in run.stdout, run.stdout[:2000]
        return dict(json.loads(out.read_text()))


@pytest.fixture(params=[*OWN, *EXAMPLES], scope="session")
def inventory(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def described(inventory: str) -> dict[str, Any]:
    return rendered(inventory)


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(built("bin/helm"))
