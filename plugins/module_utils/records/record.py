# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release sets: verified states, recorded in the environment itself as immutable ConfigMaps ``release-set-N``.

A record holds everything that a rollback to it needs, including charts and values, so it does not depend on Helm's
history. Its digest detects damage; it does not protect against someone who may write ConfigMaps. What changes later
(withdrawn) is in annotations, which an immutable ConfigMap still allows.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from ..digest import canonical, digest_of, wanted_key
from ..failure import Code, TodoCloudError, error
from ..helm.manifest import SecretRef
from ..helm.storage import Revision
from ..kube.api import KubeApi
from ..kube.errors import KubeError
from ..kube.resources import CONFIG_MAP
from ..rollout.targets import Target

RECORD_LABEL = "todo.cloud/release-set"
_COMMIT, _TIME = "todo.cloud/commit", "todo.cloud/verified-at"
WITHDRAWN = "todo.cloud/withdrawn"
KEEP = 20
_PREFIX = "release-set-"
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

    @property
    def wanted(self) -> str:
        """See digest.wanted_key."""
        return wanted_key(self.inputs, self.watched)

    def is_at(self, revision: Revision) -> bool:
        """Whether ``revision`` is the verified one."""
        return (self.revision, self.uid) == (revision.revision, revision.uid)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Member:
        """From a record's JSON."""
        return cls(**{
            **raw,
            "watches": tuple((kind, name) for kind, name in raw["watches"]),
            "targets": tuple(Target(**each) for each in raw["targets"]),
            "secrets": tuple(SecretRef(**each) for each in raw["secrets"]),
        })  # fmt: skip


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
        number = str(each.get("name", "")).removeprefix(_PREFIX)
        if (each.get("labels") or {}).get(RECORD_LABEL) == environment and number.isdigit():
            notes = each.get("annotations") or {}
            found.append(Header(int(number), notes.get(_TIME, ""), notes.get(_COMMIT, ""), notes.get(WITHDRAWN, "")))
    return sorted(found, key=lambda h: h.id, reverse=True)


def pack(record: Record) -> dict[str, Any]:
    """The ConfigMap. Charts that do not fit are left out, largest first; it cannot redeploy those releases."""
    content = asdict(record)
    charts: dict[str, bytes] = content.pop("charts")
    while charts and sum(map(len, charts.values())) * 4 / 3 + len(canonical(content)) > _LIMIT:
        del charts[max(charts, key=lambda digest: len(charts[digest]))]
    text = canonical(content).decode()
    binary = {f"chart-{digest}.tgz": base64.b64encode(archive).decode() for digest, archive in sorted(charts.items())}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {
            "name": f"{_PREFIX}{record.id}",
            "labels": {RECORD_LABEL: record.environment},
            "annotations": {_COMMIT: record.commit, _TIME: record.time},
        },
        "data": {"set.json": text, "digest": _digest(text, binary)},
        "binaryData": binary,
    }


def unpack(item: Mapping[str, Any]) -> Record:
    """From the ConfigMap; raises set_damaged when its digest does not match or it cannot be read."""
    data, binary = item.get("data") or {}, item.get("binaryData") or {}
    text = data.get("set.json", "")
    name = item["metadata"]["name"]
    if data.get("digest") != _digest(text, binary):
        raise error(Code.SET_DAMAGED, f"{name} is damaged: its digest does not match its content.", set=name)
    try:
        content = json.loads(text)
        members = {key: Member.parse(raw) for key, raw in content.pop("members").items()}
        charts = {
            key.removeprefix("chart-").removesuffix(".tgz"): base64.b64decode(value) for key, value in binary.items()
        }
        return Record(**content, members=members, charts=charts)
    except (ValueError, TypeError, KeyError) as exc:
        raise error(
            Code.SET_DAMAGED, f"{name} cannot be read by this version of the collection: {exc}.", set=name
        ) from exc


def _digest(text: str, binary: Mapping[str, str]) -> str:
    return digest_of(text.encode(), canonical(dict(binary)))


class RecordStore:
    """The records of one environment."""

    def __init__(self, kube: KubeApi, namespace: str, environment: str) -> None:
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
        """Records that are neither withdrawn nor damaged, newest first. ``damaged`` is called for each skipped one."""
        for header in self.headers() if headers is None else headers:
            if header.withdrawn:
                continue
            try:
                record = self.read(header.id)
            except TodoCloudError as exc:
                if exc.failure.code is not Code.SET_DAMAGED:
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
            self._read[number] = unpack(item)
        return self._read[number]

    def write(self, record: Record) -> list[str]:
        """Writes a record and prunes old ones, as far as the API server allows: the next record prunes what is left.
        Returns the digests of charts that did not fit.
        """
        item = pack(record)
        self._kube.create(CONFIG_MAP, self._namespace, item)
        kept = {key.removeprefix("chart-").removesuffix(".tgz") for key in item["binaryData"]}
        with suppress(KubeError):
            for old in self.headers()[KEEP:]:
                self._kube.delete(CONFIG_MAP, self._namespace, f"{_PREFIX}{old.id}")
        return sorted(set(record.charts) - kept)

    def withdraw(self, number: int, reason: str) -> None:
        """Marks a record as withdrawn: rollbacks no longer choose it by themselves."""
        patch = {"metadata": {"annotations": {WITHDRAWN: reason}}}
        self._kube.patch(CONFIG_MAP, self._namespace, f"{_PREFIX}{number}", patch)
