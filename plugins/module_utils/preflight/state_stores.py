# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State stores on PostgreSQL: what daprd does not say, or says only once pods have ended for it.

Version 2 of ``state.postgresql`` has other tables than version 1 and reads none of its data
(https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-postgresql-v2/). Behind PgBouncer (the
pooled hosts of Neon and others, port 6543 of Supabase) prepared statements are lost between two transactions, so
``queryExecMode`` has to be one that makes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..failure import Code
from ..helm.manifest import key_of
from ..kube.api import KubeReader
from ..kube.errors import KubeError
from ..kube.resources import SECRET, WELL_KNOWN
from ..kube.secret_data import texts_of
from ..readiness.rules import group_of
from ..readiness.templates import Object, items, mapping
from .needs import label_of
from .problem import Problem

_COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
_TYPES = ("state.postgresql", "state.postgres")
_POOLED = re.compile(r"(?:@|\bhost=)[^/\s,@]*-pooler\.|:6543(?:[/?,]|$)|\bport=6543\b")
_PLAIN_MODES = ("exec", "simple_protocol")


def state_stores(kube: KubeReader, namespace: str, rendered: Mapping[str, Sequence[Object]]) -> Iterator[Problem]:
    """What stands in the way of rendered state stores; nothing is asked where there are none."""
    for release, objects in rendered.items():
        for item in objects:
            if key_of(item)[0] == "Component" and group_of(item) == "dapr.io" and _spec(item).get("type") in _TYPES:
                yield from _versions(kube, namespace, release, item)
                yield from _pooled(kube, namespace, release, item)


def _versions(kube: KubeReader, namespace: str, release: str, item: Object) -> Iterator[Problem]:
    """Data of the other version would not be seen."""
    try:
        there = kube.find(_COMPONENT, namespace, key_of(item)[2])
    except KubeError:
        return
    old, new = _spec(there or {}), _spec(item)
    was, now = str(old.get("version") or ""), str(new.get("version") or "")
    if old.get("type") in _TYPES and was != now:
        message = f"{label_of(item)} goes from version {was} of {new['type']} to {now}, which does not read its data"
        remedy = f"keep version {was}, or delete the component first if its data may be left behind"
        yield Problem(release, Code.COMPONENT_NOT_LOADED, message, remedy)


def _pooled(kube: KubeReader, namespace: str, release: str, item: Object) -> Iterator[Problem]:
    """A pooled connection with prepared statements fails now and then."""
    metadata = {str(each.get("name")): each for each in items(_spec(item).get("metadata"))}
    connection = mapping(metadata.get("connectionString"))
    reference = mapping(connection.get("secretKeyRef"))
    name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
    if mapping(metadata.get("queryExecMode")).get("value") in _PLAIN_MODES:
        return
    text = str(connection.get("value") or "")
    if name and str(mapping(item.get("auth")).get("secretStore") or "kubernetes") == "kubernetes":
        try:
            text = texts_of(kube.find(SECRET, namespace, name)).get(key or name, "")
        except KubeError:
            return
    if _POOLED.search(text) and not any(f"default_query_exec_mode={mode}" in text for mode in _PLAIN_MODES):
        where = f" (key {key} of Secret {name})" if name else ""
        message = f"{label_of(item)} connects through a pooler{where}, which loses prepared statements"
        remedy = "set dapr_components_values: {statestore: {queryExecMode: exec}}"
        yield Problem(release, Code.COMPONENT_NOT_LOADED, message, remedy, certain=False)


def _spec(item: Object) -> Object:
    return mapping(item.get("spec"))
