# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions of a repository nobody needs any more; pure. In doubt a version is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_SUBJECT = re.compile(r"(sha256|sha512)-([0-9a-f]{64,128})(\.[a-z]+)?")
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Version:
    """One manifest or index. ``created``: ISO 8601, empty if nobody says; ``id``: how its store names it."""

    digest: str
    tags: tuple[str, ...] = ()
    created: str = ""
    id: str = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Digests that it says something about, when it is nothing else: a signature, or an index of such."""
        found = [_SUBJECT.fullmatch(tag) for tag in self.tags]
        return tuple(f"{each[1]}:{each[2]}" for each in found if each) if all(found) else ()

    def since(self) -> datetime | None:
        """When it was made; None if nobody says, or if a build says the same of all (reproducible ones do)."""
        try:
            found = datetime.fromisoformat(self.created)
        except ValueError:
            return None
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found if found > _EPOCH else None


@dataclass(frozen=True)
class Keep:
    """``newest`` tagged images, those with one of the ``tags`` (regular expressions of whole tags), what is younger
    than ``age`` in seconds, and what is ``in_use``, by digest.
    """

    newest: int
    tags: tuple[re.Pattern[str], ...]
    age: float
    in_use: frozenset[str]


def surplus(
    versions: Sequence[Version],
    entries: Mapping[str, frozenset[str]],
    missing: frozenset[str],
    keep: Keep,
    now: datetime,
) -> list[Version]:
    """What may go, in the order in which it should: an index before what it lists. ``entries``: digest of an index ->
    digests that it lists; ``missing``: digests that signatures speak of, and that do not exist.

    An index that lists what is in use stays, and what a version lists that stays does too. A signature goes with what
    it is about.
    """

    def young(version: Version) -> bool:
        since = version.since()
        return since is None or (now - since).total_seconds() < keep.age

    def needed(version: Version) -> bool:
        named = any(pattern.fullmatch(tag) for pattern in keep.tags for tag in version.tags)
        return named or young(version) or not keep.in_use.isdisjoint(with_entries(entries, [version.digest]))

    images = [each for each in versions if each.tags and not each.subjects]
    by_age = sorted(images, key=lambda each: (each.since() or now, each.digest), reverse=True)
    kept = {each.digest for each in by_age[: keep.newest]}
    kept |= {each.digest for each in versions if not each.subjects and needed(each)}
    kept = with_entries(entries, kept)
    about = [each for each in versions if each.subjects]
    lost = missing | {each.digest for each in versions if not each.subjects and each.digest not in kept}
    signatures = {each.digest for each in about if not lost.issuperset(each.subjects) or (each.since() and young(each))}
    kept |= with_entries(entries, signatures)
    gone = [each for each in versions if each.digest not in kept]
    return sorted(gone, key=lambda each: (bool(each.subjects), not entries.get(each.digest), not each.tags))


def with_entries(entries: Mapping[str, frozenset[str]], digests: Iterable[str]) -> set[str]:
    """Digests with all that they list, however deep."""
    found, new = set[str](), set(digests)
    while new:
        found |= new
        new = {each for digest in new for each in entries.get(digest, ())} - found
    return found
