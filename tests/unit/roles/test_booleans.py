"""Booleans that are given as text (-e key=value, INI inventories) mean what they say; others are refused by name."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.expressions import expressions

VARS = [TOP / "playbooks/vars/booleans.yml", *TOP.glob("roles/*/vars/main.yml")]
DEFINED = re.compile(r"^{{ (?:(\w+)|(\w+) \| default\(\w+\)) \| todo\.cloud\.boolean\('(\w+)'\) }}$")
GIVEN = {"false": False, "no": False, "0": False, "true": True}
REFUSED = ("maybe", "2")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@functools.cache
def private() -> dict[str, str]:
    """The name that playbooks and roles use -> the name that people set."""
    found = {}
    for file in VARS:
        for name, value in load(file).items():
            if match := DEFINED.match(str(value)):
                raw = match[1] or match[2]
                assert raw == match[3], f"{file}: {name} would be refused by another name"
                found[name] = raw
    return found


def documented() -> set[str]:
    """Boolean arguments of roles."""
    specs = [load(file)["argument_specs"]["main"]["options"] for file in TOP.glob("roles/*/meta/argument_specs.yml")]
    return {name for options in specs for name, option in options.items() if option["type"] == "bool"}


def test_every_boolean_has_a_private_name() -> None:
    files = [*TOP.glob("inventories/*/*_vars/**/*.yml"), *TOP.glob("examples/inventories/*/group_vars/**/*.yml")]
    inventories = {name for file in files for name, value in load(file).items() if isinstance(value, bool)}
    assert documented() >= {"app_service_sidecar", "dapr_ha", "platform_manage", "redpanda_secrets_tls"}
    assert documented() | (inventories - {"ingress_traefik_redirect"}) <= set(private().values())


@pytest.mark.parametrize("folder", ["playbooks", "roles"])
def test_only_private_names_are_evaluated(folder: str) -> None:
    used = re.compile(rf"(?<![\w.'])({'|'.join(set(private().values()))})(?!\w)")
    files = [*(TOP / folder).rglob("tasks/**/*.yml"), *TOP.glob(f"{folder}/*.yml"), *(TOP / folder).rglob("vars/*.yml")]
    assert len(files) > 10
    assert [
        (file.name, text) for file in files for text in expressions(load(file)) if used.search(DEFINED.sub("", text))
    ] == []


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is reported of all variables: one host for each text, and two whose text is not a boolean."""
    folder = tmp_path_factory.mktemp("booleans")
    raw = set(private().values())
    hosts = {f"given_{text}": {**dict.fromkeys(raw, text), "meant": value} for text, value in GIVEN.items()}
    refused = {f"refused_{text}": dict.fromkeys(raw, text) for text in REFUSED}
    inventory = {"meant": {"hosts": hosts}, "refused": {"hosts": refused}}
    common = {"gather_facts": False, "vars_files": [str(file) for file in VARS]}
    found = "{{ lookup('ansible.builtin.vars', item) }}"
    plays: list[dict[str, Any]] = [
        {"name": "Meant", "hosts": "meant", **common, "tasks": [
            {"name": "Every one", "ansible.builtin.assert": {"that": "found is sameas meant"},
             "vars": {"found": found}, "loop": list(private())}]},
        {"name": "Refused", "hosts": "refused", **common, "tasks": [
            {"name": "Every one", "ansible.builtin.debug": {"msg": found}, "loop": list(private()),
             "ignore_errors": True}]},
    ]  # fmt: skip
    for name, content in {"hosts.yml": inventory, "plays.yml": plays}.items():
        (folder / name).write_text(yaml.safe_dump(content))
    with Ansible() as ansible:
        return ansible.playbook(folder / "plays.yml", "-i", folder / "hosts.yml", "-c", "local").stdout


def test_text_means_what_it_says(walked: str) -> None:
    for text in GIVEN:
        assert re.search(rf"given_{text} +: ok=1 .* failed=0", walked), walked


def test_what_is_not_a_boolean_is_refused_by_name(walked: str) -> None:
    output = " ".join(walked.replace("''", "'").split())
    for name in private().values():
        for text in REFUSED:
            assert f"{name} ({text!r}) is not a boolean: set it to true or false." in output, output
