# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One thing that a preflight found: what, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..failure import Code, Failure


@dataclass(frozen=True, order=True)
class Problem:
    """``certain``: the deployment would fail; otherwise it may go well all the same, and is only told."""

    release: str
    code: Code
    message: str  # what is wrong, where; no full stop
    remedy: str
    certain: bool = True

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "release": self.release,
            "code": self.code.value,
            "message": self.message,
            "remedy": self.remedy,
            "certain": self.certain,
        }

    def __str__(self) -> str:
        return f"{self.release}: {self.message}: {self.remedy}"


def words_of(failure: Failure, release: str) -> tuple[str, str]:
    """A failure's message as a problem has it, without the release before it; and its remedy, "" where it has none."""
    message, _to_do, remedy = failure.message.removeprefix(f"{release}: ").rstrip(".").partition(". To do: ")
    return message, remedy


def failure_of(problems: Sequence[Problem]) -> Failure | None:
    """One failure for everything that is certain; None when nothing is. Its code is theirs if they share one."""
    certain = [problem for problem in problems if problem.certain]
    if not certain:
        return None
    codes = {problem.code for problem in certain}
    code = codes.pop() if len(codes) == 1 else Code.PREFLIGHT_FAILED
    listed = "; ".join(str(problem) for problem in certain)
    count = f"{len(certain)} things stand" if len(certain) > 1 else "One thing stands"
    message = f"{count} in the way of this deployment, nothing was changed: {listed}."
    return Failure(code, message, {"problems": [problem.as_result() for problem in certain]})
