# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a chart makes of its values that a person should know before a deployment; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..helm.manifest import key_of, objects_of
from ..labels import WATCHED
from ..readiness.templates import template_of
from .credentials import plain_credentials
from .spec import ReleaseSpec

_NAMED = 5  # the rest is counted


def unwatched(spec: ReleaseSpec, manifest: str) -> str:
    """Why a change of what a release watches would not restart its pods; empty if it would. The values' podAnnotations
    have to arrive in a pod template.
    """
    if not spec.watches or any(WATCHED in t.annotations for item in objects_of(manifest) if (t := template_of(item))):
        return ""
    watched = ", ".join(map(str, spec.watches))
    return f"its chart does not take podAnnotations, so a change of {watched} would not restart its pods"


def random_fields(one: str, other: str) -> list[str]:
    """Fields that differ between two renderings of the same inputs, as ``Secret/jwt data.key``."""
    before, after = ({key_of(item): item for item in objects_of(manifest)} for manifest in (one, other))
    found = [
        f"{kind}/{name} {path}"
        for key in sorted(before.keys() & after.keys())
        for (kind, _namespace, name) in [key]
        for path in _differing(before[key], after[key])
    ]
    return found + [f"{kind}/{name}" for kind, _namespace, name in sorted(before.keys() ^ after.keys())]


def random_note(name: str, fields: list[str]) -> str:
    """What random values will do, in one sentence; empty without any."""
    if not fields:
        return ""
    more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
    return (
        f"{name}: its chart draws {', '.join(fields[:_NAMED])}{more} at random: each upgrade gives another value, and "
        "pods that depend on it restart. Set it in the values if the chart has one for it."
    )


def credential_warning(spec: ReleaseSpec) -> str:
    """Names credentials among the values that nothing but their name or form tells; empty without any."""
    env = spec.values.get("env")
    found = plain_credentials(env) if isinstance(env, (Mapping, list)) else []
    if not found:
        return ""
    paths = ", ".join(f"env{path if path.startswith('[') else f'.{path}'}" for path in found)
    text = "looks like a credential; unless the chart puts it into a Secret, everybody may read it"
    return f"{spec.name}: {paths} {text}."


def _differing(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=str):
            yield from _differing(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differing(*pair, f"{path}[{index}]")
    elif one != other:
        yield path
