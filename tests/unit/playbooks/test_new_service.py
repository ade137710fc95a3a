"""One more entry, written by a playbook: what is shown, what is written, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible

PLAYBOOK = TOP / "playbooks/new_service.yml"
ENTRY = '{"service": "search", "entry": {"port": 9000, "calls": ["orders"]}}'


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible() as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shutil.copytree(TOP / "examples/own-services", tmp_path / "shop")
    return tmp_path / "shop"


def test_the_entry_is_put_into_the_apps_file(ansible: Ansible, shop: Path) -> None:
    app, inventory = shop / "app.yml", shop / "inventories/local"
    app.chmod(0o640)
    before = app.read_text()
    shown = ansible.playbook(PLAYBOOK, "-i", inventory, "-e", ENTRY, "--check", "--diff")
    assert "+    port: 9000" in shown.stdout, shown.stdout
    assert app.read_text() == before
    run = ansible.playbook(PLAYBOOK, "-i", inventory, "-e", ENTRY, PWD=str(TOP))
    assert run.returncode == 0, run.stdout
    said = " ".join(run.stdout.split())
    assert "ansible-playbook playbooks/explain.yml -i " in said
    assert "ansible-playbook site.yml -i " in said, "this is a checkout"
    assert app.read_text() == before + "  search:\n    port: 9000\n    calls: [orders]\n"
    assert app.stat().st_mode & 0o777 == 0o640
    listed = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--list-hosts")
    assert "search" in listed.stdout.split()
    again = ansible.playbook(PLAYBOOK, "-i", inventory, "-e", "service=search")
    assert again.returncode != 0
    assert "services.search is there already; change its entry, or take another name. Nothing was changed." in " ".join(
        again.stdout.split()
    )


def test_an_inventory_without_an_apps_file_gets_it_in_its_group_vars(ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {namespace: {}}}\n")
    (tmp_path / "services.yml").write_text("plugin: todo.cloud.services\n")
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/environment.yml").write_text("environment_name: test\n")
    run = ansible.playbook(PLAYBOOK, "-i", tmp_path, "-e", '{"service": "web", "entry": {"image": "x/web:1"}}')
    assert run.returncode == 0, run.stdout
    made = yaml.safe_load((tmp_path / "group_vars/all/services.yml").read_text())
    assert made == {"services": {"web": {"image": "x/web:1"}}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("service=Web", "services.Web is 'Web', which is not a name of lower-case letters"),
        ("other=1", "the new service has no name; say it by -e service=NAME."),
        ("service=namespace", "services.namespace is there already"),
        ('{"service": "a", "entry": {"prot": 1}}', "services.a has no key 'prot'; did you mean 'port'?"),
        ('{"service": "a", "entry": {"calls": ["ordres"]}}', "there is no service 'ordres'; did you mean 'orders'?"),
    ],
)
def test_refusals(ansible: Ansible, shop: Path, given: str, said: str) -> None:
    before = (shop / "app.yml").read_text()
    run = ansible.playbook(PLAYBOOK, "-i", shop / "inventories/local", "-e", given)
    assert run.returncode != 0
    assert said in " ".join(run.stdout.split())
    assert (shop / "app.yml").read_text() == before


def test_a_first_service_without_an_image_is_refused(ansible: Ansible, tmp_path: Path) -> None:
    """It would be written, and no command would run after that."""
    shutil.copytree(TOP / "examples/start", tmp_path / "shop")
    before = (tmp_path / "shop/app.yml").read_text()
    run = ansible.playbook(PLAYBOOK, "-i", tmp_path / "shop/inventories/local", "-e", "service=web")
    assert run.returncode != 0
    assert "services.web.image is missing: say it in full" in " ".join(run.stdout.split())
    assert (tmp_path / "shop/app.yml").read_text() == before


def test_an_inventory_without_services(ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {namespace: {}}}\n")
    run = ansible.playbook(PLAYBOOK, "-i", tmp_path, "-e", "service=web")
    assert run.returncode != 0
    assert "the inventory has no services.yml with `plugin: todo.cloud.services`" in " ".join(run.stdout.split())
