# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom a service calls, by the addresses in its variables and command, where no network policy says it. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

CLOSED = (
    "The network policies let nothing through but what the entries say. `calls` are the services that variables and "
    "commands name; say the others, `needs` (database, broker), and `internet` for hosts outside."
)
# A host after // or @, or before a port: http://api:8000/v1, postgres://user@db/x, cache:6379.
_ADDRESS = re.compile(
    r"(//|@|(?<![\w./@-]))([A-Za-z0-9_][A-Za-z0-9_-]{0,62})(?:\.[a-z0-9-]{1,63}\.svc(?:\.cluster\.local)?)?"
    r"(?::([0-9]{1,5}))?(?![\w.-])"
)


def addressed(texts: Iterable[Any], names: Container[str]) -> dict[str, int]:
    """The hosts of ``names`` that texts name, each with the port that is named first, or 0."""
    found: dict[str, int] = {}
    for text in texts:
        for before, host, port in _ADDRESS.findall(str(text)):
            if host in names and (before or port):
                found[host] = found.get(host) or int(port or 0)
    return found
