# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of a log: which one tells, and all of them as people read them, alike ones once.

Levels are read in JSON, in logfmt (level=fatal msg="...") and in the usual plain formats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..masking import masked
from ..parsing import read_json

_FATAL = frozenset({"fatal", "panic", "dpanic", "critical", "crit", "emerg", "emergency", "alert", "60"})
_ERRORS = _FATAL | {"error", "err", "exception", "severe", "fail", "50"}  # numbers: of Node's bunyan and pino
_WARNINGS = frozenset({"warning", "warn", "wrn", "40"})
_LEVELS = ("level", "severity", "lvl", "levelname", "log.level", "@l")
_MESSAGES = ("msg", "message", "event", "@m")
_LOGFMT_LEVEL = re.compile(r'\b(?:level|lvl|severity)="?(\w+)"?')
_LOGFMT_MESSAGE = re.compile(r'\bmsg="((?:[^"\\]|\\.)*)"')
# .NET; klog; nginx and others.
_MARKED_LEVEL = re.compile(
    r"^(fail|crit|warn): |^([WEF])\d{4} \d\d:|^[^\[\]]{0,40}\[(warn|warning|error|crit|alert|emerg|fatal)\] "
)
_KLOG = {"W": "warning", "E": "error", "F": "fatal"}
_WORD_LEVEL = re.compile(
    r"\b(FATAL|PANIC|CRITICAL|ERROR|WARN(?:ING)?|panic|fatal|Error|\w*(?:Error|Exception))\b(?=[\s:\]|])"
)
# What differs between lines that say the same: ids, times and other numbers.
_DIFFERS = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{6,}\b"
    r"|\b(?=[a-z_]*\d)\w{16,}\b|\d+(?:[.:,T-]\d+)*Z?",
    re.IGNORECASE,
)
# Belongs to the line before it: frames, braces, an empty line, the cause of an exception.
_CONTINUES = re.compile(r"\s|[][{}(),;]*$|Caused by: ")
_SHORTEST = 8  # characters of a line that may stand for others


@dataclass(frozen=True)
class Line:
    """A line to be shown; ``times``: how often it was there, ``tells``: whether it is the one to look at."""

    text: str
    times: int = 1
    tells: bool = False

    @property
    def count(self) -> str:
        """`` (x 14)``, empty for a line that was there once."""
        return f" (x {self.times})" if self.times > 1 else ""


def decisive_line(log: str, *, warns_at_start: bool = False) -> str:
    """The line of a log that most likely has the cause of an end: the last one that is fatal, else an error, a warning.

    A last line without a level is as good as a warning, and so is any of a program that ``warns_at_start`` of this and
    that. The bare message, masked and at most 300 characters long.
    """
    lines = [found for line in log.splitlines() if (found := _parsed(line))[1]]
    if not lines:
        return ""
    ranks = [_rank(level) for level, _message in lines]
    if not lines[-1][0] or warns_at_start:
        ranks[-1] = max(ranks[-1], _rank("warning"))  # what ends a program may have no level
    return masked(lines[_last_of_the_highest(ranks)][1])[:300]


def is_error(log: str) -> bool:
    """True if any line of the log has an error level."""
    return any(_parsed(line)[0] in _ERRORS for line in log.splitlines())


def as_read(lines: Sequence[str], most: int = 0, quoted: Callable[[str], bool] | None = None) -> list[Line]:
    """Lines as people read them: alike ones once, where the last of them was.

    Those that are ``quoted`` elsewhere tell; without any, the last of the highest level does, from a warning on.
    ``most`` (0: all) leaves the last ones, and the last one that tells.
    """
    folded = list(_folded(lines))
    tells = {index for index, line in enumerate(folded) if quoted is not None and quoted(line.text)}
    if not tells and folded:
        ranks = [_rank(_parsed(line.text)[0]) for line in folded]
        tells = {_last_of_the_highest(ranks)} if any(ranks) else set()
    found = [replace(line, tells=index in tells) for index, line in enumerate(folded)]
    left = max(0, len(found) - most) if most else 0
    if left and tells and max(tells) < left:
        return [found[max(tells)], *found[left + 1 :]]
    return found[left:]


def _folded(lines: Sequence[str]) -> Iterator[Line]:
    """A line and what belongs to it is left out if it comes again; the last line of the last one has the number."""
    blocks = [list(lines[start:end]) for start, end in _blocks(lines)]
    keys = [_DIFFERS.sub("#", "\n".join(block)).rstrip() for block in blocks]
    times = Counter(keys)
    for place, (block, key) in enumerate(zip(blocks, keys, strict=True)):
        if len(key) < _SHORTEST:
            yield from map(Line, block)
        elif key not in keys[place + 1 :]:
            end = max(index for index, line in enumerate(block) if line.strip())
            yield from (Line(line, times[key] if index == end else 1) for index, line in enumerate(block))


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends with what belongs to it; the error below a traceback of Python does."""
    start, traceback = 0, False
    for index, line in enumerate(lines):
        if index == start or _CONTINUES.match(line):
            traceback = traceback or line.startswith("Traceback (most")
            continue
        if traceback:
            traceback = False
            continue
        yield start, index
        start, traceback = index, line.startswith("Traceback (most")
    if lines:
        yield start, len(lines)


def _last_of_the_highest(ranks: Sequence[int]) -> int:
    return max(range(len(ranks)), key=lambda index: (ranks[index], index))


def _rank(level: str) -> int:
    return 3 if level in _FATAL else 2 if level in _ERRORS else 1 if level in _WARNINGS else 0


def _parsed(line: str) -> tuple[str, str]:
    """(level in lower case, empty if it has none; message) of one line."""
    text = line.strip()
    if text.startswith("{"):
        try:
            entry = read_json(text)
            level = next((str(entry[key]).lower() for key in _LEVELS if entry.get(key)), "")
            return level, next((str(entry[key]) for key in _MESSAGES if entry.get(key)), text)
        except (ValueError, AttributeError, RecursionError):  # the last by str() of what is nested
            return "", text
    if (found := _LOGFMT_MESSAGE.search(text)) is not None:
        level_found = _LOGFMT_LEVEL.search(text)
        return (level_found[1].lower() if level_found else ""), found[1].replace('\\"', '"')
    if (named := _MARKED_LEVEL.match(text)) is not None:
        return next(_KLOG.get(word, word) for word in named.groups() if word), text
    word = _WORD_LEVEL.search(text)
    if word is None:
        return "", text
    lowered = word[1].lower()
    return (lowered if _rank(lowered) else "error"), text
