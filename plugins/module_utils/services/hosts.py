# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of a service's host: those of the role app_service, as a person would write them in host_vars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os.path import normpath
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from .exposure import publics_of
from .graph import callers, invoked
from .layers import based
from .observed import observed
from .pods import policies, relabelled
from .values import PORT, dapr_of, image_of
from .workload import port_of

_NO_ROLES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
_NO_APP: Mapping[str, Any] = MappingProxyType({})
# Keys of an entry that are arguments of the role; those that are texts there.
_ARGUMENTS = ("chart", "chart_version", "graces")
_TEXTS = ("rollback_floor", "stability_seconds")


def host_variables(
    name: str,
    entry: Mapping[str, Any],
    app: Mapping[str, Any],
    folder: str,
    template: Callable[..., str] = lambda text, *parts: text,
    bases: Mapping[str, Mapping[str, Any]] = _NO_ROLES,
) -> dict[str, Any]:
    """Variables of the host that an entry becomes. Its image is not set where only a variable of the role says it.

    :param bases: the roles that say what a service is, with what each says
    :param folder: where values files are
    :param template: marks a text, put together from the parts that follow, as one that may hold templates, unless a
        part holds one and is not marked
    """

    def below(path: str) -> str:
        return template(str(PurePath(folder) / path), folder, path)

    found: dict[str, Any] = {
        "service_role": entry.get("role", "app_service"),
        "service_app": dict(app),
        "service_entry": based({name: entry}, bases)[name],
        **{f"app_service_{key}": entry[key] for key in _ARGUMENTS if key in entry},
        **{f"app_service_{key}": str(entry[key]) for key in _TEXTS if key in entry},
    }
    if "role" in entry:
        if "image" in entry or {"registry", "version"} <= set(app):
            found[f"{entry['role']}_image"] = template(image_of(name, entry, app), entry.get("image"), *app.values())
        return found
    found["app_service_name"] = name
    found["app_service_sidecar"] = dapr_of(entry) is not None
    if str(entry.get("chart", "")).startswith(("./", "../")):
        found["app_service_chart"] = template(normpath(PurePath(folder) / entry["chart"]), folder, entry["chart"])
    if "values" in entry and "chart" in entry:
        found["app_service_role_values"] = entry["values"]
    if "manifests" in entry:
        found["app_service_chart"] = "manifests"
        found["app_service_manifests"] = [below(path) for path in entry["manifests"]]
    if "files" in entry:
        found["app_service_files"] = [below(file) for file in entry["files"]]
    return found


def shared_variables(
    entries: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]] = _NO_ROLES,
    app: Mapping[str, Any] = _NO_APP,
) -> dict[str, Any]:
    """Variables of all hosts: what follows from the entries together. What is as ever is left out.

    :param others: what the roles of hosts that are written by hand say

    - ``services_callers``: each service that is called, with its callers
    - ``services_invoked``: services that others call through Dapr
    - ``services_part_of``: name of the app, where it has one
    - ``services_policies``: connections that the environment's policies say, as values of charts/environment
    - ``services_relabelled``: services that the policies of charts/service do not know
    - ``services_observed``: what monitoring has to know of each
    - ``services_own_ports``: where one has another port than the usual one
    - ``services_public``: of each public service its host or port (``at``), and the ``path`` that says it is well
    """
    found: dict[str, Any] = {"services_callers": callers({**others, **entries}), "services_observed": observed(entries)}
    doors = sorted({other for entry in {**others, **entries}.values() for other in invoked(entry)})
    if doors:
        found["services_invoked"] = doors
    if "name" in app:
        found["services_part_of"] = app["name"]
    made = policies({**others, **entries})
    if made:
        found["services_policies"] = made
    unusual = relabelled(entries)
    if unusual:
        found["services_relabelled"] = unusual
    if any(port_of(entry) not in (None, PORT) for entry in entries.values()):
        found["services_own_ports"] = True
    public = [
        {"at": public.get("host", public.get("node_port")), "path": path}
        for entry in entries.values()
        if (path := _path(entry.get("health")))
        for public in publics_of(entry)
    ]
    if public:
        found["services_public"] = public
    return found


def _path(health: Any) -> Any:
    if isinstance(health, Mapping):
        return health.get("ready", health.get("live"))
    return health if health != "none" else None
