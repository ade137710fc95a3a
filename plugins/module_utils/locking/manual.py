# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock in a person's hands: shown, taken over in an emergency (which is recorded), released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..environments.guard import Claims, guard
from ..failure import Code, error
from ..kube.api import KubeApi
from ..kube.errors import AlreadyExists, Conflict
from ..kube.resources import LEASE
from .holder import Holder, is_dead_here
from .lease import (
    TAKEN_OVER,
    annotations_of,
    describe_holder,
    duration_of,
    freed,
    holder_of,
    identity_of,
    lease_body,
    place,
    silent_for,
    spec_of,
    stamp,
    subject,
)

MANUAL_TTL_SECONDS = 3600  # a forgotten manual lock blocks nobody for ever
_TRIES = 5


class LockState(StrEnum):
    """What deploy_lock is asked for."""

    QUERIED = "queried"
    TAKEN_OVER = "taken_over"
    RELEASED = "released"


@dataclass(frozen=True)
class LockView:
    """A lock at one moment. ``expired``: its holder is dead, or has not renewed it for longer than it is good."""

    held: bool = False
    holder: Holder | None = None
    since: str = ""
    renewed: str = ""
    expired: bool = False
    taken_over: str = ""  # the manual takeover that no run has reported yet

    @classmethod
    def of(cls, kube: KubeApi, lease: Mapping[str, Any] | None) -> LockView:
        """From the Lease; ages are compared by the API server's clock alone."""
        if lease is None:
            return cls()
        noted = annotations_of(lease).get(TAKEN_OVER, "")
        spec = spec_of(lease)
        if not identity_of(lease):
            return cls(taken_over=noted)
        holder = holder_of(lease)
        late = silent_for(kube, lease) > duration_of(lease) + holder.grace
        return cls(
            held=True,
            holder=holder,
            since=str(spec.get("acquireTime") or ""),
            renewed=str(spec.get("renewTime") or ""),
            expired=is_dead_here(holder) or late,
            taken_over=noted,
        )

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        holder = self.holder or Holder("")
        return {
            "held": self.held,
            "holder": holder.as_result() if self.held else {},
            "since": self.since,
            "renewed": self.renewed,
            "expired": self.expired,
            "taken_over": self.taken_over,
        }


@dataclass(frozen=True)
class LockChange:
    """What became of the lock."""

    changed: bool
    before: LockView
    after: LockView


class ManualLock:
    """The lock of a namespace, or of the platform, held by the person ``me``."""

    def __init__(self, kube: KubeApi, namespace: str, me: Holder, *, platform: bool = False) -> None:
        self._kube = kube
        self._namespace, self._name = place(namespace, platform)
        self._me = replace(me, machine="", pid=0, started="", grace=0.0, manual=True)

    def ensure(self, state: LockState, *, check: bool = False) -> LockChange:
        """Raises lock_held for the release of a living run's lock, conflict if the Lease keeps changing."""
        for _try in range(_TRIES):
            lease = self._kube.find(LEASE, self._namespace, self._name)
            before = LockView.of(self._kube, lease)
            body = self._body(state, lease, before)
            if body is None:
                return LockChange(False, before, before)
            if check:
                return LockChange(True, before, self._predicted(state, before))
            try:
                write = self._kube.replace if lease else self._kube.create
                return LockChange(True, before, LockView.of(self._kube, write(LEASE, self._namespace, body)))
            except (AlreadyExists, Conflict):
                continue  # its holder has just renewed it, or it changed hands
        raise error(Code.CONFLICT, f"The lock of {subject(self._namespace, self._name)} keeps changing hands.")

    def _body(self, state: LockState, lease: dict[str, Any] | None, now: LockView) -> dict[str, Any] | None:
        """The Lease to write; None if nothing has to be done."""
        mine = now.holder is not None and now.holder.is_my_manual_lock(self._me)
        match state:
            case LockState.TAKEN_OVER if not mine or now.expired:
                text = f"{self._me.describe()} took it{self._from(lease, now)} at {stamp()[:19]}Z"
                return lease_body(
                    self._namespace, self._name, self._me, MANUAL_TTL_SECONDS, lease or {}, {TAKEN_OVER: text}
                )
            case LockState.RELEASED if lease is not None and now.held:
                if not mine and not now.expired:
                    raise error(
                        Code.LOCK_HELD,
                        f"The lock of {subject(self._namespace, self._name)} was not released: "
                        f"{describe_holder(lease)} and is alive. "
                        "If it must be stopped, take the lock over (state=taken_over).",
                        namespace=self._namespace,
                        holder=now.as_result()["holder"],
                    )
                noted_before = annotations_of(lease).get(TAKEN_OVER)
                body = freed(lease)
                if noted_before:  # no run has reported it yet
                    body["metadata"]["annotations"][TAKEN_OVER] = noted_before
                return body
            case _:
                return None

    def _from(self, lease: dict[str, Any] | None, now: LockView) -> str:
        return f" from {now.holder.describe()}" if lease is not None and now.held and now.holder else ""

    def _predicted(self, state: LockState, before: LockView) -> LockView:
        if state is LockState.RELEASED:
            return LockView(taken_over=before.taken_over)
        return LockView(held=True, holder=self._me)


def manual_lock(kube: KubeApi, params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """deploy_lock in one call; its result."""
    platform = params["lock"] == "platform"
    if not platform:
        guard(kube, Claims(params["environment"], params["namespace"]))
    me = Holder.me("deploy_lock", params["commit"] or "", url=params["run_url"] or "")
    done = ManualLock(kube, params["namespace"] or "", me, platform=platform).ensure(
        LockState(params["state"]), check=check
    )
    before, after = done.before.as_result(), done.after.as_result()
    return {"changed": done.changed, **after, "diff": {"before": before, "after": after}}
