# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One rule: what the status of a kind means, in expressions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .conventions import by_convention, conditions, not_observed, reports_nothing
from .expressions import Expression
from .fields import Object
from .status import State, Status

NOT_JUDGED = Status(State.CURRENT, "exists, not judged", judged=False)
NO_STATUS = Status(State.IN_PROGRESS, "no status yet")


@dataclass(frozen=True)
class Rule:
    """What a kind's status means: JMESPath expressions over the object, looked at in this order.

    ``failed``, ``suspended``, ``progressing``, ``ready``: the first that holds (is not empty, null or false) decides;
    an object for which none holds is in progress if there is a ``ready``, else the conventions judge it. ``message``
    is what to say about it. ``no_status``: its controller writes no status, so there is nothing to judge. ``source``:
    where the rule comes from.
    """

    ready: str = ""
    failed: str = ""
    progressing: str = ""
    suspended: str = ""
    message: str = ""
    no_status: bool = False
    source: str = ""

    def status_of(self, obj: Object, *, reports: bool = True) -> Status:
        """Status of an object. ``reports`` False: its kind has no status subresource, so an empty one says nothing."""
        if self.no_status:
            return NOT_JUDGED
        if self.suspended and _holds(self.suspended, {**obj, "status": {}}):
            return Status(State.SUSPENDED, self._text(obj) or "suspended by its spec", asked=True)
        silent = reports_nothing(obj)
        if silent and not (self.ready and _holds(self.ready, obj)):
            if reports:
                return NO_STATUS
            if not (self.ready or self.failed or self.progressing):
                return NOT_JUDGED
        if late := not_observed(obj, conditions(obj)):
            return late
        for state, expression in (
            (State.FAILED, self.failed),
            (State.SUSPENDED, self.suspended),
            (State.IN_PROGRESS, self.progressing),
            (State.CURRENT, self.ready),
        ):
            if expression and _holds(expression, obj):
                return Status(state, self._text(obj) or _said(obj, state))
        usual = by_convention(obj)
        if self.ready and (usual is None or usual.state is not State.FAILED):
            return Status(State.IN_PROGRESS, self._text(obj) or _said(obj, State.IN_PROGRESS))
        return usual or NOT_JUDGED

    def _text(self, obj: Object) -> str:
        found = expression(self.message).search(obj) if self.message else None
        return " ".join(str(found).split())[:300] if isinstance(found, (str, int, float)) and found != "" else ""


def _said(obj: Object, state: State) -> str:
    """What the object itself says about a state."""
    found = by_convention(obj)
    if found is not None and found.message and (found.state is state or state is not State.CURRENT):
        return found.message
    return "ready" if state is State.CURRENT else state.value


@cache
def expression(text: str) -> Expression:
    return Expression(text)


def _holds(text: str, obj: Object) -> bool:
    return expression(text).holds(obj)
