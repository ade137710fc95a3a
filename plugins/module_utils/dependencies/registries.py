# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registries that the kubelet gets no answer from, by its own words: only the pods can tell when they are back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..failure import Failure
from ..readiness.symptoms import without_names
from .down import Down

_REGISTRY = re.compile(
    r"connection refused|i/o timeout|no such host|tls handshake timeout|context deadline exceeded|unexpected eof"
    r"|toomanyrequests|too many requests|\b(?:429|500|502|503|504)\b|service unavailable|bad gateway"
    r"|server misbehaving",
    re.IGNORECASE,
)
_FINAL = re.compile(r"not found|denied|unauthorized|manifest unknown|forbidden", re.IGNORECASE)
_IMAGE = re.compile(r'image "([^"]+)"')


def silent_registry(failure: Failure) -> Iterator[Down]:
    """The registry of a failed pull, where the kubelet says that it does not answer."""
    text = " ".join([str(failure.details.get("api_message") or ""), *_messages(failure.details.get("events") or ())])
    said = without_names(text)
    if _REGISTRY.search(said) and not _FINAL.search(said):
        found = _IMAGE.search(text)
        host = found[1].partition("/")[0] if found and "/" in found[1] else ""
        name = f"registry {host}" if "." in host or ":" in host else "the image's registry"
        yield Down(name, "the kubelet gets no answer that it can use", asked=False)


def _messages(events: Iterable[Any]) -> Iterator[str]:
    for event in events:
        yield str(event.get("message") if isinstance(event, Mapping) else event)
