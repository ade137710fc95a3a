# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies a wave through outages of what it needs: waits for them to end, and blames no release for them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from ..dependencies.check import Dependencies
from ..dependencies.down import Down
from ..dependencies.hosts import unreached
from ..failure import Code, Failure, one_or_many
from ..helm.manifest import secret_refs
from ..helm.stored import CorruptRelease
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import SECRET
from ..kube.secret_data import texts_of
from ..planning.snapshot import Snapshot
from ..readiness.pods import Role
from .back_off import PAUSE_SECONDS, BackOff
from .run import LockedRun
from .verification import Verification, Verifier

# So long after its return a dependency may still refuse: elections of leaders, caches of names.
_SETTLE_SECONDS = 20.0
_SHARED = Down("what the old pods need too", "they are not ready any more either", asked=False)
_PAUSES = 5  # until the pods are looked at again, where only they can tell


class Outages:
    """Verification of the waves of one run."""

    def __init__(self, run: LockedRun, verifier: Verifier, snapshot: Snapshot, pause: float = PAUSE_SECONDS) -> None:
        self._kube = run.kube
        self._read = run.storage.read
        self._settings = run.settings
        self._progress = run.progress
        self._verifier = verifier
        self._snapshot = snapshot
        self._pause = pause
        self._back_off = BackOff(run, pause)

    def verify(
        self, names: Sequence[str], app_ids: Mapping[str, str], deadline: Deadline, since: float = 0.0
    ) -> Verification:
        """As Verifier.verify. Failures that something else explains are told as that, after the deadline.

        ``since``: when the writes of this wave began, on the server's clock; what ended before dooms nothing.
        """

        def verify() -> Verification:
            return self._verifier.verify(names, app_ids, deadline)

        settings = self._settings
        found, blamed, tried = self._back_off.verified(verify, since, deadline), dict[str, Down](), False
        while found.failures:
            look = Dependencies(self._kube, settings.namespace, settings.dapr_namespace, self._known, names)
            down = self._down(look, found.failures)
            blamed |= {name: downs[0] for name, downs in down.items()}
            missed = {name for name, failure in found.failures.items() if name not in down and _missed(failure)}
            if missed and not tried and down.keys() | missed == found.failures.keys():
                tried = True
                whose = one_or_many(sorted(missed), "{}: what its sidecar", "{}: what their sidecars")
                self._progress(f"{whose} could not reach is up by now")
                found = self._back_off.verified(verify, self._kube.server_now(), deadline)
                continue
            over = {n for n, f in found.failures.items() if f.code is Code.JOB_FAILED and n in blamed.keys() - down}
            if down.keys() | over != found.failures.keys():  # something is a release's own fault
                return found
            # A Job that failed for good during the outage does not run again by itself.
            if over or not self._is_back(look, found.failures, down, deadline):
                return replace(found, failures={n: _blamed(f, blamed[n]) for n, f in found.failures.items()})
            # Where only the pods tell, nothing says that it has returned: what runs is left to run.
            settle = _SETTLE_SECONDS if any(each.asked for downs in down.values() for each in downs) else 0.0
            found = self._back_off.verified(verify, self._kube.server_now(), deadline, settle)
        return found

    def _down(self, look: Dependencies, failures: Mapping[str, Failure]) -> dict[str, list[Down]]:
        """What is down, by release: what was asked about, or what the old pods tell."""
        shared = {name: [_SHARED] for name, failure in failures.items() if failure.code is Code.DEPENDENCY_DOWN}
        return shared | look.blamed(failures)

    def _is_back(
        self,
        look: Dependencies,
        failures: Mapping[str, Failure],
        down: Mapping[str, Sequence[Down]],
        deadline: Deadline,
    ) -> bool:
        """Waits until nothing is down, no longer than the deadline. Of what is not asked, the pods will tell."""
        said: dict[str, Down] = {}
        while down:
            for each in sorted({d for found in down.values() for d in found if d.what not in said}):
                said[each.what] = each
                self._progress(f"{each}; waiting for it, at most {deadline.remaining:.0f} s")
            asked = any(each.asked for found in down.values() for each in found)
            pause = self._pause if asked else self._pause * _PAUSES
            if deadline.remaining < pause:
                return False
            time.sleep(pause)
            down = look.blamed(failures) if asked else {}
        if back := sorted(each.what for each in said.values() if each.asked):
            self._progress(one_or_many(back, "{} is back", "{} are back"))
        return True

    @cached_property
    def _known(self) -> str:
        """What the last verified revisions say, and the Secrets that they refer to: addresses that worked before."""
        newest, texts = self._snapshot.newest, []
        for member in newest.members.values() if newest else ():
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
            return list(texts_of(self._kube.find(SECRET, self._settings.namespace, name)).values())
        except KubeError:
            return []


def _missed(failure: Failure) -> bool:
    """Whether a sidecar ended because of a connection that failed: unlike an app, it was not waited for."""
    details = failure.details
    lines = [*(details.get("previous_log_tail") or ()), *(details.get("log_tail") or ())]
    ended = failure.code is Code.CRASH_LOOP and details.get("container_role") == Role.SIDECAR.value
    return ended and bool(unreached(map(str, lines)))


def _blamed(failure: Failure, down: Down) -> Failure:
    if down is _SHARED:
        return failure
    text = failure.message
    text = text if text.startswith("Dapr") else f"{text[:1].lower()}{text[1:]}"
    message = f"{down}. It is no fault of this release that {text}"
    details = {**failure.details, "dependency": down.what, "cause": failure.as_result()}
    return Failure(down.code, message, details)
