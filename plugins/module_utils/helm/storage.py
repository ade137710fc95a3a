# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Helm's storage: one Secret per revision, named ``sh.helm.release.v1.NAME.vREVISION``.

Lists read only metadata, which has name, status, revision and our labels, so a hundred revisions cost a few kilobytes.
The release itself is decoded for one revision at a time (stored.py).
Layout: helm.sh/helm, pkg/storage/driver/secrets.go, the same in Helm 3 and 4.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..failure import Code, error
from ..kube.errors import AlreadyExists, Forbidden
from ..kube.resources import CONFIG_MAP, SECRET
from ..parsing import quoted
from .stored import (
    SELECTOR,
    CorruptRelease,
    History,
    ReleaseStatus,
    Revision,
    StoredRelease,
    chart_files,
    decode,
    encode,
    histories_of,
    payload_of,
    revision_of,
    secret_name,
    stored_release,
)

if TYPE_CHECKING:
    from ..kube.api import KubeApi, KubeReader

_NOT_SUPERSEDED = f"{SELECTOR},status!=superseded"
IN_CONFIG_MAPS = (
    "its history stands in ConfigMaps (Helm with HELM_DRIVER=configmap), and a second one beside it would be another "
    "release of the same name: move each of them into a Secret of its name and labels (type helm.sh/release.v1) first"
)
ELSEWHERE = (
    "HELM_DRIVER={driver} is set here, so its history may stand where this collection does not look, and a second one "
    "in Secrets would be another release of the same name: unset HELM_DRIVER, and if Helm has it elsewhere, move its "
    "history into Secrets first"
)


class HelmReader:
    """Reads the releases of one namespace. Threads may share it.

    A content that was read is kept as long as its Secret is listed with the same resourceVersion.
    """

    def __init__(self, kube: KubeReader, namespace: str) -> None:
        self.namespace = namespace
        self._reader = kube
        self._listed: dict[str, Mapping[int, str]] = {}  # release -> revision -> resourceVersion, when last listed
        self._contents: dict[str, tuple[str, StoredRelease]] = {}  # Secret -> resourceVersion and content
        self._others: frozenset[str] | None = None

    def note(self, histories: Mapping[str, History]) -> None:
        """Takes note of histories that were just listed."""
        self._listed |= {name: {r.revision: r.version for r in found} for name, found in histories.items()}

    def history(self, name: str) -> list[Revision]:
        """All stored revisions of a release, oldest first; one request, metadata only."""
        return self.histories(name).get(name, [])

    def histories(self, name: str = "") -> dict[str, list[Revision]]:
        """All releases, or one; one request, metadata only."""
        selector = f"{SELECTOR},name={name}" if name else SELECTOR
        items = self._reader.list_(SECRET, self.namespace, label_selector=selector, metadata_only=True)[0]
        found = histories_of(item["metadata"] for item in items)
        self.note({name: [], **found} if name else found)
        return found

    def in_config_maps(self) -> frozenset[str]:
        """Releases that a Helm with HELM_DRIVER=configmap stored in this namespace; read once."""
        if self._others is None:
            try:
                items = self._reader.list_(CONFIG_MAP, self.namespace, label_selector=SELECTOR, metadata_only=True)[0]
            except Forbidden:
                items = []
            self._others = frozenset(histories_of(item["metadata"] for item in items))
        return self._others

    def second_history(self, name: str) -> str:
        """Why a release without a Secret may have its history elsewhere, and what to do; empty if it has none."""
        if name in self.in_config_maps():
            return IN_CONFIG_MAPS
        driver = os.environ.get("HELM_DRIVER", "")
        return "" if driver.lower() in ("", "secret", "secrets") else ELSEWHERE.format(driver=quoted(driver))

    def refuse_second_history(self, name: str) -> None:
        """Raises foreign_object where a release without a Secret may have its history elsewhere."""
        if why := self.second_history(name):
            raise error(Code.FOREIGN_OBJECT, f"{name}: {why}. Nothing was written.", release=name)

    def read(self, name: str, revision: int | None = None) -> StoredRelease:
        """One revision (the newest when none is given) with manifest and values.

        Raises NotFound when it does not exist, CorruptRelease when it cannot be read.
        """
        if revision is None:
            revisions = self.history(name)
            if not revisions:
                text = f"There is no Helm release {name!r} in namespace {self.namespace!r}."
                raise error(Code.NOT_FOUND, text, release=name)
            revision = revisions[-1].revision
        key = secret_name(name, revision)
        version, stored = self._contents.get(key, ("", None))
        if stored is None or version != self._listed.get(name, {}).get(revision):
            stored = self._content(self._reader.get(SECRET, self.namespace, key))
        if (stored.name, stored.revision) != (name, revision):
            raise CorruptRelease(f"it contains revision {stored.revision} of {quoted(stored.name)}")
        return stored

    def contents(self, name: str) -> tuple[list[Revision], list[StoredRelease], list[str]]:
        """The history, all that Helm may take for a revision, and Secrets that cannot be read; one request.

        Helm finds them by labels, whatever the Secret is called, and then goes by the number within. Raises
        foreign_object for one that holds another revision than it is named for.
        """
        found, unreadable = [], []
        items = self._reader.list_(SECRET, self.namespace, label_selector=f"{SELECTOR},name={name}")[0]
        for secret in items:
            key = str(secret["metadata"]["name"])
            try:
                stored = self._content(secret)
            except CorruptRelease:
                unreadable.append(key)
                continue
            numbers = secret["metadata"]["labels"].get("version"), secret_name(name, stored.revision)
            if stored.name != name or numbers != (str(stored.revision), key):
                raise error(
                    Code.FOREIGN_OBJECT,
                    f"{name}: Secret {quoted(key)} holds revision {stored.revision} of {quoted(stored.name)}, and Helm "
                    "would take it for that: look who wrote it, and remove it or put it back. Nothing was written.",
                    release=name,
                )
            found.append(stored)
        revisions = histories_of(item["metadata"] for item in items).get(name, [])
        self.note({name: revisions})
        return [each for each in revisions if each.secret not in unreadable], found, unreadable

    def _content(self, secret: Mapping[str, Any]) -> StoredRelease:
        """Of a Secret as it was just read."""
        key, version = secret["metadata"]["name"], secret["metadata"]["resourceVersion"]
        known, stored = self._contents.get(key, ("", None))
        if stored is None or known != version:
            found = revision_of(secret["metadata"])
            stored = stored_release(decode(payload_of(secret)), found.labels if found else {})
            stored = replace(stored, namespace=self.namespace)  # whatever a copied or restored Secret says
            self._contents[key] = (version, stored)
        return stored

    def newest(self) -> list[StoredRelease]:
        """The newest revision of each release that is there, with its content; one request. What cannot be read is left
        out.
        """
        found: dict[str, StoredRelease] = {}
        for secret in self._reader.list_(SECRET, self.namespace, label_selector=_NOT_SUPERSEDED)[0]:
            with suppress(CorruptRelease):
                stored = self._content(secret)
                before = found.get(stored.name)
                is_its = secret["metadata"]["name"] == secret_name(stored.name, stored.revision)
                if is_its and (before is None or stored.revision > before.revision):
                    found[stored.name] = stored
        gone = (ReleaseStatus.UNINSTALLED, ReleaseStatus.UNINSTALLING)
        return [stored for stored in found.values() if stored.status not in gone]

    def chart_files(self, name: str, revision: int) -> dict[str, str]:
        """Files of a revision's chart that are neither templates nor values, by their paths; ``crds/`` is among them.

        Raises CorruptRelease when they can't be read.
        """
        raw = decode(payload_of(self._reader.get(SECRET, self.namespace, secret_name(name, revision))))
        return chart_files(raw)


class HelmStorage(HelmReader):
    """The same, with two writes that Helm does not offer."""

    def __init__(self, kube: KubeApi, namespace: str) -> None:
        super().__init__(kube, namespace)
        self._kube = kube

    def written_by(self, kube: KubeApi) -> HelmStorage:
        """The same storage, with what was read of it; ``kube`` writes."""
        storage = copy.copy(self)
        storage._kube = kube
        return storage

    def mark_failed(self, revision: Revision, reason: str) -> None:
        """Marks a revision that a dead Helm process left pending as failed; ``reason`` becomes its description.

        The Secret's resourceVersion guards the write: Conflict when another client changed it meanwhile.
        """

        def change(release: dict[str, Any]) -> None:
            release["info"]["status"] = ReleaseStatus.FAILED.value
            release["info"]["description"] = reason

        self._rewrite(revision, change, {"labels": {"status": ReleaseStatus.FAILED.value}})

    def replace_manifest(self, revision: Revision, manifest: str) -> None:
        """Gives a revision another manifest. Raises Conflict as :meth:`mark_failed` does."""
        self._rewrite(revision, lambda release: release.update(manifest=manifest), {})

    def _rewrite(
        self, revision: Revision, change: Callable[[dict[str, Any]], None], metadata: Mapping[str, Any]
    ) -> None:
        secret = self._kube.get(SECRET, self.namespace, revision.secret)
        release = decode(payload_of(secret))
        change(release)
        patch = {
            "metadata": {"resourceVersion": secret["metadata"]["resourceVersion"], **metadata},
            "data": {"release": encode(release)},
        }
        self._kube.patch(SECRET, self.namespace, revision.secret, patch)
        self._contents.pop(revision.secret, None)

    def quarantine(self, name: str, release: str) -> None:
        """Moves a Secret without a readable release out of Helm's way; its data stays in ``<name>.corrupt``, or, where
        another one has that name, with its uid behind it.

        Helm skips a revision that it cannot decode but fails on the name, so every upgrade would fail. What it can read
        and we cannot, it would act on.
        """
        secret = self._kube.get(SECRET, self.namespace, name)
        uid, data, target = secret["metadata"]["uid"], secret.get("data") or {}, f"{name}.corrupt"
        there = self._kube.find(SECRET, self.namespace, target)
        if there is not None and there.get("data") != data:
            target = f"{target}.{uid}"
        kept = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": target,
                "namespace": self.namespace,
                "labels": {"todo.cloud/corrupt-release": release},
            },
            "type": "Opaque",
            "data": data,
        }
        with suppress(AlreadyExists):  # by a run that was killed before the next step
            self._kube.create(SECRET, self.namespace, kept)
        self._kube.delete(SECRET, self.namespace, name, uid=uid)
