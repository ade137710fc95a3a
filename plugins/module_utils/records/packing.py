# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records as ConfigMaps, and back: packed where they are big, without what is secret."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..digest import canonical, digest_of
from ..failure import Code, TodoCloudError, error
from ..parsing import Malformed, load_json, parse, parse_as, quoted, unpack_base64, unpack_gzip
from .record import COMMIT, NAME, PREFIX, RECORD_LABEL, TIME, Record, texts
from .secret_values import (
    Split,
    pack_secret,
    value_at,
    with_values,
    without,
)

_PACKED, _PACKED_ABOVE = "set.json.gz", 500_000  # text that is longer is packed
_LIVE = "live.json"  # Member.live by name; not in the text, since older versions refuse fields that they don't know
_LIMIT = 1_000_000  # the API server refuses ConfigMaps above 1 MiB, including metadata


def pack(record: Record) -> dict[str, Any]:
    """The ConfigMap. Charts that do not fit are left out, largest first; it cannot redeploy those releases."""
    content = asdict(record)
    charts: dict[str, bytes] = content.pop("charts")
    del content["signed"]
    # What only some sets have is left out of others: older versions of the collection read those too.
    for key in ("secret_digest", "emergency"):
        if not content[key]:
            del content[key]
    live = {name: found for name, member in content["members"].items() if (found := member.pop("live"))}
    for member in content["members"].values():
        for target in member["targets"]:
            del target["passing"]
        del member["incomplete"]
        for key, default in (("input_key", ""), ("migration", ""), ("tag", ""), ("secret_values", None)):
            if member[key] == default:
                del member[key]
    text = canonical(content).decode()
    plain = len(text) <= _PACKED_ABOVE
    binary = {} if plain else {_PACKED: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}
    if live:
        binary[_LIVE] = base64.b64encode(canonical(live)).decode()
    size = len(text) if plain else len(binary[_PACKED])
    size += len(binary.get(_LIVE, ""))
    if size > _LIMIT:
        raise _too_large(record, size)
    while charts and sum(map(len, charts.values())) * 4 / 3 + size > _LIMIT:
        del charts[max(charts, key=lambda digest: len(charts[digest]))]
    binary |= {f"chart-{digest}.tgz": base64.b64encode(archive).decode() for digest, archive in sorted(charts.items())}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {
            "name": f"{PREFIX}{record.id}",
            "labels": {RECORD_LABEL: record.environment},
            "annotations": {COMMIT: record.commit, TIME: record.time},
        },
        "data": {**({"set.json": text} if plain else {}), "digest": _digest(text, binary)},
        "binaryData": binary,
    }


def check_size(record: Record) -> None:
    """Raises set_too_large when a set would not fit into its ConfigMap, or its secret values into their Secret."""
    public, found = split(record)
    pack(public)
    secret = sum(map(len, pack_secret("", {}, found)["data"].values())) if found else 0
    if secret > _LIMIT:
        raise _too_large(record, secret)


def _too_large(record: Record, size: int) -> TodoCloudError:
    sizes = {name: len(canonical(member.values)) for name, member in record.members.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    named = ", ".join(f"{name} {sizes[name] // 1024} KiB" for name in largest)
    return error(
        Code.SET_TOO_LARGE,
        f"The release set would need {size // 1024} KiB, packed, but an object of Kubernetes holds 1 MiB. The largest "
        f"values are those of {named}: keep big files out of values, in a ConfigMap or an image.",
        releases=largest,
    )


def text_of(item: Mapping[str, Any]) -> str:
    """A record's text, which is packed when it is big. Raises Malformed."""
    data, binary = texts(item.get("data")), texts(item.get("binaryData"))
    if "set.json" in data or _PACKED not in binary:
        return data.get("set.json", "")
    try:
        return unpack_gzip(unpack_base64(binary[_PACKED])).decode()
    except UnicodeDecodeError:
        raise Malformed("its text is not UTF-8") from None


def unpack(
    item: Mapping[str, Any], accept: Callable[[str, Mapping[str, str]], None] = lambda text, binary: None
) -> Record:
    """From the ConfigMap; raises set_damaged when its digest does not match or it cannot be read.

    :param accept: is given text and binary parts before anything of them is parsed, and may raise a TodoCloudError
    """
    metadata = item.get("metadata") if isinstance(item, Mapping) else None
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    number = NAME.fullmatch(name)
    if not number:
        raise damaged(quoted(name), "its name is not that of a release set")
    data, binary = texts(item.get("data")), texts(item.get("binaryData"))
    try:
        text = text_of(item)
        if data.get("digest") != _digest(text, binary):
            raise Malformed("its digest does not match its content")
    except UnicodeEncodeError:
        raise damaged(name, "it contains text that is not Unicode") from None
    except Malformed as exc:
        raise damaged(name, str(exc)) from exc
    accept(text, binary)
    try:
        content = load_json(text)
        charts = {
            key.removeprefix("chart-").removesuffix(".tgz"): unpack_base64(value)
            for key, value in binary.items()
            if key not in (_PACKED, _LIVE)
        }
        live = _live(load_json(unpack_base64(binary[_LIVE]))) if _LIVE in binary else {}
        record = replace(parse(Record, content), charts=charts, signed=False)
        members = {name: replace(member, live=live.get(name, {})) for name, member in record.members.items()}
        record = replace(record, members=members)
        for key, member in record.members.items():
            member.check(key)
    except UnicodeEncodeError:
        raise damaged(name, "it contains text that is not Unicode") from None
    except Malformed as exc:
        raise damaged(name, str(exc)) from exc
    except TodoCloudError as exc:
        raise damaged(name, exc.failure.message.rstrip(".")) from exc
    if record.id != int(number[1]):
        raise damaged(name, f"it contains release set {record.id}")
    return record


def _live(content: Any) -> dict[str, Mapping[str, str]]:
    if isinstance(content, Mapping):  # one digest for all kinds, as records of the first days have it, tells nothing
        content = {name: {} if isinstance(found, str) else found for name, found in content.items()}
    return dict(parse_as(Mapping[str, Mapping[str, str]], content, _LIVE))


def damaged(name: str, why: str) -> TodoCloudError:
    """The error for a record that does not serve."""
    return error(Code.SET_DAMAGED, f"{name} is damaged, or of another version of the collection: {why}.", set=name)


def _digest(text: str, binary: Mapping[str, str]) -> str:
    return digest_of(text.encode(), canonical(dict(binary)))


def split(record: Record) -> tuple[Record, Split]:
    """The record without its secret values, and those by member."""
    found: Split = {}
    members = dict(record.members)
    for name, member in record.members.items():
        if member.secret_values and not member.incomplete:
            found[name] = [(path, value_at(member.values, path)) for path in member.secret_values]
            members[name] = replace(member, values=without(member.values, member.secret_values))
    return replace(record, members=members), found


def join(record: Record, found: Split) -> Record:
    """The reverse of ``split``; members whose secret values are not there are marked incomplete."""
    members = dict(record.members)
    for name, member in record.members.items():
        if not member.secret_values:
            continue
        values = found.get(name, [])
        if {path for path, _value in values} == set(member.secret_values):
            try:
                members[name] = replace(member, values=with_values(member.values, values))
            except (KeyError, IndexError, TypeError):
                raise damaged(f"{PREFIX}{record.id}", f"{name} has no value where a secret one belongs") from None
        else:
            members[name] = replace(member, incomplete=True)
    return replace(record, members=members)
