# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The layers of ``services:``: a role's own entry, what the app is, what differs in an environment, a host's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .types import nearest, sentence


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with what ``over`` says: dictionaries are merged, all else is replaced, and null takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def based(entries: Mapping[str, Any], bases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The entries over those of their roles. A role's image is a variable, which the entry's goes into: it stays."""
    return {name: _based(entry, bases) for name, entry in entries.items()}


def _based(entry: Any, bases: Mapping[str, Mapping[str, Any]]) -> Any:
    base = bases.get(str(entry.get("role"))) if isinstance(entry, Mapping) else None
    return merged(base, entry) | {key: base[key] for key in ("image",) if key in base} if base else entry


def layered(shared: Any, here: Any) -> tuple[dict[str, Any], list[str]]:
    """The entries of both layers, and what stands in the way of merging them.

    A service that only an environment has says itself what runs, so that a slip in a name adds none.
    """
    layers = [{} if layer is None else layer for layer in (shared, here)]
    if not all(isinstance(layer, Mapping) for layer in layers):
        return {}, ["services is not a dictionary; it takes names of services, each with a dictionary of its keys."]
    base, over = ({_text(name): entry for name, entry in layer.items()} for layer in layers)
    if not base:
        base, over = over, {}
    found = [
        _stranger(name, base)
        for name, entry in over.items()
        if name not in base
        and not (isinstance(entry, Mapping) and {"image", "chart", "manifests", "role"} & set(entry))
    ]
    return merged({name: {} if entry is None else entry for name, entry in base.items()}, over), found


def _stranger(name: str, base: Mapping[str, Any]) -> str:
    said = sentence(f"services.{name} is not in the app's file{nearest(name, base)}")
    return f"{said} If it is only in this environment, it needs image, chart, manifests or role."


def _text(name: object) -> str:
    return name if isinstance(name, str) else str(name)  # Ansible's marks on a string stay
