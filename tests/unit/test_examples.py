# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every example of a module, a plugin, a role and a page is one that Ansible takes, with options that there are."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.interface import options_of
from tests.reference import roles
from tests.support.pages import TOP, blocks, pages

MODULES = sorted((TOP / "plugins/modules").glob("*.py"))
PLUGINS = [
    path for kind in ("filter", "lookup", "inventory", "callback") for path in sorted(TOP.glob(f"plugins/{kind}/*.py"))
]
_SPEC = ("type", "elements", "required", "default", "choices", "aliases")


def text_of(path: Path, name: str) -> str:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]:
            return str(ast.literal_eval(node.value))
    return ""


@cache
def options(module: str) -> dict[str, Any]:
    """What a module documents, with its fragments."""
    found, others = options_of(TOP / f"plugins/modules/{module}.py")
    for fragment in others:
        of_class = import_module(f"ansible_collections.kubernetes.core.plugins.doc_fragments.{fragment.split('.')[2]}")
        found |= yaml.safe_load(of_class.ModuleDocFragment.DOCUMENTATION)["options"]
    return found


def spec_of(documented: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    for name, option in documented.items():
        spec[name] = {key: option[key] for key in _SPEC if key in option}
        if below := option.get("suboptions"):
            spec[name]["options"] = spec_of(below)
    return spec


def literal(documented: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Options with a value of their type wherever the example fills one in by a template."""
    fits = {"int": 1, "float": 1.0, "bool": True, "list": [], "dict": {}, "jsonarg": {}}
    return {
        name: (documented[name].get("choices") or [fits.get(documented[name].get("type", "str"), "x")])[0]
        if "{{" in str(value) and name in documented
        else value
        for name, value in given.items()
    }


def tasks(read: Any) -> Iterator[dict[str, Any]]:
    """Those of a list of tasks or plays, in blocks too."""
    for each in read:
        parts = [each[key] for key in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks") if key in each]
        for part in parts:
            yield from tasks(part)
        if not parts:
            yield each


def sources() -> Iterator[tuple[str, str]]:
    """All that is YAML of tasks or plays: where it stands, and its text."""
    for path in [*MODULES, *PLUGINS]:
        if path.parent.name not in ("inventory", "callback"):
            yield f"{path.parent.name}/{path.stem}", text_of(path, "EXAMPLES")
    for page in pages():
        for block in blocks(page, "yaml"):
            if isinstance(yaml.safe_load(block.text), list):
                yield str(block), block.text


EXAMPLES = dict(sources())


@pytest.mark.parametrize(
    "path",
    [each for each in [*MODULES, *PLUGINS] if each.parent.name != "callback"],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_each_has_an_example(path: Path) -> None:
    assert yaml.safe_load(text_of(path, "EXAMPLES"))


@pytest.mark.parametrize("where", EXAMPLES)
def test_examples_have_options_that_there_are(where: str) -> None:
    seen = 0
    for task in tasks(yaml.safe_load(EXAMPLES[where])):
        for action, given in task.items():
            if (name := action.removeprefix("todo.cloud.")) != action:
                documented = options(name)
                found = ArgumentSpecValidator(spec_of(documented)).validate(literal(documented, given or {}))
                assert found.error_messages == [], f"{where}: {task.get('name', action)}"
                seen += 1
            if action == "ansible.builtin.include_role" and given["name"].startswith("todo.cloud."):
                assert given["name"].removeprefix("todo.cloud.") in roles(), where
    assert seen or not where.startswith("modules/"), "an example of a module uses it"


@pytest.mark.parametrize("where", EXAMPLES)
def test_templates_of_examples_are_jinja(where: str) -> None:
    jinja2.Environment().parse(EXAMPLES[where])


def test_ansible_takes_all_of_them(tmp_path: Path) -> None:
    """As plays of one playbook: names of actions, keywords and their forms."""
    plays: list[Any] = []
    for where, text in EXAMPLES.items():
        read = yaml.safe_load(text)
        if read[0].keys() & {"hosts", "ansible.builtin.import_playbook"}:
            plays += [each for each in read if "hosts" in each]
        else:
            plays.append({"name": where, "hosts": "localhost", "gather_facts": False, "tasks": read})
    assert len(plays) > 60
    (tmp_path / "roles/deploy/tasks").mkdir(parents=True)  # a reader's own role, in one of them
    (tmp_path / "roles/deploy/tasks/main.yml").write_text("[]\n")
    playbook = tmp_path / "examples.yml"
    playbook.write_text(yaml.safe_dump(plays, sort_keys=False))
    argv = ["ansible-playbook", "--syntax-check", "-i", "localhost,", str(playbook)]
    done = subprocess.run(argv, cwd=TOP, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-3000:]


def test_playbooks_that_examples_import_are_there() -> None:
    for where, text in EXAMPLES.items():
        for each in yaml.safe_load(text):
            if named := each.get("ansible.builtin.import_playbook"):
                assert (TOP / f"playbooks/{named.removeprefix('todo.cloud.')}.yml").is_file(), where
