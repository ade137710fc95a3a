"""Services of teams, said as entries, become the same objects by the inventory plugin and the role."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import credential, defaults_of
from ansible_collections.todo.cloud.plugins.module_utils.services.convert import converted
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compare import Comparison, compared
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_text import services_text

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm

TEAMS = sorted((TOP / "tests/fixtures/shapes").glob("*.yaml"))
DEFAULTS = defaults_of(str(TOP / "charts/service"))


def test_what_is_printed_is_an_inventory_of_the_same_services(helm: Helm, tmp_path: Path) -> None:
    sources = {
        team.stem: helm.render("service", yaml.safe_load(team.read_text()), team.stem, "todo-staging") for team in TEAMS
    }
    inventory = tmp_path / "staging"
    shutil.copytree(TOP / "inventories/staging", inventory)
    (inventory / "services.yml").write_text("plugin: todo.cloud.services\n")
    made = converted([item for objects in sources.values() for item in objects], DEFAULTS, credential)
    assert set(made.services) == set(sources)
    ours = {  # what this environment would add
        "ingress_cluster_issuer": "", "ingress_traefik_redirect": False, "ingress_annotations": {},
        "app_service_values": {}, "environment_secrets_generated": {},
    }  # fmt: skip
    (inventory / "group_vars/all/zz.yml").write_text(services_text(made) + yaml.safe_dump(ours))
    given = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "TODO_VERSION": "sha-0123abc", "TODO_DATABASE_URL": "x"}
    with Ansible(TOP, **given) as ansible:
        run = ansible.playbook(TOP / "tests/unit/inventories/describe.yml", "-i", inventory)
    assert run.returncode == 0, run.stdout[-4000:]
    printed = run.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
    waves: list[list[dict[str, Any]]] = json.JSONDecoder().raw_decode(printed)[0]["msg"]["waves"]
    releases = {release["name"]: release for wave in waves for release in wave if release["name"] in sources}
    different = {}
    for name, source in sources.items():
        found = compared(source, helm.render("service", releases[name]["values"], name, "todo-staging"))
        if found != Comparison():
            different[name] = found
    assert different == {}
