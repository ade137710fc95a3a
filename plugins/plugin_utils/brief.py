# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a person sees a run: when output is brief, its clock, its lines, and which live lines are worth showing.

The controller imports this when it loads the callback; its workers, which show live lines, are forks of it and so have
the same clock and width.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from ansible import constants, context
from ansible.utils.display import Display
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import Passing, Retold, gist, read
from ansible_collections.todo.cloud.plugins.module_utils.neutral import printable

NAME = "todo.cloud.brief"
_BEGAN = "TODO_CLOUD_STARTED"  # seconds since 1970
_NARROWEST = 40
_INDENT = 9
_FIRST_SECONDS = 10.0
_DOING_SECONDS = 3.0  # what is being done is told sooner than a state: else nothing is seen to be done
_NEXT_SECONDS = 20.0
_READY_SECONDS = 2.0  # what is ready meanwhile shares a line


def wanted() -> bool:
    """Whether this run is shown briefly: not in CI, not with -v, --check or --diff."""
    return (
        constants.DEFAULT_STDOUT_CALLBACK == NAME
        and os.environ.get("CI", "").lower() in ("", "0", "false")
        and not Display().verbosity
        and not context.CLIARGS.get("check")
        and not context.CLIARGS.get("diff")
    )


class Screen:
    """Clock and width of this run."""

    def __init__(self) -> None:
        self._started = time.monotonic() - _seconds_before()
        self.columns = 0
        self.shows_skipped = True  # where output is not brief, as the callback's option says
        self.measure()

    def measure(self) -> None:
        """Takes the width as it is now; 0 where nothing has to fit, such as a pipe. Workers have no terminal to ask."""
        self.columns = 0
        with suppress(OSError, ValueError, AttributeError):
            if "COLUMNS" in os.environ or os.isatty(sys.__stdout__.fileno()):  # type: ignore[union-attr]  # None: caught
                self.columns = max(_NARROWEST, shutil.get_terminal_size().columns)

    def clock(self) -> str:
        """Since the start of the run, or of the command that it is a part of: ``4:07`` or ``1:04:07``."""
        return duration(time.monotonic() - self._started)

    def wrapped(self, text: str, first: str = "", then: str = "") -> list[str]:
        """A text, made printable, on as many lines as it needs; words longer than a line stay whole."""
        text = printable(text)
        if not self.columns:
            return [f"{first}{text}"]
        return textwrap.wrap(
            text, self.columns - 1, initial_indent=first, subsequent_indent=then,
            break_long_words=False, break_on_hyphens=False,
        ) or [first.rstrip()]  # fmt: skip

    def phase(self, name: str) -> list[str]:
        """The line that begins a phase."""
        return self.wrapped(name, f"{self.clock():>5}  ", " " * _INDENT)

    def line(self, text: str, word: str = "") -> list[str]:
        """A line within a phase."""
        begin = f"{self.clock():>5}".ljust(_INDENT) + (f"{word:8} " if word else "")
        return self.wrapped(text, begin, " " * len(begin))

    def under(self, text: str, word: str) -> list[str]:
        """More about the line before, which began with ``word``."""
        begin = " " * (_INDENT + len(f"{word:8} "))
        return self.wrapped(text, begin, f"{begin}  ")

    def row(self, row: str, first: str) -> list[str]:
        """A row of a table whose first row is ``first``: what is too long goes on below its last column."""
        if len(row) < self.columns:
            return [row]
        column = first.rfind("  ") + 2
        aligned = row[column - 2 : column] == "  "  # other lines may follow the rows
        return self.wrapped(row, then=" " * (column if aligned else 2))

    def names(self, listed: Iterable[str], before: str) -> str:
        """As many of the names as fit on the line that begins with ``before``, and how many more there are."""
        names = list(listed)
        room = self.columns - _INDENT - 9 - len(before) - len(" and 99 more") - 1
        shown = len(names)
        while self.columns and shown > 1 and len("; ".join(names[:shown])) > room:
            shown -= 1
        return "; ".join(names[:shown]) + (f" and {len(names) - shown} more" if shown < len(names) else "")


def _seconds_before() -> float:
    """How long the command has run that this run is a part of: make says in the environment when it began."""
    with suppress(ValueError):
        return max(0.0, time.time() - float(os.environ.get(_BEGAN, "")))
    return 0.0


def duration(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


SCREEN = Screen()


def about(host: str, text: str) -> str:
    """``text`` after the host, unless it begins with its name; releases have hyphens where hosts have underscores."""
    named = re.match(re.escape(host.replace("-", "_")) + "(?![A-Za-z0-9])", text.replace("-", "_"))
    return text if not host or named else f"{host}: {text}"


class Calm:
    """Live lines of one task, without those about states that pass at once.

    A state is told once it has lasted, and what is done once it takes long; that something is ready, if it was not when
    it was looked at first. All other lines are told as they come.
    """

    def __init__(self, show: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._now = now
        self._held: dict[str, tuple[float, str]] = {}  # by whose state it is: when it is due, and the newest line
        self._seen: dict[str, str] = {}  # what is not ready, and the line that was told of it
        self._retold: set[str] = set()  # whose failure was told
        self._ready: list[str] = []
        self._ready_at = 0.0  # the first of them

    def take(self, line: str) -> None:
        """One line from the module."""
        text = read(line)
        self._held.pop("", None)
        if not isinstance(text, Passing):
            self._tell(self._ready)
            self._ready = []
            if not isinstance(text, Retold):
                self._show(text)
            elif text.of and text.of not in self._retold:
                self._retold.add(text.of)
                self._show(gist(text))
        elif text.over:
            self._held.pop(text.of, None)
            if self._seen.pop(text.of, None) is not None:
                self._ready_at = self._ready_at if self._ready else self._now()
                self._ready.append(str(text))
        else:
            told = self._seen.setdefault(text.of, "")
            wait = _DOING_SECONDS if not text.of else _NEXT_SECONDS if told else _FIRST_SECONDS
            due = self._now() + wait
            self._held[text.of] = (self._held.get(text.of, (due, ""))[0], str(text))

    def tick(self, last: bool = False) -> None:
        """To be called often: tells what is due, in one line. ``last``: the task is over."""
        now = self._now()
        due = {of: text for of, (when, text) in self._held.items() if when <= now}
        news = [text for of, text in due.items() if text != self._seen.get(of)]
        for of, text in due.items():
            del self._held[of]
            self._seen[of] = text
        if news or last or now - self._ready_at >= _READY_SECONDS:
            self._tell([*self._ready, *news])
            self._ready = []

    def _tell(self, texts: list[str]) -> None:
        if texts:
            self._show("; ".join(texts))
