# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an object is as it would be applied: the API server answers that itself, by a dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kube.api import APPLY, KubeApi, Object
from ..kube.resources import Resource

MANAGER = "todo.cloud"
_BOOKKEEPING = frozenset({"managedFields", "resourceVersion", "generation"})


def is_applied(kube: KubeApi, resource: Resource, body: Object, live: Mapping[str, Any] | None) -> bool:
    """True if a server-side apply of ``body`` by the roles' field manager would change nothing; nothing is stored."""
    if live is None:
        return False
    metadata = body["metadata"]
    after = kube.patch(
        resource,
        metadata.get("namespace", ""),
        metadata["name"],
        body,
        content_type=APPLY,
        field_manager=MANAGER,
        force=True,
        dry_run=True,
    )
    return _content(after) == _content(live)


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _BOOKKEEPING}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
