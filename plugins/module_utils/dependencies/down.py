# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is down, and of what kind that is."""

from __future__ import annotations

from dataclasses import dataclass

from ..failure import Code


@dataclass(frozen=True, order=True)
class Down:
    """Something that the old version needs as much as the new one. ``code``: dependency_down or platform_down.

    ``asked`` False: only the pods can tell when it is back.
    """

    what: str
    why: str
    code: Code = Code.DEPENDENCY_DOWN
    asked: bool = True

    def __str__(self) -> str:
        return f"{self.what} is down: {self.why}"
