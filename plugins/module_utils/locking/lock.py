# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One writer per namespace: a Lease that its holder renews while it lives.

A holder is dead when its process is gone from this machine, or when its Lease has not changed for its ttl and the time
for which a Helm process of its may outlive it, on the observer's monotonic clock: wall clocks do not matter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

from ..failure import Code, error
from ..helm.state import Lock
from ..kube.api import KubeApi
from ..kube.deadline import Deadline
from ..kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from ..kube.resources import LEASE
from ..processes import lasting
from .holder import Holder, end_stuck, is_dead_here
from .lease import (
    TAKEN_OVER,
    TTL_SECONDS,
    annotations_of,
    describe_holder,
    duration_of,
    freed,
    held,
    holder_of,
    identity_of,
    lease_body,
    place,
    silent_for,
    spec_of,
    stamp,
    subject,
)

_POLL_SECONDS = 1.0
_FRESH_SECONDS = 1.0  # a renewal that is older is repeated before a write: a person may have taken the lock over


class EnvironmentLock:
    """Held while the context is open. ``wait``: seconds to wait for another holder; 0 refuses at once."""

    def __init__(
        self,
        kube: KubeApi,
        namespace: str,
        holder: Holder,
        *,
        wait: float = 0,
        progress: Callable[[str], None] = lambda line: None,
        ttl: int = TTL_SECONDS,
        platform: bool = False,
    ) -> None:
        self._kube = kube
        self._namespace, self._name = place(namespace, platform)
        self.takeover = ""
        self._holder = holder
        self._wait = wait
        self._progress = progress
        self._ttl = ttl
        self._lease: dict[str, Any] = {}
        self._renewed = 0.0
        self._lost = ""
        self._unsure: tuple[float, KubeError] | None = None
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lock-heartbeat", daemon=True)

    def __enter__(self) -> EnvironmentLock:
        self._acquire()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=self._ttl)
        with self._guard:
            if not self._lost:
                self._release()
                self._lost = "it was released"

    def check(self, sure: bool = True) -> None:
        """Called before every write: raises lock_lost if the lock has another holder.

        The lock is renewed here unless that was done within the last second. An outage does not lose it: only when the
        renewal is overdue and can't be made up for, :class:`Unreachable` is raised. ``sure`` False: by the heartbeat's
        last result alone.
        """
        if not sure and not self._lost:
            return
        with self._guard:
            if not self._lost:
                self._confirm(lasting() - self._renewed)
            if self._lost:
                raise error(
                    Code.LOCK_LOST,
                    f"The lock of {subject(self._namespace, self._name)} was lost ({self._lost}): "
                    "nothing more is written.",
                    namespace=self._namespace,
                )

    def _acquire(self) -> None:
        until, seen_version, seen_at, reported = Deadline.after(self._wait), "", time.monotonic(), False
        while True:
            lease = self._kube.find(LEASE, self._namespace, self._name)
            if lease is None:
                if self._try(partial(self._kube.create, LEASE, self._namespace, self._body({}))):
                    return
                continue
            version = lease["metadata"]["resourceVersion"]
            if version != seen_version:
                seen_version, seen_at = version, time.monotonic()
            if self._free(lease, time.monotonic() - seen_at):
                if self._try(partial(self._kube.replace, LEASE, self._namespace, self._body(lease))):
                    self._report_takeover()
                    if end_stuck(holder_of(lease)):
                        self._progress(f"ended {holder_of(lease).describe()}, which was stuck on this machine")
                    return
                continue
            if until.expired:
                raise held(self._namespace, lease)
            if not reported:
                self._progress(f"waiting for the lock: {describe_holder(lease)}")
                reported = True
            self._stop.wait(min(_POLL_SECONDS, until.remaining))

    def _try(self, write: Callable[[], dict[str, Any]]) -> bool:
        try:
            self._lease = write()
        except (AlreadyExists, Conflict):
            return False
        self._renewed = lasting()
        return True

    def _report_takeover(self) -> None:
        text = annotations_of(self._lease).get(TAKEN_OVER, "")
        if text:
            self.takeover = f"The lock of {subject(self._namespace, self._name)} was taken over manually: {text}."
            self._progress(self.takeover)

    def _free(self, lease: dict[str, Any], unchanged_for: float) -> bool:
        holder = holder_of(lease)
        if not identity_of(lease) or holder.identity == self._holder.identity:
            return True
        if holder.manual:
            return holder.is_my_manual_lock(self._holder) or silent_for(self._kube, lease) > duration_of(lease)
        return is_dead_here(holder) or unchanged_for > duration_of(lease) + holder.grace

    def _body(self, lease: dict[str, Any]) -> dict[str, Any]:
        takeover = annotations_of(lease).get(TAKEN_OVER)
        return lease_body(
            self._namespace, self._name, self._holder, self._ttl, lease, {TAKEN_OVER: takeover} if takeover else {}
        )

    def _beat(self) -> None:
        while not self._stop.wait(self._ttl / 3):
            with self._guard, suppress(KubeError):  # without a response nothing is known: check() asks again
                if not self._lost:
                    self._renew(Deadline.after(self._ttl / 3))

    def _confirm(self, age: float) -> None:
        """``age``: seconds since the last renewal. Overdue, there was an outage, or this process was stopped."""
        overdue = age > self._ttl / 2
        if age <= _FRESH_SECONDS:
            return
        if self._unsure and lasting() - self._unsure[0] < _POLL_SECONDS:  # another thread has just waited for it
            if overdue:
                raise self._unsure[1]
            return
        try:
            self._renew(None if overdue else Deadline.after(_POLL_SECONDS))
        except KubeError as exc:
            self._unsure = lasting(), exc
            if overdue:
                raise

    def _renew(self, deadline: Deadline | None = None) -> None:
        """Renews the Lease as this holder last wrote it; sets ``_lost`` if it has another holder."""
        renewed = {**self._lease, "spec": {**spec_of(self._lease), "renewTime": stamp()}}
        try:
            self._lease = self._kube.replace(LEASE, self._namespace, renewed, deadline=deadline)
            self._renewed = lasting()
        except (Conflict, NotFound):
            self._look_again(deadline)

    def _look_again(self, deadline: Deadline | None) -> None:
        lease = self._kube.find(LEASE, self._namespace, self._name, deadline=deadline)
        if lease is not None and identity_of(lease) == self._holder.identity:
            self._lease, self._renewed = lease, lasting()
        else:
            self._lost = "it was removed" if lease is None else describe_holder(lease)

    def _release(self) -> None:
        deadline = Deadline.after(self._ttl / 2)
        with suppress(KubeError):  # the next holder sees that this process is gone
            try:
                self._kube.replace(LEASE, self._namespace, freed(self._lease), deadline=deadline)
            except Conflict:  # with our own renewal, whose response was lost?
                self._look_again(deadline)
                if not self._lost:
                    self._kube.replace(LEASE, self._namespace, freed(self._lease), deadline=deadline)


def lock_state(
    kube: KubeApi, namespace: str, me: Holder | None = None, *, platform: bool = False
) -> tuple[Lock, dict[str, Any] | None]:
    """The lock's state for a process that does not hold it, and its Lease; does not wait."""
    lease = kube.find(LEASE, *place(namespace, platform))
    if lease is None or not identity_of(lease):
        return Lock.NONE, lease
    holder = holder_of(lease)
    if me is not None and (holder.identity == me.identity or holder.is_my_manual_lock(me)):
        return Lock.MINE, lease
    return (Lock.OTHER_DEAD if is_dead_here(holder) else Lock.OTHER_ALIVE), lease


def free_abandoned(kube: KubeApi, namespace: str, *, platform: bool = False) -> None:
    """Releases the lock of a dead run of this machine, for a run that has nothing to write."""
    with suppress(KubeError):  # just taken, or forbidden: the next writer takes it over
        state, lease = lock_state(kube, namespace, platform=platform)
        if lease is not None and state is Lock.OTHER_DEAD:
            kube.replace(LEASE, place(namespace, platform)[0], freed(lease))
