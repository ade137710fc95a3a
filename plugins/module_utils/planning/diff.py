# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Readable diffs of manifests: one entry for each changed object, without the content of Secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..helm.manifest import key_of, objects_of
from ..yaml_scalars import means_itself
from .hiding import contents_texts, everywhere, hider, without_credentials, without_digests
from .secret_leaves import contents_of

_SAME, _BEFORE, _AFTER = "(hidden)", "(hidden, before)", "(hidden, after)"
_VERSIONS = ("app.kubernetes.io/version", "helm.sh/chart")
_COPY = "/last-applied-configuration"
_WIDE = 10_000  # long lines are not folded: a folded line would show as two changes


def manifest_diffs(
    name: str, before: str, was: int, after: str, now: str, secrets: Iterable[str] = ()
) -> list[dict[str, str]]:
    """Entries of a module's ``diff`` for one release, objects sorted by kind and name, without unchanged ones.

    ``was`` is a revision (0: not installed), ``now`` describes the new one. ``secrets``: texts to hide besides what the
    manifests' own Secrets hold.
    """
    old, new = _masked(before, after, set(secrets))
    entries = []
    labels: dict[
        tuple[str, str], list[str]
    ] = {}  # objects that differ only in version labels: one entry for all of them
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        one = text_of(without_credentials(old.get(key), new.get(key), _SAME, _BEFORE))
        other = text_of(without_credentials(new.get(key), old.get(key), _SAME, _AFTER))
        kind, namespace, item = key
        if one != other and (pair := _versions(old.get(key), new.get(key))):
            labels.setdefault(pair, []).append(f"{kind}/{item}")
        elif one != other:
            what = f"{name}: {kind}/{item}" + (f" in {namespace}" if namespace else "")
            entries.append(
                {
                    "before_header": f"{what} ({_describe(was, bool(one))})",
                    "after_header": f"{what} ({now if other else 'removed'})",
                    "before": one,
                    "after": other,
                }
            )
    for (one, other), items in labels.items():
        what = f"{name}: labels of {', '.join(items)}"
        entry = {"before_header": f"{what} (revision {was})", "after_header": f"{what} ({now})"}
        entries.append({**entry, "before": one, "after": other})
    return entries


def _versions(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Version labels before and after, if nothing else differs."""
    if old is None or new is None:
        return None
    parts = []
    for item in (old, new):
        metadata = item.get("metadata") or {}
        labels = metadata.get("labels") or {}
        rest = {key: value for key, value in labels.items() if key not in _VERSIONS}
        found = {key: labels[key] for key in _VERSIONS if key in labels}
        parts.append(({**item, "metadata": {**metadata, "labels": rest}}, text_of(found) if found else ""))
    return (parts[0][1], parts[1][1]) if parts[0][0] == parts[1][0] else None


def text_of(item: Mapping[str, Any] | None) -> str:
    """An object as readable YAML: keys sorted, multi-line text as blocks, no folding; empty for None."""
    import yaml

    if item is None:
        return ""
    return str(yaml.dump(item, Dumper=_dumper(), sort_keys=True, width=_WIDE, allow_unicode=True))


def _describe(revision: int, exists: bool) -> str:
    if not revision:
        return "not installed"
    return f"revision {revision}" if exists else "not there"


_Objects = dict[tuple[str, str, str], dict[str, Any]]


def _masked(before: str, after: str, secrets: set[str]) -> tuple[_Objects, _Objects]:
    """Objects of two manifests; placeholders in Secrets, and for what they hold in other places, show only whether
    values differ.
    """
    old: _Objects = {key_of(item): dict(item) for item in objects_of(before)}
    new: _Objects = {key_of(item): dict(item) for item in objects_of(after)}
    for key in old.keys() | new.keys():
        if key[0] == "Secret":
            _mask(old.get(key), new.get(key))
    were, are = (contents_texts(contents_of(manifest)) for manifest in (before, after))
    if not (were or are or secrets):
        return old, new
    were, are = were | {text for text in secrets if text in before}, are | {text for text in secrets if text in after}
    hidden = dict.fromkeys(secrets | (were & are), _SAME)
    hidden |= dict.fromkeys(were - are, _BEFORE) | dict.fromkeys(are - were, _AFTER)
    return _hidden(old, new, hidden, _BEFORE), _hidden(new, old, hidden, _AFTER)


def _hidden(objects: _Objects, others: _Objects, secrets: Mapping[str, str], word: str) -> _Objects:
    """Objects without secrets; ``word`` for digests in annotations that differ from those of the ``others``."""
    hide = hider(secrets)
    return {key: everywhere(without_digests(item, others.get(key), _SAME, word), hide) for key, item in objects.items()}


def _mask(old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
    """Both without what they hold, also in kubectl's copy of it; what is no map (a mistake in a chart) as a whole."""
    for part in ("data", "stringData"):
        was, now = (each.get(part) if each else None for each in (old, new))
        if old is not None and was:
            old[part] = _masked_part(was, now, _BEFORE)
        if new is not None and now:
            new[part] = _masked_part(now, was, _AFTER)
    for item, word in ((old, _BEFORE), (new, _AFTER)):
        notes = ((item or {}).get("metadata") or {}).get("annotations")
        if item is not None and isinstance(notes, dict):
            kept = {key: word if str(key).endswith(_COPY) else value for key, value in notes.items()}
            item["metadata"] = {**item["metadata"], "annotations": kept}


def _masked_part(value: Any, other: Any, word: str) -> Any:
    if not isinstance(value, Mapping):
        return _SAME if value == other else word
    beside = other if isinstance(other, Mapping) else {}
    return {key: _SAME if beside.get(key) == one else word for key, one in value.items()}


def _dumper() -> Any:
    import yaml

    class Readable(yaml.SafeDumper):
        """SafeDumper with ``|`` for multi-line text and without anchors."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None if means_itself(value) else "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Readable.add_representer(str, text)
    return Readable
