# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether somebody may have written a release's objects since they were verified, from what was listed anyway; pure.

A record holds one digest per release: of the objects that a snapshot lists (workloads, ConfigMaps, Secrets, custom
resources), and of who owned which of their fields since when. Every write by a person changes ``managedFields``. What
controllers write, an object's status, replicas that an autoscaler sets, and restarts are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..digest import canonical, digest_of
from ..kube.managed_fields import HOLDS, RESTARTED, Writer, controllers_of, writers_of

# In a record instead of a digest: the release was verified although its objects differ from its manifest.
DRIFTED = "drifted"
_REPLICAS = "spec.replicas"
_IGNORED = frozenset({_REPLICAS, RESTARTED})
_DIGITS = 12


def live_digest(owned: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """Of a release's listed objects by (kind, name); empty when there are none."""
    if not owned:
        return ""
    found = [[*key, *_writes(obj)] for key, obj in sorted(owned.items())]
    return digest_of(canonical(found))[:_DIGITS]


def _writes(obj: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Each manager's fields and the time of its last write. Helm loses replicas to an autoscaler, so these count only
    while somebody else has them.
    """
    writers = writers_of(obj)
    controllers = controllers_of(writers)
    spec = obj.get("spec")
    replicas = spec.get("replicas") if isinstance(spec, Mapping) else None
    for writer in sorted(writers, key=lambda each: (each.manager, each.time, each.subresource, sorted(each.paths))):
        if writer.manager in controllers or writer.subresource == "status":
            continue
        if paths := sorted(path for path in writer.paths - _IGNORED if not path.startswith(HOLDS)):
            yield [writer.manager, writer.time, paths]
        if _scales(writer):
            yield [writer.manager, replicas]


def _scales(writer: Writer) -> bool:
    return _REPLICAS in writer.paths and not writer.is_helm
