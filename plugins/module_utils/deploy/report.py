# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run: one row per release, as a table for people and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..planning.drift import Drift
from ..planning.plan import Kind, PlanItem
from ..preflight.problem import Problem
from ..tables import columns

_HEAD = ("release", "action", "was", "tried", "now", "outcome")
_TOTALS = {Kind.CHANGE: "to change", Kind.VERIFY: "to verify", Kind.REMOVE: "to remove"}
# The API server is out of reach: further attempts would fail as well.
CUT_OFF = frozenset({Code.UNREACHABLE, Code.UNAUTHORIZED})
_AGAIN = "what was done until then stands and is not recorded as verified: run it again to go on"
_PLAN_HEAD = ("release", "plan", "revision", "why")


class Outcome(StrEnum):
    """What became of a release in a run."""

    UNCHANGED = "unchanged"  # it needed nothing
    DRIFTED = "drifted"  # its inputs are as asked, but somebody changed its objects in the cluster, and they stay so
    VERIFIED = "verified"  # as asked, verified in this run
    APPLIED = "applied"  # written, but the run ended before it was verified
    FAILED = "failed"
    RESTORED = "restored"  # back at what was verified
    REMOVED = "removed"
    KEPT = "kept"  # left as it was: the run did not get to it, or may not change it
    PREDICTED = "predicted"  # check mode


@dataclass
class Row:
    """One release in a run: revision before, revision made (0: none), revision now. ``detail``: for people."""

    name: str
    action: str
    was: int
    tried: int = 0
    now: int = 0
    outcome: Outcome = Outcome.KEPT
    detail: str = ""

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "action": self.action,
            "from": self.was,
            "tried": self.tried,
            "to": self.now,
            "outcome": self.outcome.value,
            "detail": self.detail,
        }

    @property
    def words(self) -> str:
        """Outcome and detail for people."""
        return f"{self.outcome.value}: {self.detail}" if self.detail else self.outcome.value

    def describe(self) -> str:
        """One line for people."""
        tried = f", tried {self.tried}" if self.tried and self.tried != self.now else ""
        return f"{self.name}: {self.action}, was revision {self.was}{tried}, now {self.now}: {self.words}"


@dataclass
class Report:
    """What a run did, as it becomes a module's result. ``set``: the verified set the environment is at, 0 when there is
    none.
    """

    plan: Sequence[PlanItem] = ()
    rows: dict[str, Row] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # one line each: nothing is wrong, but it should be known
    diff: list[dict[str, str]] = field(default_factory=list)
    set: int = 0
    changed: bool = False
    predicted: bool = False  # check mode: nothing was done, the table is the plan
    drift: Sequence[Drift] | None = None  # None: not asked for
    preflight: Sequence[Problem] = ()  # check mode: what stands in the way of the plan
    exported: Sequence[str] = ()  # names of files, see export.py
    spent: Callable[[], Mapping[str, Any]] = dict  # Helm calls and API requests so far, see Run.spent
    verification: Mapping[str, Any] | None = None  # of everything, at the end; None: not asked for
    availability: Mapping[str, Any] | None = None  # of the endpoint meanwhile; None: not asked for
    verify_job: Mapping[str, Any] | None = None  # None: not run
    bake: Mapping[str, Any] | None = None  # None: not done

    def as_result(self) -> dict[str, Any]:
        """Plain JSON; ``warnings`` are for the caller to issue."""
        return {
            "changed": self.changed,
            "plan": [item.as_result() for item in self.plan],
            "releases": [row.as_result() for row in self.rows.values()],
            "failures": [failure.as_result() for failure in self.failures],
            "set": self.set,
            "table": self.table(),
            "notes": self.notes,
            "diff": self.diff,
            **({"preflight": [each.as_result() for each in self.preflight]} if self.predicted else {}),
            **({"drift": [each.as_result() for each in self.drift]} if self.drift is not None else {}),
            **({"exported": list(self.exported)} if self.exported else {}),
            **({"verification": dict(self.verification)} if self.verification is not None else {}),
            **({"availability": dict(self.availability)} if self.availability is not None else {}),
            **({"verify_job": dict(self.verify_job)} if self.verify_job is not None else {}),
            **({"bake": dict(self.bake)} if self.bake is not None else {}),
            **self.spent(),
        }

    def table(self) -> list[str]:
        """Lines of equal columns: what became of each release, or in check mode what would."""
        if self.predicted:
            rows = [(i.name, i.kind.value, i.revisions, i.why) for i in self.plan]
            found = [] if self.drift is None else [f"drift: {d.message}" for d in self.drift] or ["no drift"]
            ahead = [f"{'in the way' if p.certain else 'look at'}: {p}" for p in self.preflight]
            return [*(columns([_PLAN_HEAD, *rows]) if rows else []), *found, *ahead, totals(self.plan)]
        dash = {0: "-"}
        done = [
            (
                r.name,
                r.action,
                str(dash.get(r.was, r.was)),
                str(dash.get(r.tried, r.tried)),
                str(dash.get(r.now, r.now)),
                r.words,
            )
            for r in self.rows.values()
        ]
        return columns([_HEAD, *done])

    def fail(self, failure: Failure) -> TodoCloudError:
        """The error that ends the run with all of this in its result."""
        return TodoCloudError(failure, self.as_result(), self.warnings)

    def interrupted(self, failure: Failure) -> TodoCloudError:
        """The same for a failure in the middle of a run; after an outage it advises to run it again."""
        if failure not in self.failures:
            self.failures.append(failure)
        again = f"{failure.message.rstrip('.')}; {_AGAIN}." if failure.code in CUT_OFF else failure.message
        return self.fail(Failure(failure.code, again, failure.details))


def totals(plan: Iterable[PlanItem]) -> str:
    """One line: how many releases of each kind, those that need something first."""
    count = Counter(item.kind for item in plan)
    return ", ".join(f"{count[kind]} {_TOTALS.get(kind, kind.value)}" for kind in Kind if count[kind]) or "no releases"
