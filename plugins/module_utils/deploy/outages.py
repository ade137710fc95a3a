# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies a wave through outages of what it needs: waits for them to end, and blames no release for them."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..dependencies.check import Dependencies, Down
from ..failure import Code, Failure
from ..helm.manifest import secret_refs
from ..helm.storage import CorruptRelease
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import POD, SECRET
from ..planning.snapshot import Snapshot
from ..readiness.fields import timestamp
from .run import LockedRun
from .verification import Verification, Verifier

_PAUSE_SECONDS = 3.0
# Failures of a container that ended: what ended before the dependency came back says nothing.
_ENDED = frozenset({Code.CRASH_LOOP, Code.PROBE_KILLED, Code.IMAGE_PULL})


class Outages:
    """Verification of the waves of one run."""

    def __init__(self, run: LockedRun, verifier: Verifier, snapshot: Snapshot, pause: float = _PAUSE_SECONDS) -> None:
        self._kube = run.kube
        self._read = run.storage.read
        self._settings = run.settings
        self._progress = run.progress
        self._verifier = verifier
        self._snapshot = snapshot
        self._pause = pause

    def verify(self, names: Sequence[str], app_ids: Mapping[str, str], deadline: Deadline) -> Verification:
        """As Verifier.verify. Failures that something else explains are told as that, after the deadline."""
        found = self._verifier.verify(names, app_ids, deadline)
        while found.failures:
            settings = self._settings
            known = self._known(found.failures)
            look = Dependencies(self._kube, settings.namespace, settings.dapr_namespace, known, names)
            down = look.blamed(found.failures)
            if down.keys() != found.failures.keys():  # something is a release's own fault
                return found
            if not self._is_back(look, found.failures, down, deadline):
                return replace(found, failures={name: _blamed(found.failures[name], down[name][0]) for name in down})
            found = self._again(names, app_ids, deadline)
        return found

    def _is_back(
        self,
        look: Dependencies,
        failures: Mapping[str, Failure],
        down: Mapping[str, Sequence[Down]],
        deadline: Deadline,
    ) -> bool:
        """Waits until nothing is down, no longer than the deadline."""
        said: set[Down] = set()
        while down:
            for each in sorted({d for found in down.values() for d in found} - said):
                said.add(each)
                self._progress(f"{each}; waiting for it, at most {deadline.remaining:.0f} s")
            if deadline.remaining < self._pause:
                return False
            time.sleep(self._pause)
            down = look.blamed(failures)
        self._progress(f"{', '.join(sorted(each.what for each in said))} is back")
        return True

    def _again(self, names: Sequence[str], app_ids: Mapping[str, str], deadline: Deadline) -> Verification:
        """Verifies once more; pods that the kubelet holds back since before are replaced, or waited for."""
        back, replaced = self._kube.server_now(), set[str]()
        while True:
            found = self._verifier.verify(names, app_ids, deadline)
            held = [pod for failure in found.failures.values() if (pod := self._held_back(failure, back))]
            if len(held) < len(found.failures) or not held or deadline.remaining < self._pause:
                return found
            for pod in held:
                self._replace(pod, replaced)
            time.sleep(self._pause)

    def _held_back(self, failure: Failure, back: float) -> dict[str, Any] | None:
        """The failed pod, if nothing of it ran since the dependency came back."""
        if failure.code not in _ENDED or not failure.details.get("pod"):
            return None
        try:
            pod = self._kube.find(POD, self._settings.namespace, str(failure.details["pod"]))
        except KubeError:
            return None
        status = (pod or {}).get("status") or {}
        states = [
            state
            for each in [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
            for key in ("state", "lastState")
            if (state := (each.get(key) or {}).get("terminated"))
        ]
        return pod if all((timestamp(state.get("startedAt")) or 0.0) < back for state in states) else None

    def _replace(self, pod: Mapping[str, Any], replaced: set[str]) -> None:
        """A pod that is not ready, whose controller makes another one of the newest revision."""
        meta = pod["metadata"]
        if meta["uid"] in replaced or not any(owner.get("controller") for owner in meta.get("ownerReferences") or ()):
            return
        replaced.add(meta["uid"])
        self._progress(f"pod {meta['name']} waits in the kubelet's back-off: it is replaced")
        try:
            self._kube.delete(POD, self._settings.namespace, meta["name"], uid=meta["uid"])
        except KubeError:  # rights for pods are needed by nothing else: then its next start is waited for
            return

    def _known(self, names: Mapping[str, Failure]) -> str:
        """What the last verified revisions of releases say, and the Secrets that they refer to."""
        newest = self._snapshot.newest
        texts = []
        for member in (newest.members[name] for name in names if newest and name in newest.members):
            try:
                manifest = self._read(member.name, member.revision).manifest
            except (CorruptRelease, KubeError):
                continue
            texts.append(manifest)
            for secret in sorted({ref.name for ref in secret_refs(manifest)}):
                texts += self._secret(secret)
        return "\n".join(texts)

    def _secret(self, name: str) -> list[str]:
        try:
            data = (self._kube.find(SECRET, self._settings.namespace, name) or {}).get("data") or {}
            return [base64.b64decode(value).decode(errors="replace") for value in data.values()]
        except (KubeError, binascii.Error):
            return []


def _blamed(failure: Failure, down: Down) -> Failure:
    message = f"{down}. It is no fault of this release that {failure.message[:1].lower()}{failure.message[1:]}"
    details = {**failure.details, "dependency": down.what, "cause": failure.as_result()}
    return Failure(down.code, message, details)
