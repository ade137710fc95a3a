"""The role cluster at DigitalOcean's stand-in: made once, kept, only read by another inventory; and destroy_cluster."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean
from tests.unit.ansible_runs import TOP, Ansible

DOKS = {"region": "fra1", "version": "1.36", "node_pools": [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}]}


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeDigitalOcean]:
    with FakeDigitalOcean(Account(Clock(speed=1000))).serving() as served:
        served.account.takes = dict.fromkeys(served.account.takes, 0.0)
        yield served
        assert served.violations == []


@pytest.fixture(scope="module")
def ansible(cloud: FakeDigitalOcean) -> Iterator[Ansible]:
    with Ansible(DIGITALOCEAN_API_URL=cloud.url, DIGITALOCEAN_ACCESS_TOKEN=TOKEN) as ansible:
        yield ansible


def test_all_settings_are_handed_on() -> None:
    role = TOP / "roles/cluster"
    known = set(yaml.safe_load((role / "vars/main.yml").read_text())["_cluster_doks_settings"])
    handed = set(re.findall(r"cluster_doks\.(\w+)", (role / "tasks/provider/doks.yml").read_text()))
    documented = (role / "meta/argument_specs.yml").read_text()
    assert known == handed
    assert [name for name in known if f"C({name})" not in documented] == []


def test_a_cluster_is_made_kept_read_and_destroyed(cloud: FakeDigitalOcean, ansible: Ansible, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    variables: dict[str, Any] = {
        "cluster_provider": "doks", "cluster_doks": DOKS, "cluster_kubeconfig": str(kubeconfig),
        "cluster_context": "do-fra1-todo", "environment_name": "staging", "platform_manage": True,
    }  # fmt: skip

    def role(**more: Any) -> Any:
        return ansible.role("cluster", tmp_path, "provider/doks", **variables, **more)

    missing = role(cluster_platform_manage=False)
    assert "this inventory only reads it" in " ".join(missing.stdout.split())
    assert cloud.writes() == []
    made = role()
    assert made.returncode == 0, made.stdout
    assert TOKEN not in made.stdout
    assert yaml.safe_load(kubeconfig.read_text())["current-context"] == "do-fra1-todo"
    for more in ({}, {"cluster_platform_manage": False}):
        again = role(**more)
        assert "changed=0" in again.stdout, again.stdout
    assert cloud.writes() == ["POST /v2/kubernetes/clusters"]

    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(json.dumps({"cluster": {"hosts": {"todo": {**local, **variables, "cluster_name": "todo"}}}}))

    def destroy(*arguments: str) -> str:
        return " ".join(ansible.playbook(TOP / "playbooks/destroy_cluster.yml", "-i", hosts, *arguments).stdout.split())

    assert "add -e destroy_confirm=todo" in destroy("-e", "destroy_confirm=other")
    assert "add -e destroy_production=production" in destroy("-e", "environment_name=production")
    assert "does not manage a cluster" in destroy("-e", "platform_manage=false")
    assert len(cloud.account.clusters) == 1
    cloud.kubeconfig = "none"  # its API server is nowhere: what it holds is not known
    assert "cannot be asked which environments are in it" in destroy("-e", "destroy_confirm=todo")
    assert len(cloud.account.clusters) == 1
