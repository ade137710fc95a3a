# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: what each release needs, and why; made for all releases at once, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..digest import wanted_key
from ..helm.state import Action, Facts, Lock, State, Wanted, action_for, release_state
from ..helm.stored import CorruptRelease, History, ReleaseStatus, Revision, StoredRelease
from ..labels import CHART, ENVIRONMENT, INPUTS, MIGRATION, REVISION, WATCHED
from ..readiness.daprd import lacks_sidecar
from ..records.record import Member
from ..records.rollback_floor import FLOOR
from .snapshot import Snapshot, is_workload
from .spec import ReleaseSpec

Read = Callable[[str, int], StoredRelease]  # (release, revision) -> its content; raises CorruptRelease

_SIDE_BY_SIDE = 8
_IMAGE_PARTS = ("image", "image.registry", "image.repository", "image.tag", "image.digest")
_ROLLED_BACK = re.compile(r"^Rollback to (\d+)$")


@dataclass(frozen=True)
class Origin:
    """Origin of the newest revision. ``key``: see digest.wanted_key; empty when the inputs are not known."""

    key: str = ""
    manual: bool = False
    readable: bool = True


class Kind(StrEnum):
    """What a release needs."""

    CHANGE = "change"
    NEW = "new"
    VERIFY = "verify"
    REMOVE = "remove"
    DRIFTED = "drifted"
    STUCK = "stuck"
    BUSY = "busy"
    UNCHANGED = "unchanged"


_KINDS = {
    Action.UPGRADE: Kind.CHANGE,
    Action.INSTALL: Kind.NEW,
    Action.VERIFY: Kind.VERIFY,
    Action.UNINSTALL: Kind.REMOVE,
    Action.REFUSE: Kind.BUSY,
    Action.NONE: Kind.UNCHANGED,
}
_WHY = {
    State.ABSENT: "not installed",
    State.UNINSTALLED: "uninstalled, its history was kept",
    State.UNVERIFIED: "applied, but not verified",
    State.STUCK: "a previous run died: its revision is marked failed, then applied again",
    State.BUSY: "another run is in progress",
    State.UNINSTALLING: "an uninstall was interrupted: it is completed, then the release is installed",
    State.CORRUPT: "its revision cannot be read: it is quarantined, then the release is applied again",
}


@dataclass(frozen=True)
class PlanItem:
    """One release of the plan. ``changes``: what differs (chart, values, image, a watched object); ``image`` as it is
    wanted, ``image_before`` as it is deployed, empty where there is none or it is not known.
    """

    name: str
    state: State
    action: Action
    revision: int
    changes: tuple[str, ...] = ()
    spec: ReleaseSpec | None = None
    image: str = ""
    image_before: str = ""

    @property
    def word(self) -> str:
        """The next step."""
        return "unchanged" if self.action is Action.NONE and self.state is not State.DRIFTED else self.action.value

    @property
    def kind(self) -> Kind:
        """What the release needs; STUCK if something has to be repaired first."""
        if self.state is State.DRIFTED:
            return Kind.DRIFTED
        return _KINDS.get(self.action, Kind.STUCK)

    @property
    def why(self) -> str:
        """What differs, or what is wrong; empty when nothing is to be done."""
        if self.action is Action.UNINSTALL:
            return "it is no longer in the inventory"
        return "; ".join(self.changes) or _WHY.get(self.state, "")

    @property
    def revisions(self) -> str:
        """The revision, and the next one."""
        if self.action is Action.UNINSTALL:
            return f"{self.revision} -> -"
        return f"{self.revision or '-'} -> {self.revision + 1}" if self.action.writes else str(self.revision or "-")

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "why": self.why,
            "revisions": self.revisions,
            "state": self.state.value,
            "action": self.word,
            "revision": self.revision,
            "changes": list(self.changes),
            **({"image": self.image} if self.image else {}),
            **({"image_before": self.image_before} if self.image_before else {}),
        }


def origin_of(history: History, member: Member | None, read: Read) -> Origin:
    """Which inputs the newest revision was made from.

    For a verified revision the record has them, for a revision of a run our labels. The labels include the revision's
    number, so a manual Helm call, which copies labels, is detected. After a ``helm rollback`` the revision that it went
    back to is read.
    """
    newest = history[-1]
    if member and member.is_at(newest):
        return Origin(member.wanted)
    by_number = {revision.revision: revision for revision in history}
    at: Revision | None = newest
    seen: set[int] = set()
    while at is not None and at.revision not in seen:
        if at.labels.get(REVISION) == str(at.revision):
            return Origin(wanted_key(at.labels.get(INPUTS, ""), at.labels.get(WATCHED, "")))
        seen.add(at.revision)
        try:
            stored = read(at.name, at.revision)
        except CorruptRelease:
            return Origin(readable=at is not newest, manual=at is not newest)
        found = _ROLLED_BACK.match(stored.description)
        target = stored.rollback_revision or (int(found[1]) if found else 0)
        if target and at.labels.get(REVISION) == str(target):  # made by us, even if the target was pruned since
            return Origin(wanted_key(at.labels.get(INPUTS, ""), at.labels.get(WATCHED, "")))
        at = by_number.get(target)
    return Origin(manual=True)


def plan_release(spec: ReleaseSpec, snapshot: Snapshot, read: Read, lock: Lock) -> PlanItem:
    """One release's state and next action."""
    history = snapshot.history(spec.name)
    member = snapshot.newest.members.get(spec.name) if snapshot.newest else None
    origin = Origin()
    if history and history[-1].status is ReleaseStatus.DEPLOYED:
        origin = origin_of(history, member, read)
    verified = bool(history and member and member.is_at(history[-1]))
    facts = Facts(
        digest=origin.key,
        manual=origin.manual,
        verified=verified,
        current=bool(verified and member and all_current(member, snapshot)),
        readable=origin.readable,
    )
    state = release_state(history, facts, spec.wanted(snapshot.version_ids), lock)
    action = action_for(state, Wanted.APPLIED)
    changes: tuple[str, ...] = ()
    if action in (Action.UPGRADE, Action.VERIFY, Action.RECOVER):
        stored = newest_content(history, read)
        if stored is None:
            state, action = State.CORRUPT, action_for(State.CORRUPT, Wanted.APPLIED)
        elif action is Action.UPGRADE:
            changes = changes_of(spec, history, snapshot, stored, manual=origin.manual)
    return PlanItem(spec.name, state, action, history[-1].revision if history else 0, changes, spec)


def newest_content(history: History, read: Read) -> StoredRelease | None:
    """The newest revision's content; None when it cannot be read (Helm skips it, but fails on its name)."""
    try:
        return read(history[-1].name, history[-1].revision)
    except CorruptRelease:
        return None


def plan_removal(name: str, snapshot: Snapshot, lock: Lock) -> PlanItem:
    """A release that this environment installed and that is no longer in the inventory."""
    history = snapshot.history(name)
    state = release_state(history, Facts(), "", lock)
    return PlanItem(name, state, action_for(state, Wanted.ABSENT), history[-1].revision)


def make_plan(
    specs: Sequence[ReleaseSpec],
    all_releases: Sequence[str],
    environment: str,
    snapshot: Snapshot,
    read: Read,
    lock: Lock,
) -> list[PlanItem]:
    """All releases in the order of their waves, then those to remove (only if ``all_releases`` is not empty)."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        items = list(pool.map(lambda spec: plan_release(spec, snapshot, read, lock), specs))
    names = {*all_releases, *(spec.name for spec in specs)}
    orphaned = [
        name
        for name, history in sorted(snapshot.histories.items())
        if all_releases
        and not {name, history[-1].labels.get(MIGRATION)} & names  # a migration stays as long as its service
        and history[-1].labels.get(ENVIRONMENT) == environment
    ]
    removals = [plan_removal(name, snapshot, lock) for name in orphaned]
    return items + [item for item in removals if item.action is not Action.NONE]


def renamed(plan: Sequence[PlanItem], snapshot: Snapshot) -> list[str]:
    """Releases that need nothing, but whose images have another tag than when the newest set was recorded."""
    members = snapshot.newest.members if snapshot.newest else {}
    return [
        item.name for item in plan
        if item.action is Action.NONE and item.spec and item.name in members and item.spec.tag != members[item.name].tag
    ]  # fmt: skip


def all_current(member: Member, snapshot: Snapshot) -> bool:
    """Whether all workloads of a verified release are Current, including their sidecars, and its custom resources."""
    for target in member.targets:
        if (is_workload(target) or target.custom) and not snapshot.status(target).done:
            return False
    names = {(t.kind, t.name) for t in member.targets if not t.custom}
    owned = [snapshot.workloads[key] for key in names if key in snapshot.workloads]
    return not any(lacks_sidecar(pod) for item in owned for pod in snapshot.pods_of(item))


def changes_of(
    spec: ReleaseSpec, history: History, snapshot: Snapshot, stored: StoredRelease, *, manual: bool
) -> tuple[str, ...]:
    """What differs between the newest revision and the inputs, as text."""
    newest = history[-1]
    changes = []
    if manual:
        changes.append(f"changed manually: {stored.description}")
    if newest.labels.get(CHART) != spec.chart_digest:
        changes.append(f"chart {stored.chart_name} {stored.chart_version}")
    was, ids_were = without_annotation(stored.config)
    now = without_annotation(spec.values)[0]
    changes += [_describe(path, old, new) for path, old, new in differences(was, now)]
    if newest.labels.get(FLOOR, "") != spec.rollback_floor:
        changes.append(f"rollback_floor {newest.labels.get(FLOOR) or 'none'} -> {spec.rollback_floor or 'none'}")
    if ids_were != spec.watched(snapshot.version_ids):
        old_ids = set(ids_were.split())
        changes += [
            each.partition("=")[0] for each in spec.watched(snapshot.version_ids).split() if each not in old_ids
        ]
    if newest.status is not ReleaseStatus.DEPLOYED:
        changes.append(f"revision {newest.revision} is {newest.status.value}")
    return tuple(changes)


def without_annotation(values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Values without our annotation about watched objects, and that annotation."""
    annotations = dict(values.get("podAnnotations") or {})
    version_ids = str(annotations.pop(WATCHED, ""))
    rest = {key: value for key, value in values.items() if key != "podAnnotations"}
    return ({**rest, "podAnnotations": annotations} if annotations else rest), version_ids


def differences(was: Any, now: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Where two values differ: path, old value, new value."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return [
            found
            for key in sorted({*was, *now}, key=str)
            for found in differences(was.get(key), now.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if was == now else [(path, was, now)]


def _describe(path: str, was: Any, now: Any) -> str:
    """Shows values only of images and replicas, otherwise only the path."""
    if path == "replicas" and all(count is None or isinstance(count, int) for count in (was, now)):
        return f"replicas {'the default' if was is None else was} -> {'the default' if now is None else now}"
    if path == "image" and isinstance(was, str) and isinstance(now, str):
        return _describe_image(was, now)
    if path == "image.digest" and was and now:
        return f"{path}: the tag now points to {_short(now)}"
    if path in _IMAGE_PARTS and not isinstance(was, (Mapping, list)) and not isinstance(now, (Mapping, list)):
        return f"{path} {was} -> {now}"
    return f"values {path}"


def _describe_image(was: str, now: str) -> str:
    """Two references by their tags; by digest where the tags are equal."""
    (old, _at, old_digest), (new, _at, new_digest) = was.partition("@"), now.partition("@")
    if old != new:
        return f"image {old} -> {new}"
    if not new_digest:
        return f"image {new} is deployed by tag, not by the digest {_short(old_digest)}"
    verb = "now points to" if old_digest else "is deployed by digest"
    return f"image {new} {verb} {_short(new_digest)}"


def _short(digest: str) -> str:
    return str(digest)[:19]  # sha256: and 12 digits


def changes(plan: Sequence[PlanItem]) -> bool:
    """Whether there is anything to do."""
    return any(item.action is not Action.NONE for item in plan)
