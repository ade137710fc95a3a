# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State of an object, in kstatus's terms: pure data, no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The states of kstatus, and Argo CD's Suspended: it goes no further until somebody tells it to."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Status:
    """A state, and a short message with the reason or what is missing.

    ``judged`` is False if the object says nothing about itself: it exists, that is all. ``asked``: its own spec asks
    for the suspension, so there is nothing to wait for; otherwise somebody has to tell it to go on. ``grace``: the
    class of grace period of a failure that its operator may still mend by itself.
    """

    state: State
    message: str = ""
    judged: bool = True
    asked: bool = False
    grace: str = ""

    @property
    def done(self) -> bool:
        """True when there is nothing to wait for."""
        return self.state is State.CURRENT or (self.state is State.SUSPENDED and self.asked)
