# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup that writes one more entry into the text of an app's file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: new_service
version_added: 1.0.0
short_description: An app's file with one more service
description:
  - Finds the file in which the inventory's services are listed, and returns its text with one more entry, which comes
    last. All other lines, comments and their order stay. Nothing is written.
  - The file is that of C(app) in the inventory's F(services.yml), else the one file in group_vars for C(all) that says
    C(services), else F(group_vars/all/services.yml).
options:
  _terms:
    description: Name of the service. What an entry may say is in docs/services.md.
    type: list
    elements: str
    required: true
  entry:
    description: What its entry says.
    type: dict
    default: {}
  taken:
    description: Names of hosts and groups that the inventory has already.
    type: list
    elements: str
    default: []
  inventories:
    description: Files and folders of the inventory.
    type: list
    elements: path
    required: true
author: todo.cloud maintainers (@todo-app)
"""

EXAMPLES = r"""
---
- name: Show what playbooks/new_service.yml would write
  ansible.builtin.debug:
    msg: "{{ lookup('todo.cloud.new_service', 'search', entry={'port': 3000}, inventories=ansible_inventory_sources) }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary. C(file) is the path of the file, C(text) its new text, C(problem) one sentence, empty if the entry
      can be written.
  type: list
  elements: dict
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.lookup import LookupBase
from ansible_collections.todo.cloud.plugins.module_utils.services.writing import (
    NotWritten,
    has_services,
    misfits,
    with_entry,
)
from ansible_collections.todo.cloud.plugins.plugin_utils.roles import plain_bases

_PLUGIN = "todo.cloud.services"
_SUFFIXES = (".yml", ".yaml")


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible ships no type information
    """See DOCUMENTATION."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, str]]:
        """The file's path and new text, or the problem."""
        self.set_options(var_options=variables, direct=kwargs)
        return [self._made(str(term), variables or {}) for term in terms]

    def _made(self, name: str, variables: Mapping[str, Any]) -> dict[str, str]:
        file: Path | None = None
        try:
            if not name:
                raise NotWritten("the new service has no name; say it by -e service=NAME.")
            file = _file(self.get_option("inventories"))
            text = _text(file) if file.exists() else "---\n"
            text = with_entry(text, name, self.get_option("entry"), self.get_option("taken"))
            others = [str(other).replace("_", "-") for other in self.get_option("taken")]
            found = misfits(text, name, variables, others, plain_bases())
            if found:
                raise NotWritten(" ".join(found))
        except NotWritten as refused:
            return {"file": str(file or ""), "text": "", "problem": f"{file}: {refused}" if file else str(refused)}
        return {"file": str(file), "text": text, "problem": ""}


def _file(inventories: Iterable[str]) -> Path:
    """The file that lists the services. Raises NotWritten."""
    for plugin in _plugin_files(inventories):
        try:
            said = yaml.safe_load(_text(plugin))
        except yaml.YAMLError:
            continue
        if not isinstance(said, dict) or said.get("plugin") != _PLUGIN:
            continue
        if said.get("app"):
            return Path(os.path.normpath(plugin.parent / str(said["app"])))
        return _in_group_vars(plugin.parent / "group_vars")
    raise NotWritten(
        f"the inventory has no services.yml with `plugin: {_PLUGIN}`; name one that has by -i, or begin with "
        "docs/your-own-services.md."
    )


def _plugin_files(inventories: Iterable[str]) -> Iterator[Path]:
    for each in map(Path, inventories):
        places = [each / f"services{suffix}" for suffix in _SUFFIXES] if each.is_dir() else [each]
        yield from (place for place in places if place.is_file() and place.name.startswith("services."))


def _in_group_vars(folder: Path) -> Path:
    """The file of the group all that says ``services``, or the one that is to say it."""
    files = [place for suffix in _SUFFIXES for place in sorted(folder.glob(f"all/*{suffix}"))]
    files += [folder / f"all{suffix}" for suffix in _SUFFIXES]
    found = [file for file in files if file.is_file() and _says_services(file)]
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise NotWritten(f"several files say services, of which Ansible reads the last: {names}; leave one.")
    return found[0] if found else folder / "all/services.yml"


def _says_services(file: Path) -> bool:
    try:
        return has_services(_text(file))
    except NotWritten:  # a vault, for example
        return False


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise NotWritten(f"{file} cannot be read as text.") from None
