# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release sets: verified states, recorded in the environment itself as immutable ConfigMaps ``release-set-N``.

A record holds everything that a rollback to it needs, including charts and values, so it does not depend on Helm's
history. Its digest detects damage; against someone who may write ConfigMaps only a signature protects (signing.py).
What changes later (withdrawn) is in annotations, which an immutable ConfigMap still allows.
"""

from __future__ import annotations

import base64
import copy
import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count, takewhile
from typing import Any

from ..digest import canonical, digest_of, wanted_key
from ..failure import Code, TodoCloudError, error
from ..helm.manifest import SecretRef
from ..helm.names import check_chart, check_name
from ..helm.storage import Revision
from ..kube.api import KubeApi
from ..kube.errors import AlreadyExists, Forbidden, KubeError
from ..kube.resources import CONFIG_MAP, SECRET
from ..parsing import Malformed, load_json, parse, parse_as, quoted, unpack_base64, unpack_gzip
from ..rollout.targets import Target
from .secret_values import (
    Path,
    Split,
    digest_of_secret,
    pack_secret,
    unpack_secret,
    value_at,
    with_values,
    without,
)
from .signing import RecordKeys, statement

RECORD_LABEL = "todo.cloud/release-set"
_COMMIT, _TIME = "todo.cloud/commit", "todo.cloud/verified-at"
WITHDRAWN = "todo.cloud/withdrawn"
KEEP = 20
_UNSOUND = (Code.SET_DAMAGED, Code.SET_UNSIGNED)
_PREFIX = "release-set-"
_NAME = re.compile(rf"{_PREFIX}([1-9][0-9]{{0,8}})")
_PACKED, _PACKED_ABOVE = "set.json.gz", 500_000  # text that is longer is packed
_LIVE = "live.json"  # Member.live by name; not in the text, since older versions refuse fields that they don't know

_LIMIT = 1_000_000  # the API server refuses ConfigMaps above 1 MiB, including metadata


@dataclass(frozen=True)
class Member:
    """One verified release. ``images``: workload/container -> image and the digest that pods ran."""

    name: str
    revision: int
    uid: str  # of Helm's Secret: it tells revision 3 from revision 3 after a removal and a new installation
    chart: str  # name of a local chart, else the reference
    chart_version: str
    chart_digest: str
    local: bool  # the chart is a folder or an archive, so only the record can restore it
    inputs: str
    watched: str  # label value
    values: Mapping[str, Any]
    watches: tuple[tuple[str, str], ...] = ()
    app_id: str = ""
    wave: int = 0
    components: bool = False
    manifest: str = ""  # digest
    targets: tuple[Target, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rollback_floor: str = ""
    input_key: str = ""  # of the key by which ``inputs`` was made; see input_key.py
    secret_values: tuple[Path, ...] | None = None  # paths in ``values``; None: not examined
    incomplete: bool = False  # the secret values could not be read; never stored
    live: str = ""  # of its objects when it was verified, see planning/live.py; empty: not known

    @property
    def wanted(self) -> str:
        """See digest.wanted_key."""
        return wanted_key(self.inputs, self.watched)

    def is_at(self, revision: Revision) -> bool:
        """Whether ``revision`` is the verified one."""
        return (self.revision, self.uid) == (revision.revision, revision.uid)

    def check(self, name: str) -> None:
        """Checks that it can be the member ``name`` and that nothing in it could be an option of Helm. Raises
        Malformed, or invalid_input.
        """
        check_name(self.name)
        check_chart(self.chart, self.chart_version)
        if self.name != name:
            raise Malformed(f"{quoted(name)} is called {quoted(self.name)}")
        if self.revision < 1:
            raise Malformed(f"{name} has revision {self.revision}")
        if any(not {"image", "digest"} <= each.keys() for each in self.images.values()):
            raise Malformed(f"{name} has an image without its name or digest")


@dataclass(frozen=True)
class Record:
    """A verified set. ``missing``: members that were not verified with it, and why. ``charts``: digest -> archive."""

    id: int
    environment: str
    time: str
    who: str
    commit: str
    tools: Mapping[str, str]
    members: Mapping[str, Member]
    missing: Mapping[str, str] = field(default_factory=dict)
    restored_from: int = 0
    charts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    secret_digest: str = ""  # of the Secret beside it, see secret_values.py; empty without one
    signed: bool = False  # by one of the keys that are accepted; never stored


@dataclass(frozen=True)
class Header:
    """A record's metadata, without its content."""

    id: int
    time: str
    commit: str
    withdrawn: str = ""  # the reason, empty when it is not withdrawn


def headers_of(metadata: Iterable[Mapping[str, Any]], environment: str) -> list[Header]:
    """The records among a namespace's ConfigMaps, newest first."""
    found = []
    for each in metadata:
        number = _NAME.fullmatch(str(each.get("name", "")))
        if number and _texts(each.get("labels")).get(RECORD_LABEL) == environment:
            notes = _texts(each.get("annotations"))
            found.append(Header(int(number[1]), notes.get(_TIME, ""), notes.get(_COMMIT, ""), notes.get(WITHDRAWN, "")))
    return sorted(found, key=lambda h: h.id, reverse=True)


def _texts(raw: object) -> dict[str, str]:
    """Labels, annotations or data as the API server holds them; empty when they are no such thing."""
    return {k: v for k, v in raw.items() if isinstance(k, str) and isinstance(v, str)} if isinstance(raw, dict) else {}


def pack(record: Record) -> dict[str, Any]:
    """The ConfigMap. Charts that do not fit are left out, largest first; it cannot redeploy those releases."""
    content = asdict(record)
    charts: dict[str, bytes] = content.pop("charts")
    del content["signed"]
    # What only releases with secret values have is left out elsewhere: older versions of the collection read that too.
    if not content["secret_digest"]:
        del content["secret_digest"]
    live = {name: found for name, member in content["members"].items() if (found := member.pop("live"))}
    for member in content["members"].values():
        for target in member["targets"]:
            del target["passing"]
        for key, default in (("input_key", ""), ("secret_values", None), ("incomplete", member["incomplete"])):
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
            "name": f"{_PREFIX}{record.id}",
            "labels": {RECORD_LABEL: record.environment},
            "annotations": {_COMMIT: record.commit, _TIME: record.time},
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
    data, binary = _texts(item.get("data")), _texts(item.get("binaryData"))
    if "set.json" in data or _PACKED not in binary:
        return data.get("set.json", "")
    try:
        return unpack_gzip(unpack_base64(binary[_PACKED])).decode()
    except UnicodeDecodeError:
        raise Malformed("its text is not UTF-8") from None


def unpack(item: Mapping[str, Any]) -> Record:
    """From the ConfigMap; raises set_damaged when its digest does not match or it cannot be read."""
    metadata = item.get("metadata") if isinstance(item, Mapping) else None
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    number = _NAME.fullmatch(name)
    if not number:
        raise damaged(quoted(name), "its name is not that of a release set")
    data, binary = _texts(item.get("data")), _texts(item.get("binaryData"))
    try:
        text = text_of(item)
        if data.get("digest") != _digest(text, binary):
            raise Malformed("its digest does not match its content")
        content = load_json(text)
        charts = {
            key.removeprefix("chart-").removesuffix(".tgz"): unpack_base64(value)
            for key, value in binary.items()
            if key not in (_PACKED, _LIVE)
        }
        live = parse_as(Mapping[str, str], load_json(unpack_base64(binary[_LIVE])), _LIVE) if _LIVE in binary else {}
        record = replace(parse(Record, content), charts=charts, signed=False)
        members = {name: replace(member, live=live.get(name, "")) for name, member in record.members.items()}
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
                raise damaged(f"{_PREFIX}{record.id}", f"{name} has no value where a secret one belongs") from None
        else:
            members[name] = replace(member, incomplete=True)
    return replace(record, members=members)


class RecordStore:
    """The records of one environment. With ``keys`` only signed ones count."""

    def __init__(self, kube: KubeApi, namespace: str, environment: str, keys: RecordKeys | None = None) -> None:
        self._keys = keys or RecordKeys()
        self._kube = kube
        self._namespace = namespace
        self._environment = environment
        self._read: dict[int, Record] = {}

    def written_by(self, kube: KubeApi) -> RecordStore:
        """The same records, with what was read of them; ``kube`` writes."""
        store = copy.copy(self)
        store._kube = kube
        return store

    def readable(
        self, headers: Iterable[Header] | None = None, damaged: Callable[[str], None] = lambda text: None
    ) -> Iterator[Record]:
        """Records that count, newest first: neither withdrawn nor damaged, and signed where that is required.
        ``damaged`` is called for each skipped one.
        """
        for header in self.headers() if headers is None else headers:
            if header.withdrawn:
                continue
            try:
                record = self.read(header.id)
            except TodoCloudError as exc:
                if exc.failure.code not in _UNSOUND:
                    raise
                damaged(exc.failure.message)
            else:
                yield record

    def headers(self) -> list[Header]:
        """Newest first; one request, metadata only."""
        selector = f"{RECORD_LABEL}={self._environment}"
        items = self._kube.list_(CONFIG_MAP, self._namespace, label_selector=selector, metadata_only=True)[0]
        return headers_of((item["metadata"] for item in items), self._environment)

    def read(self, number: int) -> Record:
        """One record. Raises set_damaged, or set_not_found."""
        if number not in self._read:
            item = self._kube.find(CONFIG_MAP, self._namespace, f"{_PREFIX}{number}")
            if item is None:
                raise error(
                    Code.SET_NOT_FOUND,
                    f"There is no release set {number} in namespace {self._namespace!r}.",
                    set=number,
                )
            record = unpack(item)
            if record.environment != self._environment:
                raise damaged(f"{_PREFIX}{number}", f"it is a release set of {quoted(record.environment)}")
            record = replace(record, signed=self._is_signed(number, item))
            self._read[number] = self._with_secrets(record)
        return self._read[number]

    def _is_signed(self, number: int, item: Mapping[str, Any]) -> bool:
        """Raises set_unsigned where it has to be and is not."""
        if not self._keys.required:
            return False
        data, binary = _texts(item.get("data")), _texts(item.get("binaryData"))
        content = statement(self._namespace, self._environment, number, text_of(item), binary)
        if not self._keys.accept(content, data.get("signature", "")):
            raise error(
                Code.SET_UNSIGNED,
                f"{_PREFIX}{number} does not count: it is not signed by a key that is accepted (record_key, "
                "record_public_keys).",
                set=number,
            )
        return True

    def next_number(self, headers: Sequence[Header]) -> int:
        """The number after the newest sound set, withdrawn ones too, that no object has. Forged names do not count."""
        newest = next((header.id for header in headers if self._is_sound(header)), 0)
        taken = {header.id for header in headers}
        return next(number for number in count(newest + 1) if number not in taken)

    def _is_sound(self, header: Header) -> bool:
        try:
            return self.read(header.id) is not None
        except TodoCloudError as exc:
            if exc.failure.code not in (*_UNSOUND, Code.SET_NOT_FOUND):
                raise
            return False

    def _prune(self) -> None:
        """Deletes the oldest sound sets beyond those that are kept. Nothing is deleted below a number that is missing:
        sets are numbered without a gap, so somebody else wrote those above it.
        """
        headers = self.headers()
        if len(headers) <= KEEP:
            return
        sound = [header.id for header in headers if self._is_sound(header)]
        unbroken = list(takewhile(lambda number: sound[0] - number == sound.index(number), sound))
        for number in reversed(unbroken[KEEP:]):
            self._kube.delete(CONFIG_MAP, self._namespace, f"{_PREFIX}{number}")

    def _with_secrets(self, record: Record) -> Record:
        """With its secret values, as far as the credentials may read them and nobody removed them."""
        if not any(member.secret_values for member in record.members.values()):
            return record
        name, item = f"{_PREFIX}{record.id}", None
        with suppress(Forbidden):
            item = self._kube.find(SECRET, self._namespace, name) if record.secret_digest else None
        return join(record, unpack_secret(name, item, record.secret_digest) if item else {})

    def write(self, record: Record) -> list[str]:
        """Writes a record and prunes old ones, as far as the API server allows: the next record prunes what is left.
        Returns the digests of charts that did not fit.
        """
        name = f"{_PREFIX}{record.id}"
        public, found = split(record)
        if found:
            secret = pack_secret(name, {RECORD_LABEL: self._environment}, found)
            public = replace(public, secret_digest=digest_of_secret(secret))
            self._create_secret(name, secret)
        item = pack(public)
        if self._keys.required:
            content = statement(self._namespace, self._environment, record.id, text_of(item), item["binaryData"])
            item["data"]["signature"] = self._keys.sign(content)
        created = self._kube.create(CONFIG_MAP, self._namespace, item)
        if found:
            self._own(name, created)
        kept = {key.removeprefix("chart-").removesuffix(".tgz") for key in item["binaryData"]}
        with suppress(KubeError):
            self._prune()
            if any(member.secret_values for member in record.members.values()):
                self._prune_secrets()
        return sorted(set(record.charts) - kept)

    def _create_secret(self, name: str, secret: dict[str, Any]) -> None:
        """Before its record: a record without its Secret would be worth less than none."""
        try:
            self._kube.create(SECRET, self._namespace, secret)
        except AlreadyExists:  # a run was killed before it wrote the record
            if self._kube.find(CONFIG_MAP, self._namespace, name, metadata_only=True) is not None:
                raise
            self._kube.delete(SECRET, self._namespace, name)
            self._kube.create(SECRET, self._namespace, secret)

    def _own(self, name: str, record: Mapping[str, Any]) -> None:
        """Whoever deletes the record deletes its Secret."""
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": record["metadata"]["uid"]}
        with suppress(KubeError):  # _prune_secrets finds it in any case
            self._kube.patch(SECRET, self._namespace, name, {"metadata": {"ownerReferences": [owner]}})

    def _prune_secrets(self) -> None:
        """Secrets whose record is gone, oldest ones pruned by a version that did not know of them among them."""
        selector = f"{RECORD_LABEL}={self._environment}"
        kept = {f"{_PREFIX}{header.id}" for header in self.headers()}
        for item in self._kube.list_(SECRET, self._namespace, label_selector=selector, metadata_only=True)[0]:
            name = str(item["metadata"]["name"])
            if name.startswith(_PREFIX) and name not in kept:
                self._kube.delete(SECRET, self._namespace, name)

    def withdraw(self, number: int, reason: str) -> None:
        """Marks a record as withdrawn: rollbacks no longer choose it by themselves."""
        patch = {"metadata": {"annotations": {WITHDRAWN: reason}}}
        self._kube.patch(CONFIG_MAP, self._namespace, f"{_PREFIX}{number}", patch)
