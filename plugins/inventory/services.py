# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory plugin that makes a host of each service that a team lists."""

from __future__ import annotations

DOCUMENTATION = r"""
name: services
version_added: 1.0.0
short_description: Hosts from the services that a team lists
description:
  - Makes a host of each entry of C(services), with the variables of the role P(todo.cloud.app_service#role). What an
    entry may say is in docs/services.md.
  - C(app) and C(services) are read from the file of O(app), then from the inventory's group_vars for C(all).
    Dictionaries are merged, all else is replaced, and null takes a key or a service away. Last comes the variable
    C(service) in the host_vars of a service.
  - The host has the name of the service, or with C(role) that name with underscores for hyphens, as hosts that are
    written by hand have it. The other spelling is a group, so C(--limit) takes both, and so do files in host_vars.
  - The hosts are in the group C(services), and in C(wave_01), C(wave_02) and so on in the order of their deployment.
    Waves follow from C(after), C(calls) and C(needs). They come after the groups C(core_services) and
    C(event_services).
  - A mistake ends the program. Ansible would go on without the services.
options:
  plugin:
    description: This plugin.
    type: str
    required: true
    choices: [todo.cloud.services]
  app:
    description: File with C(app) and C(services) that several inventories share, as a path from this file.
    type: str
notes:
  - The file is named C(services.yml), so that hosts.yml beside it is read first.
author: todo.cloud maintainers (@todo-app)
"""

EXAMPLES = r"""
# inventories/staging/services.yml
plugin: todo.cloud.services
app: ../../app.yml

# app.yml, the same in every environment:
#   app: {registry: ghcr.io/acme, version: v1.4.0}
#   services:
#     search: {port: 8080, health: /health}

# inventories/staging/group_vars/all/services.yml, what differs here:
#   services:
#     search: {scale: 2}
"""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.group import Group
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import is_trusted_as_template, trust_as_template
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.todo.cloud.plugins.module_utils.neutral import printable
from ansible_collections.todo.cloud.plugins.module_utils.services.components import components, uses_broker
from ansible_collections.todo.cloud.plugins.module_utils.services.graph import waves
from ansible_collections.todo.cloud.plugins.module_utils.services.hosts import host_variables, shared_variables
from ansible_collections.todo.cloud.plugins.module_utils.services.layers import based, layered, merged
from ansible_collections.todo.cloud.plugins.module_utils.services.limits import limits
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import problems
from ansible_collections.todo.cloud.plugins.module_utils.services.types import is_template
from ansible_collections.todo.cloud.plugins.plugin_utils.roles import bases, plain

Entries = Mapping[str, Mapping[str, Any]]
_NAME = re.compile(r"[A-Za-z0-9_-]+")  # others are no names of files; problems() says what is wrong with them
_FILES = ("services.yml", "services.yaml")
_TOP = Path(__file__).resolve().parents[2]
_CHART = _TOP / "charts/dapr-components/values.yaml"
_ENVIRONMENT = _TOP / "charts/environment/values.yaml"
# Groups whose hosts, written by hand, describe releases.
_RELEASES = ("components", "core_services", "event_services")


def unknown(limit: str, known: Collection[str]) -> list[str]:
    """Names in --limit that nothing has; patterns, files and what is taken away are left to Ansible."""
    names = [name.strip() for name in re.split(r"[,:]", limit)]
    return [name for name in names if re.fullmatch(r"[\w.-]+", name) and name not in known and name != "localhost"]


def _there_are(services: Collection[str]) -> str:
    return f"The services are {', '.join(services)}." if services else "This inventory has no services."


class Refused(SystemExit):
    """A mistake in the services. Ansible only warns of a plugin's errors, and would run without the hosts."""


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # ansible ships no type information
    """See DOCUMENTATION."""

    NAME = "todo.cloud.services"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(_FILES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            self._read_config_data(path)
            self._add(path)
            self._warn_of_the_limit()
        except Exception as error:  # whatever it is, Ansible would only warn
            said = _locked(path) if "vault secrets" in str(error) else f"{path}: {_place(error)}{error}"
            raise Refused(printable(f"ERROR: {said}")) from None

    def _add(self, path: str) -> None:
        shared, here = self._shared(path), self._variables(path, self.inventory.groups["all"])
        app = self._app(shared.get("app"), here.get("app"))
        entries, found = layered(shared.get("services"), here.get("services"))
        for name in entries:
            entries[name] = self._own(path, name, entries[name])
        others, roles = self._others(), self._roles()
        found = found or problems(app, entries, list(others), roles)
        if found:
            said = " and ".join(
                [*([self.get_option("app")] if self.get_option("app") else []), "the inventory's variables"]
            )
            raise AnsibleError("\n  ".join([f"the services of {said} cannot be deployed:", *found]))
        self._add_hosts(path, app, entries, roles, here)
        self._add_facts(app, based(entries, roles), based(others, roles))

    def _warn_of_the_limit(self) -> None:
        """Ansible itself goes on with what else --limit names. Of several inventories the others are not known yet."""
        if len(context.CLIARGS.get("inventory") or ()) != 1:
            return
        services = sorted(host.name for host in self.inventory.groups["services"].get_hosts())
        known = {*self.inventory.hosts, *self.inventory.groups}
        for name in unknown(str(context.CLIARGS.get("subset") or ""), known):
            close = difflib.get_close_matches(name.replace("-", "_"), self.inventory.hosts, n=1)
            meant = f"Did you mean --limit {close[0]}? " if close else ""
            self.display.warning(printable(f"--limit {name}: nothing has this name. {meant}{_there_are(services)}"))

    def _app(self, *layers: Any) -> dict[str, Any]:
        if not all(layer is None or isinstance(layer, Mapping) for layer in layers):
            raise AnsibleError("app is not a dictionary.")
        return merged(layers[0] or {}, layers[1] or {})

    def _shared(self, path: str) -> Mapping[str, Any]:
        file = self.get_option("app")
        if not file:
            return {}
        found = self.loader.load_from_file(str(Path(path).parent / file), trusted_as_template=True) or {}
        if not isinstance(found, Mapping):
            raise AnsibleError(f"{file} is not a dictionary with app and services.")
        for key in set(found) - {"app", "services"}:
            raise AnsibleError(f"{file} has the key {key!r}; it takes app and services, and services indented below.")
        return found

    def _variables(self, path: str, of: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = get_vars_from_inventory_sources(self.loader, [path], [of], "all")
        return found

    def _own(self, path: str, name: str, entry: Any) -> Any:
        """An entry with what the host_vars say, in whichever spelling of the name."""
        for spelling in dict.fromkeys((name, name.replace("-", "_"))) if _NAME.fullmatch(name) else ():
            said = self._variables(path, Host(spelling)).get("service")
            entry = merged(entry, said) if isinstance(said, Mapping) and isinstance(entry, Mapping) else said or entry
        return entry

    def _others(self) -> dict[str, dict[str, str]]:
        """Releases of hosts that are written by hand, each with its role."""
        groups = [self.inventory.groups[name] for name in _RELEASES if name in self.inventory.groups]
        hosts = [host for group in groups for host in group.get_hosts()]
        return {host.name.replace("_", "-"): {"role": host.vars.get("service_role", host.name)} for host in hosts}

    def _roles(self) -> dict[str, Mapping[str, Any]]:
        """The roles that say what a service is, with what each says. Their files stay out of the loader's cache."""
        return bases(lambda file: self.loader.load_from_file(file, cache="none", trusted_as_template=True))

    def _add_hosts(
        self,
        path: str,
        app: Mapping[str, Any],
        entries: Entries,
        roles: Mapping[str, Mapping[str, Any]],
        here: Mapping[str, Any],
    ) -> None:
        order = waves(based(entries, roles))
        self.inventory.add_group("services")
        for wave in sorted(set(order.values())):
            self.inventory.add_group(f"wave_{wave:02}")
            self.inventory.add_child("services", f"wave_{wave:02}")
        for name, entry in entries.items():
            underscored = name.replace("-", "_")
            if {name, underscored} & set(self.inventory.hosts):
                raise AnsibleError(f"services.{name}: {underscored} is a host of the inventory already.")
            host, other = (underscored, name) if "role" in entry else (name, underscored)
            self.inventory.add_host(host, group=f"wave_{order[name]:02}")
            self._add_spelling(other, host)
            variables = host_variables(name, entry, app, str(Path(path).resolve().parent), _trusted, roles)
            if "image" not in entry:  # where the environment sets the role's variable, it is that
                variables = {key: value for key, value in variables.items() if key not in here}
            for spelling in (underscored, name):
                variables.update(self._variables(path, Host(spelling)))
            for key, value in variables.items():
                self.inventory.set_variable(host, key, value)

    def _add_spelling(self, other: str, host: str) -> None:
        """A group by which --limit finds the host as well."""
        if other == host:
            return
        group = Group(host.replace("-", "_"))
        group.name = other  # Group(other) would warn of a hyphen, which is meant here
        self.inventory.groups.setdefault(other, group)
        self.inventory.add_child("all", other)
        self.inventory.add_child(other, host)

    def _add_facts(self, app: Mapping[str, Any], entries: Entries, others: Entries) -> None:
        """What is said of all entries together: who calls whom, and what the Dapr components follow from."""
        for group in ("platform", "components"):  # playbooks name them; without Dapr they are empty
            self.inventory.add_group(group)
        for key, value in shared_variables(entries, others, app).items():
            self.inventory.set_variable("all", key, value)
        more = limits(entries, plain(str(_ENVIRONMENT)))
        if more:
            self.inventory.set_variable("all", "services_limits", more)
        own = {name: entry for name, entry in entries.items() if entry.get("dapr")}
        if own and not self.inventory.groups["components"].get_hosts():
            self.inventory.add_host("dapr_components", group="components")
        if own:
            made = components(own, plain(str(_CHART)), list(others))
            self.inventory.set_variable("all", "services_components", made)
        if not set(others) - {"dapr-components"}:  # nobody else may use it
            self.inventory.set_variable("all", "services_broker", uses_broker(own))


def _trusted(text: str, *parts: Any) -> str:
    """As trusted as its parts: one that is marked as unsafe, or a folder's name, makes nothing a template."""
    told = [part for part in parts if is_template(part)]
    trusted: str = trust_as_template(text) if all(map(is_trusted_as_template, told)) else text
    return trusted


def _place(error: BaseException | None) -> str:
    """File and line of a mistake in YAML, where Ansible tells; empty for others."""
    place = getattr(error, "obj", None)
    file, line = getattr(place, "path", None), getattr(place, "line_num", None)
    return f"{file}, line {line}: " if file and line else ""


def _locked(path: str) -> str:
    """That no password opens a file; Ansible does not tell which one."""
    folders = [Path(path).parent / name for name in ("group_vars", "host_vars")]
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file() and _is_vault(file))
    named = ", ".join(map(str, files)) or f"a file that {path} reads"
    return (
        f"{named}: encrypted by ansible-vault, and none of the passwords that were given opens it; give its own by "
        "--ask-vault-pass, --vault-password-file or --vault-id."
    )


def _is_vault(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return content.read(14) == b"$ANSIBLE_VAULT"
    except OSError:
        return False
