# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle as a whole: made of a release set, pushed or written, opened and verified.

What is opened is verified before anything of it is used: the list of contents against the signature, everything else
against the list, and the release set in it against its own signature.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..digest import canonical
from ..failure import Code, error
from ..parsing import Malformed, load_json
from ..records.record import Record
from ..records.secret_values import Path, leaves, path_text, value_at
from ..records.signing import RecordKeys
from ..records.store import sound
from ..token_formats import CERTAIN
from . import contents as of
from .contents import Contents, Part, damaged, digest_of, refused

_CHART = "chart-{}.tgz"
_VALUES = "values.json"


@dataclass(frozen=True)
class Bundle:
    """``blobs``: its own content by digest, images apart."""

    contents: Contents
    manifest: bytes = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)
    signed: bool = False  # by one of the keys that are accepted
    record: Record | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """Of its manifest: by it a registry knows the bundle."""
        return digest_of(self.manifest)

    def chart(self, digest: str) -> bytes | None:
        """The archive of the chart by which a member of the release set names it."""
        found = [each.part.digest for each in self.contents.charts if each.digest == digest]
        return self.blobs[found[0]] if found else None

    def item(self) -> Mapping[str, Any]:
        """The release set as a ConfigMap, as its environment signed it."""
        content = load_json(self.blobs[self.contents.record.digest])
        parts = [content.get(key) for key in ("data", "binaryData")] if isinstance(content, Mapping) else [None]
        if not all(isinstance(part, Mapping) for part in parts):
            raise Malformed("it is no object of Kubernetes")
        binary = dict(content["binaryData"])
        for chart in self.contents.charts:
            name = _CHART.format(chart.digest)
            if binary.get(name, "") is None:
                binary[name] = base64.b64encode(self.blobs[chart.part.digest]).decode()
        return {**content, "binaryData": binary}


def without_charts(item: Mapping[str, Any], digests: Iterable[str]) -> dict[str, Any]:
    """A stored release set for a bundle, whose charts stand beside it: only their names stay."""
    beside = set(map(_CHART.format, digests))
    binary = {name: None if name in beside else text for name, text in (item.get("binaryData") or {}).items()}
    return {"metadata": {"name": item["metadata"]["name"]}, "data": dict(item["data"]), "binaryData": binary}


@dataclass
class Parts:
    """What becomes a bundle, gathered part by part."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    others: list[Part] = field(default_factory=list)

    def add(self, title: str, media_type: str, content: bytes) -> Part:
        """One part."""
        if len(content) > of.LARGEST:
            raise error(Code.BUNDLE_REFUSED, f"{title} is too large for a bundle: {len(content) >> 20} MiB.")
        self.blobs[digest_of(content)] = content
        return of.part(title, media_type, content)


def made(
    item: Mapping[str, Any], namespace: str, record: Record, charts: Mapping[str, tuple[str, bytes]], parts: Parts,
    images: tuple[of.Image, ...], keys: RecordKeys,
) -> Bundle:  # fmt: skip
    """The bundle of a release set. ``item``: as it is stored; ``charts``: name and archive by digest; ``parts``: with
    the lists of what images are made of. Signed where there is a key. Raises bundle_refused.
    """
    check_values(record)
    stored = parts.add("release-set.json", of.RECORD, canonical(without_charts(item, charts)))
    found = tuple(
        of.Chart(digest, parts.add(f"charts/{name}", of.CHART, archive))
        for digest, (name, archive) in sorted(charts.items())
    )
    values = {name: member.values for name, member in sorted(record.members.items()) if not member.migration}
    shown = parts.add(_VALUES, of.VALUES, json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False).encode())
    listed = of.contents(
        environment=record.environment, namespace=namespace, set=record.id, commit=record.commit, time=record.time,
        record=stored, charts=found, images=images, others=(shown, *parts.others),
    )  # fmt: skip
    of.contents_of(listed.packed())  # what nobody could open is not made
    signature = keys.sign(listed.statement()).encode() if keys.private else b""
    parts.blobs[digest_of(listed.packed())] = listed.packed()
    if signature:
        parts.blobs[digest_of(signature)] = signature
    return Bundle(listed, of.manifest(listed, signature), parts.blobs, bool(signature), record)


def opened(manifest: bytes, read: Callable[[Part], bytes], keys: RecordKeys) -> Bundle:
    """A verified bundle. ``read`` gives a part; it need not be verified. Raises bundle_damaged, bundle_refused,
    bundle_unsigned, set_damaged, set_unsigned, and what ``read`` raises.
    """
    try:
        content = load_json(manifest)
    except Malformed as exc:
        raise damaged(f"its manifest cannot be read: {exc}") from exc
    if not isinstance(content, Mapping):
        raise damaged("its manifest is no JSON object")
    named, signature = of.read_manifest(content)
    packed = _part(named, read)
    if keys.required:
        _check_signed(packed, _part(signature, read).decode("ascii", "replace") if signature else "", keys)
    listed = of.contents_of(packed)
    blobs = {part.digest: _part(part, read) for part in [listed.record, *(each.part for each in listed.charts)]}
    bundle = Bundle(listed, manifest, blobs, keys.required)
    try:
        item = bundle.item()
    except Malformed as exc:
        raise damaged(f"its release set cannot be read: {exc}") from exc
    record = sound(item, listed.namespace, listed.environment, keys)
    if (record.id, record.commit, record.time) != (listed.set, listed.commit, listed.time):
        raise damaged("its list of contents is about another release set")
    check_values(record)
    return Bundle(listed, manifest, blobs, keys.required, record)


def _part(part: Part, read: Callable[[Part], bytes]) -> bytes:
    content = read(part)
    if len(content) != part.size or digest_of(content) != part.digest:
        raise damaged(f"{part.title} does not have its digest")
    return content


def _check_signed(packed: bytes, signature: str, keys: RecordKeys) -> None:
    if not keys.accept(of.statement(packed), signature):
        why = (
            "none of bundle_public_keys has signed it"
            if signature
            else "it is not signed, but bundle_public_keys is set"
        )
        raise error(Code.BUNDLE_UNSIGNED, f"The bundle is refused: {why}. Nothing was changed.")


def check_values(record: Record) -> None:
    """No secret is in the values of a set, as far as they tell by themselves. Raises bundle_refused."""
    for name, member in sorted(record.members.items()):
        if member.secret_values is None and member.values:
            raise refused(
                f"{name} was recorded by a version of the collection that did not look for secret values; deploy it "
                "again in the environment that it comes from"
            )
        for path in leaves(member.values):
            text = str(value_at(member.values, path))
            if path not in (member.secret_values or ()) and _is_credential(text):
                raise refused(f"a credential is in the values of {name}, at {path_text(path)}")
        if any(_there(member.values, path) for path in member.secret_values or ()):
            raise refused(f"{name} holds a value that its own release set calls secret")


def _is_credential(text: str) -> bool:
    lowered = text.lower()
    if "private key-----" in lowered:
        return True
    return any(word in lowered and form.search(text) for word, form in CERTAIN)


def _there(values: Mapping[str, Any], path: Path) -> bool:
    try:
        return value_at(values, path) is not None
    except (KeyError, IndexError, TypeError):
        return False
