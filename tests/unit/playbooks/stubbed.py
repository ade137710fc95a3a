"""The playbooks and roles as they are, with modules that only write down what they were asked: no cluster is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_collections.kubernetes.core as kubernetes_core
import yaml

from tests.unit.ansible_runs import TOP, Ansible

_KUBERNETES_CORE = ("k8s", "k8s_cluster_info", "k8s_cp", "k8s_exec", "k8s_info", "k8s_log", "k8s_scale")
_ALIKE = ("galaxy.yml", "meta", "charts")
_STUB = Path(__file__).parent / "stub_action.py"


@dataclass(frozen=True)
class Run:
    """What one run did: exit code, output, and the calls of modules in their order."""

    code: int
    output: str
    calls: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """The output with single blanks only, so that sentences are found where lines are wrapped."""
        return " ".join(self.output.split())

    def modules(self) -> list[str]:
        """The modules that were called, without their collection."""
        return [call["module"].rpartition(".")[2] for call in self.calls]

    def arguments(self, module: str) -> list[dict[str, Any]]:
        """Those of each call of a module."""
        return [call["args"] for call in self.calls if call["module"] == f"todo.cloud.{module}"]


class Stubbed(Ansible):
    """A copy of the collection whose modules are stubs; the roles in ``roles`` are stubs, too: one call of a module."""

    def __init__(self, folder: Path, roles: Sequence[str] = ()) -> None:
        self.folder = folder
        own, core = (self.folder / "ansible_collections" / name for name in ("todo/cloud", "kubernetes/core"))
        for made in (own / "plugins/action", own / "roles", core / "plugins/action", core / "meta"):
            made.mkdir(parents=True)
        for name in _ALIKE:
            (own / name).symlink_to(TOP / name)
        (own / "playbooks").mkdir()
        for entry in (TOP / "playbooks").iterdir():
            if entry.name != "collections":  # it leads to modules that are no stubs
                (own / "playbooks" / entry.name).symlink_to(entry)
        for name in ("filter", "lookup", "module_utils", "plugin_utils", "modules"):
            (own / "plugins" / name).symlink_to(TOP / "plugins" / name)
        for role in (TOP / "roles").iterdir():
            if role.name in roles:
                self.add_role(
                    role.name, {"name": f"Role {role.name}", "todo.cloud.environment_info": {"of": role.name}}
                )
                part = {"platform_part": {"name": "{{ inventory_hostname }}", "of": role.name}}
                self._tasks(role.name, "describe", {"name": "Part is described", "ansible.builtin.set_fact": part})
            else:
                (own / "roles" / role.name).symlink_to(role)
        for module in (TOP / "plugins/modules").glob("*.py"):
            (own / "plugins/action" / module.name).symlink_to(_STUB)
        for name in _KUBERNETES_CORE:
            (core / f"plugins/action/{name}.py").symlink_to(_STUB)
        (core / "plugins/module_utils").symlink_to(Path(kubernetes_core.__path__[0]) / "plugins/module_utils")
        (core / "meta/runtime.yml").write_text(yaml.safe_dump({"action_groups": {"k8s": [*_KUBERNETES_CORE]}}))
        super().__init__(folder, ANSIBLE_COLLECTIONS_PATH=str(folder), ANSIBLE_FORKS="20")

    def add_role(self, name: str, *tasks: dict[str, Any]) -> None:
        """One more role of the collection."""
        self._tasks(name, "main", *tasks)

    def _tasks(self, role: str, name: str, *tasks: dict[str, Any]) -> None:
        file = self.folder / f"ansible_collections/todo/cloud/roles/{role}/tasks/{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(list(tasks)))

    def run(
        self,
        playbooks: str,
        inventory: Mapping[str, Any],
        *arguments: str,
        fail: Sequence[str] = (),
        unreachable: Sequence[str] = (),
        answers: Mapping[str, Any] | None = None,
    ) -> Run:
        """Playbooks of the collection by their names, one after another; the first that fails is the last."""
        calls, stub, hosts = (self.folder / name for name in ("calls", "stub.json", "hosts.yml"))
        calls.write_text("")
        settings = {"calls": str(calls), "fail": fail, "unreachable": unreachable, "answers": answers or {}}
        stub.write_text(json.dumps(settings))
        hosts.write_text(yaml.safe_dump(inventory))
        names = [f"todo.cloud.{name}" for name in playbooks.split()]
        done = self.playbook(*names, "-i", hosts, *arguments, STUB=str(stub))
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        return Run(done.returncode, output, [json.loads(line) for line in calls.read_text().splitlines()])


def inventory(groups: Mapping[str, Mapping[str, Mapping[str, Any] | None]], **variables: Any) -> dict[str, Any]:
    """An inventory of these groups and hosts, with what every playbook needs to know."""
    given = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "environment_name": "test",
        "environment_namespace": "todo-test",
        "platform_manage": True,
        "dapr_helm_binary": "true",
        "redpanda_secrets_brokers": "kafka.example.com:9092",
        "redpanda_secrets_password": "secret",
        **{f"{name}_image": f"ghcr.io/todo-app/{name}:v1" for name in ("backend_api", "frontend", "sse_gateway")},
        **variables,
    }
    return {"all": {"vars": given, "children": {name: {"hosts": dict(hosts)} for name, hosts in groups.items()}}}
