"""The modules of DigitalOcean as programs: options, results by their schemas, failures in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schemas import check_result
from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean
from tests.support.environ import clean_environ
from tests.support.module_server import ModuleServer
from tests.unit.plugins.module_utils.digitalocean.conftest import body

TOP = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def server() -> Iterator[ModuleServer]:
    with ModuleServer(TOP) as running:
        yield running


@pytest.fixture
def cloud() -> Iterator[FakeDigitalOcean]:
    """Its clock runs, and a thousand times as fast as ours."""
    with FakeDigitalOcean(Account(Clock(speed=1000))).serving() as served:
        yield served
        assert served.violations == []


@pytest.fixture
def run(server: ModuleServer, cloud: FakeDigitalOcean) -> Any:
    def ran(module: str, check: bool = False, token: str = TOKEN, **params: Any) -> dict[str, Any]:
        environ = {
            **clean_environ("TODO_", "DIGITALOCEAN_", "DO_"),
            "DIGITALOCEAN_ACCESS_TOKEN": token,
            "DIGITALOCEAN_API_URL": cloud.url,
        }
        output = server.run(
            module,
            {"_ansible_check_mode": check, "_ansible_diff": True, "api_ca_path": cloud.ca_path, **params},
            environ,
            600,
        )
        assert token not in output
        found: dict[str, Any] = json.loads(output)
        check_result(module, found)
        return found

    return ran


def test_one_cluster_and_all(cloud: FakeDigitalOcean, run: Any) -> None:
    assert run("doks_cluster_info", name="todo")["clusters"] == []
    for name in ("a", "b", "todo"):
        cloud.account.create(body(name))
    assert [each["name"] for each in run("doks_cluster_info")["clusters"]] == ["a", "b", "todo"]
    found = run("doks_cluster_info", name="todo", options=True)
    assert [each["name"] for each in found["clusters"]] == ["todo"]
    assert "s-2vcpu-4gb" in found["options"]["sizes"]


def test_a_token_that_is_not_good(run: Any) -> None:
    found = run("doks_cluster_info", token="dop_v1_expired-token")
    assert found["failure"]["code"] == "cloud_denied"
    assert "kubernetes:read" in found["msg"]


def test_a_kubeconfig_in_memory_and_in_a_file(cloud: FakeDigitalOcean, run: Any, tmp_path: Path) -> None:
    cloud.account.create(body())
    cloud.account.clock.sleep(300)
    found = run("doks_kubeconfig", name="todo", check=True)
    assert found["kubeconfig"]["current-context"] == found["context"] == "do-fra1-todo"
    assert not found["changed"]
    path = tmp_path / "config"
    assert run("doks_kubeconfig", name="todo", dest=str(path), check=True)["changed"]
    assert not path.exists()
    kept = run("doks_kubeconfig", name="todo", dest=str(path))
    assert kept["changed"]
    assert "dop_v1_kube" not in json.dumps(kept)
    assert not run("doks_kubeconfig", name="todo", dest=str(path))["changed"]
    assert run("doks_kubeconfig", name="none")["failure"]["code"] == "not_found"


def test_a_cluster_from_nothing_and_away_again(cloud: FakeDigitalOcean, run: Any) -> None:
    """In real time, a thousand times as fast: the module sleeps between its looks."""
    cloud.account.takes = dict.fromkeys(cloud.account.takes, 0.0)
    wanted: dict[str, Any] = {
        "name": "todo", "region": "fra1", "version": "1.36", "tags": ["todo"],
        "node_pools": [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}],
    }  # fmt: skip
    assert run("doks_cluster", check=True, **wanted)["changed"]
    assert run("doks_cluster", **wanted, budget=40)["failure"]["code"] == "budget_exceeded"
    assert cloud.writes() == []
    made = run("doks_cluster", **wanted)
    assert (made["changed"], made["cluster"]["state"], made["monthly_cost"]) == (True, "running", 48.0)
    again = run("doks_cluster", **wanted)
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert run("doks_cluster", **{**wanted, "region": "nyc1"})["failure"]["code"] == "cluster_fixed"
    assert len(cloud.writes()) == 1
    cloud.kubeconfig = "none"
    refused = run("doks_cluster", name="todo", state="absent")
    assert refused["failure"]["code"] == "cluster_in_use"  # it cannot be asked
    gone = run("doks_cluster", name="todo", state="absent", delete_unchecked=True)
    assert gone["changed"]
    assert gone["warnings"]
    assert not run("doks_cluster", name="todo", state="absent")["changed"]


def test_a_bill(run: Any) -> None:
    pools = [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}]
    found = run("digitalocean_cost", node_pools=pools, credit=200)
    assert (found["monthly"], found["credit_days"]) == (60.0, 93)
    assert run("digitalocean_cost", node_pools=pools, budget=59)["failure"]["code"] == "budget_exceeded"
    needs = [{"name": "api", "pods": 12, "cpu": "100m", "memory": "250Mi"}]
    found = run("digitalocean_cost", needs=needs, node_pools=pools)
    assert (found["smallest"], found["room"]) == ({"size": "s-4vcpu-8gb", "count": 1, "monthly": 48.0}, True)
    assert run("digitalocean_cost", needs=needs, load_balancers=0)["monthly"] == 48
    needs[0]["memory"] = "90Gi"
    assert run("digitalocean_cost", needs=needs)["failure"]["code"] == "unschedulable"
