# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release's manifest: its objects, its digest, and the Secrets that it refers to; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..digest import canonical, digest_of
from ..failure import Code, error
from ..yaml_reader import YamlError, read_with_repeats

_DAPR_GROUP = "dapr.io/"
_HOOK = "helm.sh/hook"
QUOTE_IT = "put it in quotes (YAML reads y, n, yes, no, on and off as booleans, digits as a number)"
_WEIGHT = re.compile(r"[+-]?[0-9]{1,18}")
_EVENTS = {f"{when}-{what}" for when in ("pre", "post") for what in ("install", "upgrade", "delete", "rollback")}
_EVENTS |= {"test", "test-success"}


@dataclass(frozen=True, order=True)
class SecretRef:
    """A Secret that pods or Dapr components of a manifest refer to; an empty ``key`` means the whole Secret."""

    name: str
    key: str = ""


@lru_cache(maxsize=128)
def documents_of(manifest: str) -> tuple[Any, ...]:
    """The documents of a manifest, as Kubernetes reads them. They are cached and shared: do not change them.

    Raises helm_failed when it is not YAML.
    """
    return tuple(document for document, _repeats in documents_with_repeats(manifest))


@lru_cache(maxsize=128)
def documents_with_repeats(manifest: str) -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """The same, with the keys that a document has more than once in one mapping."""
    try:
        documents = read_with_repeats(manifest)
    except (YamlError, UnicodeEncodeError) as exc:
        raise error(Code.HELM_FAILED, f"A release's manifest is not valid YAML: {exc}.") from exc
    except RecursionError:
        raise error(Code.HELM_FAILED, "A release's manifest is nested too deeply.") from None
    return documents


def objects_of(manifest: str) -> list[dict[str, Any]]:
    """The objects of a manifest, with the items of Lists. They are shared: do not change them."""
    return [item for document in documents_of(manifest) for item in _flat(document)]


def _flat(item: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(item, dict):
        return
    items = item.get("items")
    if isinstance(items, list) and str(item.get("kind", "")).endswith("List"):
        for one in items:
            yield from _flat(_typed(one, item) if isinstance(one, dict) else None)
    else:
        yield item


def _typed(item: dict[str, Any], listed: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a list such as a SecretList, which may leave its kind out, as Kubernetes' client reads it."""
    if item.get("kind") or item.get("apiVersion") or listed["kind"] == "List":
        return item
    return {"apiVersion": listed.get("apiVersion"), "kind": listed["kind"].removesuffix("List"), **item}


def part(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A section of an object; empty when it is none."""
    found = item.get(key)
    return found if isinstance(found, Mapping) else {}


def key_of(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """(kind, namespace, name)."""
    metadata = part(item, "metadata")
    return str(item.get("kind", "")), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def not_text(value: object) -> str:
    """What is wrong with a name that is no text."""
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"is {shown if isinstance(shown, (str, int, float)) else 'a ' + type(value).__name__}, not text"


def is_kept(item: Mapping[str, Any]) -> bool:
    """Whether Helm leaves the object when it is no longer in the release (``helm.sh/resource-policy: keep``)."""
    annotations = part(part(item, "metadata"), "annotations")
    return str(annotations.get("helm.sh/resource-policy", "")).strip().lower() == "keep"


def hook_of(item: Mapping[str, Any]) -> str | None:
    """What an object says of itself as a hook of Helm; None: it is part of the release."""
    annotations = part(part(item, "metadata"), "annotations")
    return str(annotations[_HOOK] or "") if _HOOK in annotations else None


def hooks_of(item: Mapping[str, Any]) -> set[str]:
    """When Helm makes an object that says it is a hook; empty: never, since one of its events is none.

    Seen by ``helm template`` of Helm 4.3; a test compares it.
    """
    events = {one.strip().lower() for one in (hook_of(item) or "").split(",")}
    return events if events <= _EVENTS else set()


def weight_of(item: Mapping[str, Any]) -> int:
    """A hook's place in Helm's order: lower ones come first. What is no number is 0 for Helm."""
    text = str(part(part(item, "metadata"), "annotations").get(f"{_HOOK}-weight") or "0")
    return int(text) if _WEIGHT.fullmatch(text) else 0


def runs_with(hook: str, *, first: bool) -> bool:
    """Whether Helm runs a hook (its manifest) when it deploys a release, ``first``: for the first time."""
    events = {f"{when}-{'install' if first else 'upgrade'}" for when in ("pre", "post")}
    return any(events & hooks_of(item) for item in objects_of(hook))


def is_components(manifest: str) -> bool:
    """True when the release has Dapr resources (components, configurations): they go back before the services."""
    return any(str(item.get("apiVersion", "")).startswith(_DAPR_GROUP) for item in objects_of(manifest))


def manifest_digest(manifest: str, *, secrets: bool = True) -> str:
    """Digest of the objects of a manifest, independent of its layout. ``secrets`` False: without what Secrets hold,
    for a place where a password could be tried by it.
    """
    items = objects_of(manifest)
    if not secrets:
        items = [
            {k: v for k, v in item.items() if k not in ("data", "stringData")} if item.get("kind") == "Secret" else item
            for item in items
        ]
    return digest_of(*sorted(canonical(item) for item in items))


def secret_refs(manifest: str) -> list[SecretRef]:
    """Secrets that the manifest's pods and components need, sorted, without those in the manifest itself."""
    items = objects_of(manifest)
    own = {key_of(item)[2] for item in items if item.get("kind") == "Secret"}
    found = {ref for item in items for ref in _refs(item)}
    return sorted(ref for ref in found if ref.name and ref.name not in own)


def _refs(node: Any) -> Iterator[SecretRef]:
    if isinstance(node, list):
        for each in node:
            yield from _refs(each)
    if not isinstance(node, dict) or node.get("optional") is True:
        return
    for key, value in node.items():
        match key, value:
            case "secretKeyRef", {"name": str() as name} if value.get("optional") is not True:
                yield SecretRef(name, str(value.get("key") or ""))
            case "secretRef", {"name": str() as name} if value.get("optional") is not True:
                yield SecretRef(name)
            case "secret", {"secretName": str() as name} if value.get("optional") is not True:
                listed = value.get("items")
                items = [i for i in listed if isinstance(i, dict)] if isinstance(listed, list) else []
                yield from [SecretRef(name, str(i.get("key") or "")) for i in items] or [SecretRef(name)]
            case _:
                yield from _refs(value)
