"""Hosts are made of `services`; Ansible's own programs read them as any others."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import is_trusted_as_template
from ansible_collections.todo.cloud.plugins.inventory.services import InventoryModule, unknown

from tests.support.environ import clean_environ
from tests.unit.ansible_runs import TOP, Ansible

HOSTS: dict[str, Any] = {
    "cluster": {"hosts": {"kubernetes": {}}},
    "core_services": {"hosts": {"backend_api": {}}},
}
APP: dict[str, Any] = {
    "app": {"name": "shop", "registry": "ghcr.io/acme", "version": "{{ shop_version }}"},
    "services": {
        "web": {"port": 3000, "calls": ["search-api", "backend-api"], "env": {"A": "1", "B": "{{ environment_name }}"}},
        "search-api": {"dapr": {"subscribes": ["task-events"]}},
        "mail": {},
        "frontend": {"role": "frontend", "image": "frontend"},
        "redis": {"chart": "oci://ghcr.io/acme/redis", "chart_version": "1.0.0", "files": ["redis.yaml"]},
    },
}
HERE: dict[str, Any] = {
    "environment_name": "staging",
    "shop_version": "v7",
    "app": {"version": "{{ shop_version }}-rc"},
    "services": {"web": {"env": {"A": "2"}, "scale": 2}, "mail": None},
}


def written(folder: Path, app: Any = None, here: Any = None, **host_vars: Any) -> Path:
    """An inventory of these layers; the app's file is above it."""
    inventory = folder / "inventories/staging"
    plugin = {"plugin": "todo.cloud.services", **({"app": "../../app.yml"} if app else {})}
    files = {
        "app.yml": app,
        "inventories/staging/hosts.yml": {"all": {"children": HOSTS}},
        "inventories/staging/services.yml": plugin,
        "inventories/staging/group_vars/all/services.yml": here,
        **{f"inventories/staging/host_vars/{name}.yml": content for name, content in host_vars.items()},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    return inventory


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible() as running:
        yield running


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = {"service": {"env": {"A": "3"}, "port": 4000}, "other": "kept"}
    return written(tmp_path_factory.mktemp("shop"), APP, HERE, web=own, search_api={"service": {"scale": 4}})


@pytest.fixture(scope="module")
def listed(inventory: Path) -> dict[str, Any]:
    argv = ["ansible-inventory", "-i", str(inventory), "--list"]
    done = subprocess.run(argv, cwd=TOP, env=clean_environ("TODO_"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def host(listed: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(listed["_meta"]["hostvars"][name])


def test_hosts_are_in_their_waves(listed: dict[str, Any]) -> None:
    assert listed["services"]["children"] == ["wave_01", "wave_02"]
    assert set(listed["wave_01"]["hosts"]) == {"search-api", "frontend", "redis"}
    assert listed["wave_02"]["hosts"] == ["web"]


def test_hosts_written_by_hand_stay(listed: dict[str, Any]) -> None:
    assert listed["core_services"]["hosts"] == ["backend_api"]
    assert "service_entry" not in host(listed, "backend_api")


def test_layers_are_merged_and_the_host_comes_last(listed: dict[str, Any]) -> None:
    web = host(listed, "web")
    assert web["service_entry"] == {
        "port": 4000,
        "calls": ["search-api", "backend-api"],
        "env": {"A": "3", "B": "{{ environment_name }}"},
        "scale": 2,
    }
    assert web["service_app"] == {"name": "shop", "registry": "ghcr.io/acme", "version": "{{ shop_version }}-rc"}
    assert web["other"] == "kept"


def test_host_vars_are_read_in_both_spellings(listed: dict[str, Any]) -> None:
    assert host(listed, "search-api")["service_entry"]["scale"] == 4


def test_both_ends_of_a_call_are_known(listed: dict[str, Any]) -> None:
    assert host(listed, "backend_api")["services_callers"] == {
        "backend-api": ["frontend", "web"],
        "search-api": ["web"],
        "sse-gateway": ["frontend"],
    }


def test_components_come_with_the_first_sidecar(listed: dict[str, Any]) -> None:
    assert listed["components"]["hosts"] == ["dapr_components"]
    apps = host(listed, "dapr_components")["services_components"]["pubsub"]["apps"]
    assert apps["search-api"] == {"publishes": [], "subscribes": ["task-events"]}
    assert "backend-api" not in apps
    assert apps["notification-service"] is None


def test_files_are_those_of_the_inventory(inventory: Path, listed: dict[str, Any]) -> None:
    assert host(listed, "redis")["app_service_files"] == [str(inventory / "redis.yaml")]


def test_a_role_gets_its_image(listed: dict[str, Any]) -> None:
    frontend = host(listed, "frontend")
    assert frontend["frontend_image"] == "ghcr.io/acme/frontend:{{ shop_version }}-rc"
    assert frontend["service_entry"]["image"] == "{{ frontend_image }}"
    assert frontend["service_entry"]["calls"] == ["backend-api", "sse-gateway"]


@pytest.mark.parametrize("spelling", ["search-api", "search_api"])
def test_a_limit_takes_both_spellings(inventory: Path, ansible: Ansible, spelling: str) -> None:
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--limit", spelling, "--list-hosts")
    assert done.returncode == 0, done.stdout
    assert done.stdout.split()[-3:] == ["hosts", "(1):", "search-api"]
    assert "WARNING" not in done.stdout


def test_playbooks_take_all_that_describe_releases(inventory: Path, ansible: Ansible) -> None:
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--list-hosts")
    wanted = {"backend_api", "dapr_components", "frontend", "redis", "search-api", "web"}
    assert set(done.stdout.partition("hosts (6):")[2].split()) == wanted, done.stdout


def test_every_playbook_on_releases_takes_entries(inventory: Path, ansible: Ansible) -> None:
    names = ("adopt", "plan", "promote", "rollback", "services", "status", "verify")
    books = [TOP / f"playbooks/{name}.yml" for name in names]
    done = ansible.playbook(*books, "-i", inventory, "--list-hosts")
    lists = done.stdout.split("playbook: ")[1:]
    assert [name for name, listed in zip(names, lists, strict=True) if "web" not in listed.split()] == []


@pytest.mark.parametrize(
    ("app", "here", "said"),
    [
        (APP, {"services": {"wbe": {"scale": 2}}}, "services.wbe is not in the app's file; did you mean 'web'?"),
        (
            None,
            {"services": {"a": {"image": "x/a:1", "prot": 1}}},
            "services.a has no key 'prot'; did you mean 'port'?",
        ),
        (None, {"services": {"backend-api": {"image": "x/a:1"}}}, "backend_api is a host of the inventory already"),
        (None, {"app": "shop"}, "app is not a dictionary."),
        (
            {"service": {}},
            {},
            "../../app.yml has the key 'service'; it takes app and services, and services indented below.",
        ),
    ],
    ids=["a slip in an environment", "an unknown key", "a host that is there", "another type", "another file"],
)
def test_a_mistake_ends_the_program(tmp_path: Path, ansible: Ansible, app: Any, here: Any, said: str) -> None:
    """Ansible only warns of an inventory that can't be read, and would go on without these hosts."""
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", written(tmp_path, app, here), "--list-hosts")
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout
    assert "playbook:" not in done.stdout


def test_a_file_that_cannot_be_read_ends_it_too(tmp_path: Path, ansible: Ansible) -> None:
    inventory = written(tmp_path, None, {})
    (inventory / "services.yml").write_text("plugin: [todo.cloud.services\n")
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--list-hosts")
    assert done.returncode != 0, done.stdout


def test_a_vault_without_its_password_is_named(tmp_path: Path, ansible: Ansible) -> None:
    inventory = written(tmp_path, APP, HERE)
    vault = inventory / "group_vars/all/vault.yml"
    vault.write_text("$ANSIBLE_VAULT;1.1;AES256\n6131\n")
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--list-hosts")
    assert done.returncode != 0, done.stdout
    assert f"ERROR: {vault}: encrypted by ansible-vault" in done.stdout


def test_a_mistake_in_yaml_has_its_file_and_line(tmp_path: Path, ansible: Ansible) -> None:
    inventory = written(tmp_path, APP, {})
    (tmp_path / "app.yml").write_text("services:\n  web:\n    image: x/y:1\n     port: 3000\n")
    done = ansible.playbook(TOP / "playbooks/preflight.yml", "-i", inventory, "--list-hosts")
    assert f"{tmp_path}/app.yml, line 4: " in done.stdout


def test_roles_of_an_installed_collection_keep_their_templates() -> None:
    """The loader has one cache for all; a file that the plugin had read without templates stayed so for its role."""
    plugin = InventoryModule()
    plugin.loader = loader = DataLoader()
    assert plugin._roles()
    read = [file for file in TOP.glob("roles/*/vars/main.yml") if file.read_text().count("{{")]
    texts = [
        text
        for file in read
        for text in loader.load_from_file(str(file), trusted_as_template=True).values()
        if isinstance(text, str) and "{{" in text
    ]
    assert texts
    assert all(map(is_trusted_as_template, texts))


@pytest.mark.parametrize(
    "entry",
    [
        {"chart": "./UNSAFE"},
        {"chart": "oci://ghcr.io/acme/web", "chart_version": "1.0.0", "files": ["UNSAFE.yaml"]},
        {"manifests": ["UNSAFE"]},
        {"role": "frontend", "image": "UNSAFE"},
        {"image": "UNSAFE"},
    ],
)
def test_what_is_marked_as_unsafe_is_never_filled_in(entry: dict[str, Any], tmp_path: Path, ansible: Ansible) -> None:
    """Such as what convert.yml wrote of a compose file of somebody else."""
    path = written(tmp_path, {"services": {"web": entry}}, {"environment_name": "staging"})
    hostile = "{{ lookup('ansible.builtin.pipe', 'touch " + str(tmp_path / "ran") + "') }}"
    app = tmp_path / "app.yml"
    app.write_text(
        re.sub(r"(\S*UNSAFE\S*)", lambda found: '!unsafe "' + found[1] + '"', app.read_text()).replace(
            "UNSAFE", hostile
        )
    )
    names = ["app_service_chart", "app_service_files", "app_service_manifests", "service_entry", "frontend_image"]
    shown = "{{ [" + ", ".join(f"{name} | default('')" for name in names) + "] }}"
    task = {"name": "All", "ansible.builtin.debug": {"msg": shown}}
    play = {"name": "All", "hosts": "services", "gather_facts": False, "tasks": [task]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = ansible.playbook(tmp_path / "play.yml", "-i", path)
    assert done.returncode == 0, done.stdout
    assert "lookup(" in done.stdout
    assert not (tmp_path / "ran").exists()


def test_a_mistake_is_no_command_to_a_runner(tmp_path: Path, ansible: Ansible) -> None:
    key = "x\n::add-mask::e\x1b[2J"
    done = ansible.playbook("playbooks/status.yml", "-i", written(tmp_path, {"services": {"web": {key: 1}}}))
    assert done.returncode
    assert "has no key" in done.stdout
    assert "\x1b" not in done.stdout
    assert not re.search("^::", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("", []),
        ("web", []),
        ("web,sarch", ["sarch"]),
        ("web:&wave_01:!nobody", []),
        ("w*,~x.*,@retry,web[0],localhost", []),
    ],
)
def test_names_that_limit_has_alone(limit: str, expected: list[str]) -> None:
    assert unknown(limit, {"web", "wave_01"}) == expected


def test_a_name_that_limit_has_alone_is_told_with_what_is_meant(inventory: Path, ansible: Ansible) -> None:
    said = ansible.playbook(TOP / "site.yml", "-i", inventory, "--limit", "web,sarch-api", "--list-hosts").stdout
    words = " ".join(said.split())
    assert "--limit sarch-api: nothing has this name. Did you mean --limit search-api?" in words
    assert "The services are frontend, redis, search-api, web." in words
    assert "--limit web:" not in words
