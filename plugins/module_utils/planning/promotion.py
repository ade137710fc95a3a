# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Promotes what one environment has verified to another one: chooses and checks a set, and pins its digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..failure import Code, TodoCloudError, error, one_or_many
from ..records.record import Member, Record
from ..records.secret_values import without
from ..records.store import RecordStore
from ..registry.client import RegistryClient
from ..registry.image import entries_of
from ..registry.reference import Reference
from .image_digests import image_of, with_digest
from .plan import differences
from .spec import ReleaseSpec

_SHORTEST_COMMIT = 7


@dataclass(frozen=True)
class Terms:
    """Conditions for a set. Ages in seconds, 0: any. ``commit``: the set of this commit; ``expect_commit``: the commit
    that is checked out for the target. ``may_differ``: paths in the values of components.
    """

    source: str
    commit: str = ""
    expect_commit: str = ""
    min_age: int = 0
    max_age: int = 0
    may_differ: Sequence[str] = ()


@dataclass(frozen=True)
class Promoted:
    """One promoted image. ``accepted``: digests that pods may report for it (a runtime may report the platform's).
    ``tagged``: the target's tag already points to it.
    """

    name: str
    image: Reference
    accepted: tuple[str, ...]
    tagged: bool

    def as_result(self) -> dict[str, Any]:
        """Plain JSON, the input of :meth:`parse`."""
        return {"name": self.name, "image": str(self.image), "accepted": list(self.accepted), "tagged": self.tagged}

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Promoted:
        """From a result. Raises invalid_input."""
        try:
            return cls(raw["name"], Reference.parse(raw["image"]), tuple(raw["accepted"]), bool(raw["tagged"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise error(Code.INVALID_INPUT, "images must be the result of the check.", option="images") from exc


def refused(reason: str, message: str, **details: Any) -> TodoCloudError:
    """The error for a refused promotion; ``reason`` is for programs."""
    return error(Code.PROMOTION_REFUSED, message, reason=reason, **details)


def choose(
    store: RecordStore, terms: Terms, now: datetime | None = None, damaged: Callable[[str], None] = lambda text: None
) -> Record:
    """The set to promote: the newest verified one, or that of a commit. Raises promotion_refused.

    Only what a set's digest covers permits it: annotations merely tell which sets to look at, and which were withdrawn.
    ``damaged`` is called for each set that was skipped because it cannot be read.
    """
    record, failed = _fitting(store, terms, damaged)
    where = f"Release set {record.id} of {terms.source}"
    if failed:
        raise refused(
            "verification_failed",
            f"{where} was verified, but failed when it was verified again ({failed}): mend it there, and verify it "
            "again (playbooks/verify.yml).",
            set=record.id,
        )
    if terms.expect_commit and not _same_commit(record.commit, terms.expect_commit):
        raise refused(
            "commit",
            f"{where} is commit {record.commit or 'unknown'}, but {terms.expect_commit} is checked out: "
            "check out the commit that was verified.",
            set=record.id,
        )
    age = ((now or datetime.now(UTC)) - _verified_at(record, where)).total_seconds()
    if age < terms.min_age:
        raise refused(
            "too_young",
            f"{where} was verified {age:.0f} s ago; it must have run for {terms.min_age} s: try again later.",
            set=record.id,
        )
    if terms.max_age and age > terms.max_age:
        raise refused(
            "too_old",
            f"{where} was verified {age:.0f} s ago, more than {terms.max_age} s: verify it again.",
            set=record.id,
        )
    return record


def _verified_at(record: Record, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(record.time)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise refused("no_time", f"{where} does not say when it was verified: verify it again.", set=record.id)
    return time


def _fitting(store: RecordStore, terms: Terms, damaged: Callable[[str], None]) -> tuple[Record, str]:
    """The record, and how it failed since."""
    headers = store.headers()
    found = [h for h in headers if not terms.commit or _same_commit(h.commit, terms.commit)]
    for record in store.readable(found, damaged):
        if not terms.commit or _same_commit(record.commit, terms.commit):
            return record, next(header.failed for header in found if header.id == record.id)
    if not terms.commit:
        raise refused("unverified", f"{terms.source} has no verified release set: deploy and verify it there first.")
    if withdrawn := next((h for h in found if h.withdrawn), None):
        raise refused(
            "withdrawn",
            f"Release set {withdrawn.id} of {terms.source} (commit {withdrawn.commit}) was withdrawn: "
            f"{withdrawn.withdrawn}.",
            set=withdrawn.id,
        )
    verified = [h for h in headers if not h.withdrawn]
    newest = f"its newest is of commit {verified[0].commit or 'unknown'}" if verified else "it has none"
    raise refused("unverified", f"{terms.source} has no verified release set of commit {terms.commit}; {newest}.")


def _same_commit(one: str, other: str) -> bool:
    """Equal, or one is the short form of the other."""
    shorter = min(one, other, key=len)
    return one == other or (len(shorter) >= _SHORTEST_COMMIT and one.startswith(shorter) and other.startswith(shorter))


def _without_secrets(member: Member, spec: ReleaseSpec) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Values of both to compare: each environment has secrets of its own."""
    paths = member.secret_values or ()
    try:
        return without(member.values, paths), without(spec.values, paths)
    except (KeyError, IndexError, TypeError):  # one of them has no such value: that is a difference
        return member.values, spec.values


def check_charts(record: Record, specs: Sequence[ReleaseSpec], terms: Terms) -> None:
    """Checks that the target would apply exactly the verified charts and components."""
    absent = [spec.name for spec in specs if spec.name not in record.members]
    if absent:
        why = "; ".join(f"{name}: {record.missing[name]}" for name in absent if name in record.missing)
        raise refused(
            "incomplete",
            f"Release set {record.id} of {terms.source} does not contain {', '.join(absent)}"
            + (f" ({why})." if why else "."),
            releases=absent,
        )
    other = [spec.name for spec in specs if record.members[spec.name].chart_digest != spec.chart_digest]
    if other:
        are_not = one_or_many(other, "The chart of {} is not the one", "The charts of {} are not those")
        raise refused(
            "chart",
            f"{are_not} of set {record.id}, verified in {terms.source} (commit {record.commit or 'unknown'}): "
            "check out that commit.",
            releases=other,
        )
    for spec in specs:
        member = record.members[spec.name]
        found = differences(*_without_secrets(member, spec)) if member.components else []
        paths = [path for path, _was, _now in found if not _may(path, terms.may_differ)]
        if paths:
            raise refused(
                "components",
                f"{spec.name} is not what was verified in {terms.source} (set {record.id}): "
                + one_or_many(paths, "{} differs.", "{} differ."),
                releases=[spec.name],
                paths=paths,
            )


def _may(path: str, allowed: Sequence[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in allowed)


def promote_images(
    record: Record, specs: Sequence[ReleaseSpec], client_of: Callable[[Reference], RegistryClient | None], source: str
) -> list[Promoted]:
    """The images of these releases at the verified digests; each must still exist in the registry.

    Raises promotion_refused, image_not_found, image_tag_taken, and other errors of the registry.
    """
    return [
        _promote(record.members[spec.name], image, client_of, source)
        for spec in specs
        if (image := image_of(spec.values))
    ]


def _promote(
    member: Member, target: Reference, client_of: Callable[[Reference], RegistryClient | None], source: str
) -> Promoted:
    verified, ran = verified_image(member, source)
    pinned = replace(target, digest=verified.digest)
    client, source_client = client_of(target), client_of(verified)
    if client is None or source_client is None:
        registry = target.registry if client is None else verified.registry
        raise error(
            Code.INVALID_INPUT,
            f"{registry} is needed for {member.name}: add it to registries.",
            option="registries",
        )
    manifest = client.manifest(replace(pinned, tag=""))
    platforms = [each["digest"] for each in entries_of(manifest)]
    now = source_client.find_digest(replace(verified, digest="")) if verified.tag else ""
    if now and now != verified.digest:
        raise refused(
            "tag_moved",
            f"{member.name}: {replace(verified, digest='')} now points to {now}, but {verified.digest} was verified in "
            f"{source}: verify the new image there first.",
            release=member.name,
        )
    there = client.find_digest(replace(target, digest="")) if target.tag else verified.digest
    if there and there != verified.digest:
        raise error(
            Code.IMAGE_TAG_TAKEN,
            f"{member.name}: {replace(target, digest='')} already points to {there}, not to {verified.digest}, which "
            f"was verified in {source}: choose another version.",
            release=member.name,
        )
    return Promoted(member.name, pinned, tuple(dict.fromkeys([verified.digest, ran, *platforms])), bool(there))


def verified_image(member: Member, source: str) -> tuple[Reference, str]:
    """A member's image with its planned digest (else the one that ran), and the digest that its pods ran."""
    image = image_of(member.values)
    ran: set[str] = set()
    for each in member.images.values():
        if image is not None and named_alike(each["image"], image.name):
            ran.add(each["digest"])
    if image is None or len(ran) != 1 or not (digest := ran.pop()):
        raise refused(
            "no_digest",
            f"{source} has no single digest that {member.name} ran, so it cannot be promoted: its image must come from "
            "a registry.",
            release=member.name,
        )
    return replace(image, digest=image.digest or digest), digest


def named_alike(text: str, name: str) -> bool:
    """Whether a reference is of this registry and repository."""
    try:
        return Reference.parse(text).name == name
    except ValueError:
        return False


def promoted_waves(
    waves: Sequence[Sequence[Mapping[str, Any]]], images: Sequence[Promoted]
) -> list[list[dict[str, Any]]]:
    """The waves as given, with the promoted digests."""
    digests = {each.name: each.image.digest for each in images}
    return [
        [{**raw, "values": with_digest(raw["values"], digests[raw["name"]])} if raw["name"] in digests else dict(raw)
         for raw in wave]
        for wave in waves
    ]  # fmt: skip
