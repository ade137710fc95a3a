# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rendered objects that are none: without a kind, or without a name that Helm takes; and names that are too long for
what is made of them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..failure import Code
from ..helm.manifest import QUOTE_IT, documents_with_repeats, not_text
from ..parsing import quoted
from ..readiness.rules import group_of
from ..readiness.templates import Object, mapping
from .needs import label_of
from .problem import Problem

_LABEL = 63  # characters of a label's value
# A StatefulSet's pods have its name in the label controller-revision-hash, with a hash of up to ten digits
# (kubernetes/kubernetes#64023); hardly any has less than eight.
_HASH, _SHORT_HASH = 11, 9
_NAMED = 3


def is_named(item: Object) -> bool:
    """Whether it has a name that the API server can be asked about."""
    name = mapping(item.get("metadata")).get("name")
    return isinstance(name, str) and bool(name)


def misshapen(release: str, objects: Iterable[Object]) -> Iterator[Problem]:
    """What the objects of a release lack; an empty document is refused by Helm too."""
    for item in objects:
        about = mapping(item.get("metadata"))
        kind, name = item.get("kind"), about.get("name")
        lacking = [f for f in ("apiVersion", "kind") if not isinstance(item.get(f), str) or not item[f]]
        if lacking:
            which = f" (metadata.name {quoted(name)})" if name else ""
            message = f"its chart makes an object without {' and '.join(lacking)}{which}"
            yield Problem(release, Code.CHART_INVALID, message, "add that, or leave the object out")
        if not isinstance(kind, str) or not kind:
            continue
        if name is None or name == "":
            message = f"a {quoted(kind)} of its chart has no metadata.name"
            remedy = "name it (generateName is not enough for Helm)" if "generateName" in about else "name it"
            yield Problem(release, Code.CHART_INVALID, message, remedy)
        elif not isinstance(name, str):
            yield Problem(release, Code.CHART_INVALID, f"metadata.name of a {quoted(kind)} {not_text(name)}", QUOTE_IT)
        elif kind == "StatefulSet" and group_of(item) == "apps" and len(name) + _HASH > _LABEL:
            message = (
                f"{label_of(item)} has a name of {len(name)} characters, which its pods carry with a hash in a label: "
                f"that takes {_LABEL - _HASH} in all"
            )
            yield Problem(release, Code.REFUSED, message, "shorten it", certain=len(name) + _SHORT_HASH > _LABEL)


def repeated(release: str, texts: Iterable[str]) -> Iterator[Problem]:
    """Objects with a key that stands twice: Helm takes the last one without a word."""
    for item, keys in (each for text in texts for each in documents_with_repeats(text)):
        if keys and isinstance(item, dict):
            names = " and ".join(map(quoted, keys[:_NAMED]))
            message = f"{label_of(item)} has {names} twice in one place, of which the last one counts"
            remedy = "leave one of them, or put --- between two objects (in a loop: before each)"
            yield Problem(release, Code.CHART_INVALID, message, remedy, certain=False)
