# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which images need no build: those whose files are as they were when the image was built that passed all checks last.

Its tag (``staging-latest``) moves to an image only after everything has passed, so the commit that it was built from is
looked for among the last ones, and what changed since then decides. What can't be told is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ..failure import Code, TodoCloudError, error
from .client import RegistryClient
from .reference import Reference

_COMMIT = re.compile(r"\t([0-9a-f]{40,64})")
_SIDE_BY_SIDE = 8

Log = Sequence[tuple[str, Sequence[str]]]  # commits, newest first, each with the files that it changed


@dataclass(frozen=True)
class Wanted:
    """An image that a service of this commit needs. ``paths``: files and folders that it is built from."""

    name: str
    image: Reference
    paths: tuple[str, ...]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Wanted:
        """From a module's option. Raises invalid_input."""
        try:
            image = Reference.parse(raw["image"])
        except ValueError as exc:
            raise error(Code.INVALID_INPUT, f"{raw['name']}: {exc}.", option="images") from exc
        return cls(raw["name"], image, tuple(path.removeprefix("./").rstrip("/") for path in raw["paths"]))

    def uses(self, file: str) -> bool:
        """Whether it is built from a file. Git quotes what it cannot print otherwise: that may be any file."""
        quoted = file.startswith('"')
        return quoted or any(path in ("", ".") or file == path or file.startswith(f"{path}/") for path in self.paths)


@dataclass(frozen=True)
class Judged:
    """``image``: the one that stays, by digest; None: it has to be built. ``why``: for people."""

    wanted: Wanted
    why: str
    image: Reference | None = None


def commits_of(log: str) -> Log:
    """From ``git log --first-parent -m --name-only --no-renames --format=%x09%H``: no file's name begins with a tab
    there, since git quotes it.
    """
    found: list[tuple[str, list[str]]] = []
    for line in log.split("\n"):
        if commit := _COMMIT.fullmatch(line):
            found.append((commit[1], []))
        elif line and found:
            found[-1][1].append(line)
    return found


def judge(
    wanted: Sequence[Wanted], log: Log, latest: str, client: Callable[[Reference], RegistryClient]
) -> list[Judged]:
    """Each image, in this order. ``latest``: the tag of what passed all checks last."""

    def one(each: Wanted) -> Judged:
        try:
            return _judge(each, log, latest, client(each.image))
        except TodoCloudError as exc:
            return Judged(each, exc.failure.message.rstrip("."))

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return list(pool.map(one, wanted))


def _judge(wanted: Wanted, log: Log, latest: str, client: RegistryClient) -> Judged:
    if not wanted.paths:
        return Judged(wanted, "its entry does not say what it is built from (build)")
    if not log or not wanted.image.tag.endswith(log[0][0]):
        return Judged(wanted, "its tag is not that of the commit that is checked out")
    named, passed = wanted.image.tag.removesuffix(log[0][0]), ""
    for commit, files in log:
        passed = passed or client.find_digest(replace(wanted.image, tag=latest))
        if not passed:
            return Judged(wanted, f"no image has the tag {latest}")
        there = client.find_digest(replace(wanted.image, tag=named + commit))
        if there == passed:
            return Judged(wanted, f"as commit {commit[:12]} has built it", replace(wanted.image, tag="", digest=passed))
        if there and commit == log[0][0]:
            return Judged(wanted, "what was built of this commit has not passed all checks")
        if changed := next((file for file in files if wanted.uses(file)), ""):
            return Judged(wanted, f"{changed} changed")
    return Judged(wanted, f"none of the last {len(log)} commits has built what has the tag {latest}")
