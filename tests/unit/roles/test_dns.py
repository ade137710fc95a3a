"""Role ingress makes DNS records at DigitalOcean's stand-in, by community.digitalocean's own modules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.digitalocean.by_name import by_name
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean
from tests.unit.ansible_runs import TOP, Ansible

HOSTS = ["todo.example.com", "example.com", "api.test.example.org"]
FOUND = [{"host": host, "state": "missing"} for host in HOSTS]


@pytest.fixture(scope="module")
def cloud() -> FakeDigitalOcean:
    return FakeDigitalOcean()


@pytest.fixture(scope="module")
def ansible(cloud: FakeDigitalOcean, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    with by_name(cloud, tmp_path_factory.mktemp("dns")) as reached, Ansible(TOP, **reached) as running:
        yield running
        assert cloud.violations == []


@pytest.fixture(autouse=True)
def empty(cloud: FakeDigitalOcean) -> None:
    cloud.account.zones = {"example.com": [], "test.example.org": [], "example.org": []}
    cloud.requests.clear()


def dns(ansible: Ansible, folder: Path, *, check: bool = False, code: int = 0, **more: Any) -> str:
    """The tasks that make records, for names of which DNS answered FOUND."""
    given: dict[str, Any] = {
        "ingress_dns_provider": "digitalocean", "ingress_address": "203.0.113.7", "ingress_dns_token": TOKEN,
        "ingress_dns_zones": ["example.com", "example.org", "test.example.org"], "_ingress_records": FOUND, **more,
    }  # fmt: skip
    play = folder / "play.yml"
    role = {"name": "todo.cloud.ingress", "tasks_from": "dns_digitalocean"}
    tasks = [{"name": "Records", "ansible.builtin.include_role": role}]
    variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play.write_text(
        json.dumps([{"name": "DNS", "hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}])
    )
    arguments = ["-i", "alone,", "-c", "local", "-e", json.dumps(given), *(["--check"] if check else [])]
    found = ansible.playbook(play, *arguments)
    assert found.returncode == code, found.stdout
    assert TOKEN not in found.stdout
    return " ".join(found.stdout.split())


def records(cloud: FakeDigitalOcean) -> list[str]:
    """All records, one a line."""
    return sorted(
        f"{each['name']} {zone} {each['type']} {each['data']}"
        for zone, found in cloud.account.zones.items()
        for each in found
    )


def test_records_are_made_once(cloud: FakeDigitalOcean, ansible: Ansible, tmp_path: Path) -> None:
    assert "todo.example.com. A 203.0.113.7: would be made" in dns(ansible, tmp_path, check=True)
    assert cloud.writes() == []
    assert "todo.example.com. A 203.0.113.7: was made" in dns(ansible, tmp_path)
    wanted = ["@ example.com A 203.0.113.7", "api test.example.org A 203.0.113.7", "todo example.com A 203.0.113.7"]
    assert records(cloud) == wanted
    again = dns(ansible, tmp_path)
    assert "changed=0" in again
    assert "is at DigitalOcean, but DNS does not answer with it yet" in again
    assert len(cloud.writes()) == 3


def test_a_record_that_leads_elsewhere_is_changed_only_if_told(
    cloud: FakeDigitalOcean, ansible: Ansible, tmp_path: Path
) -> None:
    for name, kind, data in (("todo", "A", "198.51.100.1"), ("todo", "TXT", "kept"), ("www", "A", "198.51.100.1")):
        cloud.account.add_record("example.com", {"name": name, "type": kind, "data": data})
    before = records(cloud)
    refused = dns(ansible, tmp_path, code=2)
    assert "todo.example.com has the record A 198.51.100.1 at DigitalOcean and not todo.example.com. A 203" in refused
    assert "-e ingress_dns_replace=true" in refused
    assert (records(cloud), cloud.writes()) == (before, [])
    dns(ansible, tmp_path, ingress_dns_replace=True, _ingress_records=FOUND[:1])
    wanted = ["todo example.com A 203.0.113.7", "todo example.com TXT kept", "www example.com A 198.51.100.1"]
    assert records(cloud) == wanted


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ingress_dns_zones": ["example.com"]}, "api.test.example.org is in no zone of ingress_dns_zones (example"),
        ({"ingress_dns_token": ""}, "there is no token of DigitalOcean. Set DIGITALOCEAN_ACCESS_TOKEN"),
        (
            {"_ingress_dns_modules": ["community.none.records"]},
            "Install it (ansible-galaxy collection install community.digitalocean), or make the records "
            "todo.example.com. A 203.0.113.7, example.com. A 203.0.113.7, api.test.example.org. A 203.0.113.7 and set",
        ),
        ({"ingress_dns_zones": ["com", "org"]}, "the zone com (ingress_dns_zones) cannot be read at DigitalOcean"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_sentence(
    cloud: FakeDigitalOcean, ansible: Ansible, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    found = dns(ansible, tmp_path, code=2, **given)
    assert "No DNS record was made" in found
    assert words in found
    assert cloud.writes() == []
