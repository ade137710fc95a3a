# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of progress in the file between a module and its action plugin; see plugins/plugin_utils/live.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Self

_MARK = "\x1f"  # no other line can hold it: whatever is written was made printable before

_RETOLD = "retold"
_BRACKETS = re.compile(r" \((?![^()]*\bprobe\b)[^()]*\)")


class Passing(str):
    """A line about a state that passes. Where output is brief, it is shown only once the state has lasted a while.

    ``of``: whose state it is; empty for what is so until anything else is said. ``over``: no longer waited for.
    """

    of: str
    over: bool

    def __new__(cls, text: str, of: str, *, over: bool = False) -> Self:
        line = super().__new__(cls, text)
        line.of, line.over = of, over
        return line


class Retold(str):
    """A line that the end of the run tells again, with its evidence or as a row of its table. Where output is brief
    only its gist is shown, once ``of`` each; without that nothing.
    """

    of: str

    def __new__(cls, text: str, of: str = "") -> Self:
        line = super().__new__(cls, text)
        line.of = of
        return line


def gist(text: str) -> str:
    """Without what stands in brackets, but for a probe's answer."""
    return _BRACKETS.sub("", text)


def written(line: str, clean: Callable[[str], str]) -> str:
    """A line for the file, without its end; ``clean``: makes text printable, on one line."""
    if isinstance(line, Retold):
        return _MARK.join(("", _RETOLD, clean(line.of), clean(line)))
    if not isinstance(line, Passing):
        return clean(line)
    return _MARK.join(("", "over" if line.over else "", clean(line.of), clean(line)))


def read(line: str) -> str:
    """What was written: a text, a :class:`Passing` or a :class:`Retold`."""
    _start, *fields = line.split(_MARK, 3)
    if len(fields) != 3:
        return line
    over, of, text = fields
    if over == _RETOLD:
        return Retold(text, of)
    return Passing(text, of, over=bool(over))
