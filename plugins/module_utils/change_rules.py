# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When an environment takes changes: only promoted and signed images, nothing in a freeze; and what an emergency is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .failure import Code, TodoCloudError, error
from .masking import masked
from .neutral import one_line

_SHORTEST_REASON, _LONGEST_REASON = 10, 300


@dataclass(frozen=True)
class Freeze:
    """Seconds since the epoch, None for no bound: without any it is a switch."""

    why: str
    begins: float | None = None
    ends: float | None = None
    until: str = ""  # as it was given

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Freeze:
        """``from`` and ``until`` are dates or times of ISO 8601, UTC where they don't say; the day of ``until`` belongs
        to it. Raises invalid_input.
        """
        why, until = one_line(str(raw.get("why") or "")), str(raw.get("until") or "")
        if not why:
            raise error(Code.INVALID_INPUT, "An entry of release_freeze has no reason: add why.", option="freeze")
        begins = _moment(str(raw.get("from") or ""), last=False)
        ends = _moment(until, last=True)
        if begins is not None and ends is not None and ends <= begins:
            message = f"The freeze {why!r} ends before it begins: correct from and until in release_freeze."
            raise error(Code.INVALID_INPUT, message, option="freeze")
        return cls(why, begins, ends, until)

    def holds(self, now: float) -> bool:
        """Whether it is on at that time."""
        return (self.begins is None or now >= self.begins) and (self.ends is None or now < self.ends)


@dataclass(frozen=True)
class ChangeRules:
    """``promoted_from``: the environment whose verified images this one takes, and no others; ``promoted``: the images
    of a promotion, None outside of one; ``emergency``: why these don't hold this time; ``image_key``: public keys, one
    of which has signed every image that is new here, also in an emergency; ``unsigned``: how names of others begin.
    """

    promoted_from: str = ""
    promoted: tuple[str, ...] | None = None
    freezes: tuple[Freeze, ...] = ()
    emergency: str = ""
    image_key: str = ""
    unsigned: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> ChangeRules:
        """From a module's option. Raises invalid_input."""
        given = raw or {}
        emergency = masked(one_line(str(given.get("emergency") or "")))
        if emergency and not _SHORTEST_REASON <= len(emergency) <= _LONGEST_REASON:
            length = f"{_SHORTEST_REASON} to {_LONGEST_REASON} characters"
            message = f"release_emergency (TODO_EMERGENCY) is recorded and says why, in {length}."
            raise error(Code.INVALID_INPUT, message, option="emergency")
        promoted = given.get("promoted")
        return cls(
            promoted_from=str(given.get("promoted_from") or ""),
            promoted=None if promoted is None else tuple(map(str, promoted)),
            freezes=tuple(map(Freeze.parse, given.get("freeze") or ())),
            emergency=emergency,
            image_key=str(given.get("image_key") or "").strip(),
            unsigned=tuple(map(str, given.get("unsigned") or ())),
        )

    def __bool__(self) -> bool:
        """Whether anything could be refused."""
        return bool(self.promoted_from or self.freezes or self.image_key)

    def frozen(self, now: float) -> Freeze | None:
        """The freeze that is on; of several the one that ends last."""
        found: Sequence[Freeze] = [each for each in self.freezes if each.holds(now)]
        return max(found, key=lambda each: (each.ends is None, each.ends or 0.0), default=None)


def _moment(text: str, *, last: bool) -> float | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _no_date(text) from None
    if last and len(text) <= len("2026-12-24"):
        found += timedelta(days=1)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _no_date(text: str) -> TodoCloudError:
    message = f"{one_line(text)!r} in release_freeze is no date: write 2026-12-24, or 2026-12-24T18:00:00+01:00."
    return error(Code.INVALID_INPUT, message, option="freeze")
