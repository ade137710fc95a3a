# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which version a cluster gets, and the next step on the way there.

DigitalOcean wants all patches of a minor version before the next one, and one minor version at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from ..failure import Code, error

_WANTED = re.compile(r"(\d+)\.(\d+)(?:\.(\d+)(?:-do\.(\d+))?)?")
_SLUG = re.compile(r"(\d+)\.(\d+)\.(\d+)-do\.(\d+)")


class Standing(StrEnum):
    """Where a cluster stands to the version that is wanted."""

    THERE = "there"
    BEHIND = "behind"
    AHEAD = "ahead"  # by patches: DigitalOcean has installed them
    BEYOND = "beyond"  # by minor versions


def check(wanted: str) -> None:
    """Raises invalid_input for what is no version: ``1.36``, ``1.36.3`` or ``1.36.3-do.0``."""
    if not _WANTED.fullmatch(wanted):
        text = f"version is {wanted!r}: name a minor version, '1.36', or one of DigitalOcean's, '1.36.3-do.0'."
        raise error(Code.INVALID_INPUT, text, option="version")


def newest(wanted: str, offered: Iterable[str]) -> str:
    """The newest that is offered and fits. Raises cloud_refused."""
    offered = sorted((each for each in offered if _SLUG.fullmatch(each)), key=number, reverse=True)
    for each in offered:
        if _fits(wanted, each):
            return each
    text = f"DigitalOcean offers no version {wanted} for a new cluster; it offers {', '.join(offered) or 'none'}."
    raise error(Code.CLOUD_REFUSED, text, version=wanted, offered=offered)


def standing(current: str, wanted: str) -> Standing:
    """How ``current`` (of a cluster) stands to ``wanted``."""
    if _fits(wanted, current) or current == wanted:
        return Standing.THERE
    there, here = _named(wanted), number(current)
    if here[: len(there)] < there:
        return Standing.BEHIND
    return Standing.AHEAD if here[:2] == there[:2] else Standing.BEYOND


def next_step(current: str, wanted: str, possible: Sequence[str]) -> str:
    """The version to go to next: the newest patch that leads there, else the newest of the next minor version.

    ``possible``: what DigitalOcean lets this cluster go to now. Raises cloud_refused if nothing leads there.
    """
    here, limit = number(current), _named(wanted)
    leading = [
        each
        for each in possible
        if _SLUG.fullmatch(each) and number(each) > here and number(each)[: len(limit)] <= limit
    ]
    patches = [each for each in leading if number(each)[:2] == here[:2]]
    following = [each for each in leading if number(each)[:2] == (here[0], here[1] + 1)]
    if not patches and not following:
        text = (
            f"DigitalOcean lets the cluster go from {current} to {', '.join(possible) or 'no other version'} now, "
            f"which does not lead to {wanted}."
        )
        raise error(Code.CLOUD_REFUSED, text, version=wanted, possible=list(possible))
    return max(patches or following, key=number)


def number(slug: str) -> tuple[int, ...]:
    """As numbers that compare. Raises cloud_error for what is no version of DigitalOcean."""
    found = _SLUG.fullmatch(slug)
    if not found:
        raise error(Code.CLOUD_ERROR, f"DigitalOcean names a version {slug!r}, which is none.", version=slug)
    return tuple(map(int, found.groups()))


def _named(wanted: str) -> tuple[int, ...]:
    """Those of the four numbers that are named."""
    found = _WANTED.fullmatch(wanted)
    return tuple(int(each) for each in found.groups() if each is not None) if found else ()


def _fits(wanted: str, slug: str) -> bool:
    named = _named(wanted)
    return bool(_SLUG.fullmatch(slug)) and number(slug)[: len(named)] == named
