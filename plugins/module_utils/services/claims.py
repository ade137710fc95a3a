# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public endpoints that two services claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .exposure import publics_of
from .types import is_template


def claimed_twice(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each path of a host, and each port of the nodes, that an earlier entry has."""
    seen: dict[str, str] = {}
    for name, entry in entries.items():
        for claim in dict.fromkeys(_claims(entry)):
            first = seen.setdefault(claim, name)
            if first != name:
                yield f"services.{name}.public: services.{first} has {claim} already; change one of them."


def _claims(entry: Mapping[str, Any]) -> Iterator[str]:
    for public in publics_of(entry):
        if "node_port" in public:
            yield f"node port {public['node_port']}"
        host = public.get("host")
        paths = public.get("paths", ["/"])
        if host and not is_template(host) and not is_template(paths):
            yield from (f"{host}{path}" for path in paths)
