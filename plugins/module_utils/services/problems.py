# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the entries of ``services:`` can be deployed: all that is wrong with them, a sentence each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .graph import Cycle, Roles, waves
from .spec import APP_TYPE, ENTRY_TYPE, ENVIRONMENT_NEEDS, NAME, OF_ANY_CHART, OF_OWN_CHART
from .types import check, is_template, nearest


def app_problems(app: Any) -> list[str]:
    """What is wrong with ``app``."""
    return list(check(APP_TYPE, app, "app"))


def entry_problems(name: str, entry: Any) -> list[str]:
    """What is wrong with an entry, whatever the others are."""
    where = f"services.{name}"
    found = list(check(NAME, name, where))
    if found and "_" in name:
        return [f"{where}: names of services have hyphens; write {name.lower().replace('_', '-')}."]
    found += check(ENTRY_TYPE, entry, where)
    if not isinstance(entry, Mapping):
        return found
    if "chart" in entry:
        found += [f"{where}.{key} does not go with `chart`." for key in entry if key not in OF_ANY_CHART]
    else:
        found += [f"{where}.{key} needs `chart`." for key in OF_OWN_CHART if key in entry]
    public = entry.get("public")
    if isinstance(public, Mapping) and ("host" in public) == ("node_port" in public):
        found.append(f"{where}.public needs either host or node_port.")
    scale = entry.get("scale")
    if isinstance(scale, Mapping) and not found and _more(scale.get("min", 1), scale.get("max")):
        found.append(f"{where}.scale: min is more than max.")
    return found


def _more(least: Any, most: Any) -> bool:
    return isinstance(least, int) and isinstance(most, int) and least > most


def problems(app: Any, entries: Any, others: Collection[str] = (), roles: Roles | None = None) -> list[str]:
    """What is wrong with all entries and between them.

    :param others: releases of the inventory that are no entries
    :param roles: the roles that say what a service is, with the services that each calls
    """
    roles = roles or {}
    if not isinstance(entries, Mapping):
        return ["services is not a dictionary; it takes names of services, each with a dictionary of its keys."]
    found = app_problems(app)
    for name, entry in entries.items():
        found += entry_problems(str(name), entry)
    if found:
        return found
    for name, entry in entries.items():
        found += _references(name, entry, [*entries, *others])
        found += _image(name, entry, app)
        role = entry.get("role")
        if role is not None and role not in roles:
            found.append(f"services.{name}.role: there is no such role {role!r}{nearest(role, roles)}.")
    if not found:
        try:
            waves(entries, roles)
        except Cycle as circle:
            found.append(str(circle))
    return found


def _references(name: str, entry: Mapping[str, Any], known: Collection[str]) -> list[str]:
    found = []
    for key in ("after", "calls", "needs"):
        names = [*known, *(ENVIRONMENT_NEEDS if key == "needs" else ())]
        for other in entry.get(key) or ():
            if is_template(other):
                found.append(f"services.{name}.{key} has a template; names of services are written out.")
            elif other not in names:
                found.append(f"services.{name}.{key}: there is no service {other!r}{nearest(other, names)}.")
    return found


def _image(name: str, entry: Mapping[str, Any], app: Mapping[str, Any]) -> list[str]:
    if "chart" in entry or "role" in entry:
        return []
    image = entry.get("image", name)
    if "/" not in image and not is_template(image) and "registry" not in app:
        return [f"services.{name}.image is missing: say it in full, or set app.registry."]
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    if not tagged and not is_template(image) and "version" not in app:
        return [f"services.{name}.image has no tag: say it, or set app.version."]
    return []
