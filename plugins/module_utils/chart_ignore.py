# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which files of a chart's folder Helm leaves out: those that the folder's .helmignore names, and hidden ones in
templates/; pure.

Rules as in Helm's internal/ignore/rules.go: one pattern a line, ``#`` for comments, ``!`` in front, ``/`` at the end
for folders only. What is ignored as a folder is ignored with all below it. Patterns are those of Go's path/filepath.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_DEFAULT = "templates/.?*"


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool
    by_name: bool  # only the last part of a path is compared

    def matches(self, path: str) -> bool:
        return self.pattern.fullmatch(path.rpartition("/")[2] if self.by_name else path) is not None


def ignored(text: str) -> Callable[[str], bool]:
    """Says of a file's path in the chart's folder whether Helm leaves it out. ``text``: of the .helmignore.

    A .helmignore that Helm does not take ignores nothing here.
    """
    try:
        rules = [rule for line in (*text.splitlines(), _DEFAULT) if (rule := _rule(line.strip()))]
    except ValueError:
        rules = []

    def is_ignored(path: str) -> bool:
        parts = path.split("/")
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return any(_is_ignored(rules, folder, folder=True) for folder in folders) or _is_ignored(
            rules, path, folder=False
        )

    return is_ignored


def _is_ignored(rules: Iterable[_Rule], path: str, *, folder: bool) -> bool:
    for rule in rules:
        fits = rule.matches(path) and (folder or not rule.folders_only)
        if fits != rule.negated:  # a negated rule ignores all but what it names
            return True
    return False


def _rule(line: str) -> _Rule | None:
    if not line or line.startswith("#"):
        return None
    if "**" in line:
        raise ValueError(line)
    negated = line.startswith("!")
    text = line[1:] if negated else line
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    return _Rule(_pattern(text.removeprefix("/")), negated, folders_only, by_name="/" not in text)


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of Go's filepath.Match. Raises ValueError."""
    found, rest = "", text
    while rest:
        letter, rest = rest[0], rest[1:]
        if letter == "*":
            found += "[^/]*"
        elif letter == "?":
            found += "[^/]"
        elif letter == "[":
            content, closed, rest = _class(rest)
            if not closed:
                raise ValueError(text)
            found += content
        elif letter == "\\":
            if not rest:
                raise ValueError(text)
            found, rest = found + re.escape(rest[0]), rest[1:]
        else:
            found += re.escape(letter)
    try:
        return re.compile(found, re.DOTALL)
    except re.error:  # a range such as z-a, in which Go finds no letter
        return re.compile("(?!)")


def _class(rest: str) -> tuple[str, bool, str]:
    """A class of letters after its bracket: as of ``re``, whether it ends, what follows."""
    negated = rest.startswith("^")
    letters, place = "", 1 if negated else 0
    while place < len(rest) and (rest[place] != "]" or not letters):
        if rest[place] == "\\" and place + 1 < len(rest):
            place += 1
            letters += re.escape(rest[place])
        else:
            letters += "-" if rest[place] == "-" else re.escape(rest[place])
        place += 1
    return f"(?!/)[{'^' if negated else ''}{letters}]", place < len(rest), rest[place + 1 :]
