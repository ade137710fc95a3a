# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The records of an environment in the cluster: read, written, pruned, withdrawn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, takewhile
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeApi
from ..kube.errors import AlreadyExists, Forbidden, KubeError
from ..kube.resources import CONFIG_MAP, SECRET
from ..labels import VERIFICATION_FAILED
from ..parsing import quoted
from .packing import damaged, join, pack, split, text_of, unpack
from .record import PREFIX, RECORD_LABEL, WITHDRAWN, Header, Record, headers_of, texts
from .secret_values import (
    digest_of_secret,
    pack_secret,
    unpack_secret,
)
from .signing import RecordKeys, statement

KEEP = 20
_UNSOUND = (Code.SET_DAMAGED, Code.SET_UNSIGNED)
_TOLD = 5  # sets that do not count and are named one by one; somebody may have made thousands


def sound(item: Mapping[str, Any], namespace: str, environment: str, keys: RecordKeys) -> Record:
    """The record of a ConfigMap, without its secret values. Raises set_damaged, set_unsigned."""

    def check_signed(text: str, binary: Mapping[str, str]) -> None:
        name = str((item.get("metadata") or {}).get("name", ""))
        number = int(name.removeprefix(PREFIX) or 0)  # unpack has looked at it
        signature = texts(item.get("data")).get("signature", "")
        if keys.required and not keys.accept(statement(namespace, environment, number, text, binary), signature):
            raise error(
                Code.SET_UNSIGNED,
                f"{name} does not count: it is not signed by a key that is accepted (record_key, record_public_keys).",
                set=number,
            )

    record = unpack(item, check_signed)
    if record.environment != environment:
        raise damaged(f"{PREFIX}{record.id}", f"it is a release set of {quoted(record.environment)}")
    return replace(record, signed=keys.required)


class RecordStore:
    """The records of one environment. With ``keys`` only signed ones count."""

    def __init__(self, kube: KubeApi, namespace: str, environment: str, keys: RecordKeys | None = None) -> None:
        self._keys = keys or RecordKeys()
        self._kube = kube
        self._namespace = namespace
        self._environment = environment
        self._read: dict[int, Record] = {}
        self._unsound: dict[int, TodoCloudError] = {}

    def written_by(self, kube: KubeApi) -> RecordStore:
        """The same records, with what was read of them; ``kube`` writes."""
        store = copy.copy(self)
        store._kube = kube
        return store

    def readable(
        self, headers: Iterable[Header] | None = None, damaged: Callable[[str], None] = lambda text: None
    ) -> Iterator[Record]:
        """Records that count, newest first: sound ones that are not withdrawn. See ``sound``."""
        found = self.headers() if headers is None else headers
        return self.sound((header for header in found if not header.withdrawn), damaged)

    def sound(self, headers: Iterable[Header], damaged: Callable[[str], None] = lambda text: None) -> Iterator[Record]:
        """Records that are not damaged, and signed where that is required. ``damaged`` is called for the first ones
        that are skipped, and with how many more there were.
        """
        skipped = 0
        for header in headers:
            try:
                record = self.read(header.id)
            except TodoCloudError as exc:
                if exc.failure.code is Code.SET_NOT_FOUND:  # somebody deleted it since it was listed
                    continue
                if exc.failure.code not in _UNSOUND:
                    raise
                skipped += 1
                if skipped <= _TOLD:
                    damaged(exc.failure.message)
            else:
                if skipped > _TOLD:
                    damaged(_more(skipped - _TOLD))
                skipped = 0
                yield record
        if skipped > _TOLD:
            damaged(_more(skipped - _TOLD))

    def of_commit(
        self,
        headers: Iterable[Header],
        is_it: Callable[[str], bool],
        damaged: Callable[[str], None] = lambda text: None,
    ) -> Record | None:
        """The newest sound record of a commit; the annotation only says where to look. ``damaged``: see ``sound``."""
        found = self.sound([header for header in headers if is_it(header.commit)], damaged)
        return next((record for record in found if is_it(record.commit)), None)

    def headers(self) -> list[Header]:
        """Newest first; one request, metadata only."""
        selector = f"{RECORD_LABEL}={self._environment}"
        items = self._kube.list_(CONFIG_MAP, self._namespace, label_selector=selector, metadata_only=True)[0]
        return headers_of((item["metadata"] for item in items), self._environment)

    def read(self, number: int) -> Record:
        """One record. Raises set_damaged, set_unsigned or set_not_found. Each is read once."""
        if number in self._unsound:
            raise self._unsound[number]
        if number not in self._read:
            try:
                self._read[number] = self._stored(number)
            except TodoCloudError as exc:
                if exc.failure.code in _UNSOUND:
                    self._unsound[number] = exc
                raise
        return self._read[number]

    def _stored(self, number: int) -> Record:
        item = self._kube.find(CONFIG_MAP, self._namespace, f"{PREFIX}{number}")
        if item is None:
            raise error(
                Code.SET_NOT_FOUND,
                f"There is no release set {number} in namespace {self._namespace!r}.",
                set=number,
            )
        return self._with_secrets(sound(item, self._namespace, self._environment, self._keys))

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
            self._kube.delete(CONFIG_MAP, self._namespace, f"{PREFIX}{number}")

    def _with_secrets(self, record: Record) -> Record:
        """With its secret values, as far as the credentials may read them and nobody removed them."""
        if not any(member.secret_values for member in record.members.values()):
            return record
        name, item = f"{PREFIX}{record.id}", None
        with suppress(Forbidden):
            item = self._kube.find(SECRET, self._namespace, name) if record.secret_digest else None
        return join(record, unpack_secret(name, item, record.secret_digest) if item else {})

    def write(self, record: Record) -> list[str]:
        """Writes a record and prunes old ones, as far as the API server allows: the next record prunes what is left.
        Returns the digests of charts that did not fit.
        """
        name = f"{PREFIX}{record.id}"
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
        kept = {f"{PREFIX}{header.id}" for header in self.headers()}
        for item in self._kube.list_(SECRET, self._namespace, label_selector=selector, metadata_only=True)[0]:
            name = str(item["metadata"]["name"])
            if name.startswith(PREFIX) and name not in kept:
                self._kube.delete(SECRET, self._namespace, name)

    def note_failed(self, number: int, reason: str) -> None:
        """Marks a record whose verification failed later, or takes the mark away (empty)."""
        patch = {"metadata": {"annotations": {VERIFICATION_FAILED: reason or None}}}
        self._kube.patch(CONFIG_MAP, self._namespace, f"{PREFIX}{number}", patch)

    def withdraw(self, number: int, reason: str) -> None:
        """Marks a record as withdrawn: rollbacks no longer choose it by themselves."""
        patch = {"metadata": {"annotations": {WITHDRAWN: reason}}}
        self._kube.patch(CONFIG_MAP, self._namespace, f"{PREFIX}{number}", patch)


def _more(skipped: int) -> str:
    return f"{skipped} more release set{' does' if skipped == 1 else 's do'} not count."
