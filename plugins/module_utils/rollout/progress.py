# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Live lines of a wait: one when a target changes, a reminder of what is still missing every 30 s."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..failure import Code
from ..readiness.judge import Judgement
from ..readiness.sentences import sentence
from ..readiness.status import State
from ..readiness.symptoms import UNREADY, Symptom
from .targets import Target

REMIND_SECONDS = 30.0
_NAMED = 6
# How long these last in a normal start: no news until then.
_USUAL_SECONDS = {Code.VOLUME_MOUNT: 10.0, Code.FAILED_CREATE: 3.0, Code.NOT_READY: 5.0, Code.CRASH_LOOP: 1.0,
                  Code.PROBE_FAILING: 10.0}  # fmt: skip


class Report:
    """Turns judgements into lines for ``progress``; says nothing twice."""

    def __init__(self, progress: Callable[[str], None], timeout: float) -> None:
        self._progress = progress
        self._timeout = timeout
        self._said: dict[Target, str] = {}
        self._next_reminder = REMIND_SECONDS

    def look(self, judgements: Mapping[Target, Judgement], elapsed: float) -> None:
        """Tell what changed since the last call. ``elapsed``: seconds since the wait began."""
        for target, judgement in judgements.items():
            key = _key(judgement)
            if self._said.get(target) != key:
                self._said[target] = key
                self._progress(line(target, judgement))
                self._next_reminder = elapsed + REMIND_SECONDS
        if elapsed >= self._next_reminder:
            self._next_reminder = elapsed + REMIND_SECONDS
            self._progress(self._reminder(judgements, elapsed))

    def seconds_to_reminder(self, elapsed: float) -> float:
        """When the next reminder is due."""
        return max(0.0, self._next_reminder - elapsed)

    def trouble(self, text: str, elapsed: float) -> None:
        """The API server does not answer: said with the reminders, as long as it lasts."""
        if elapsed >= self._next_reminder:
            self._next_reminder = elapsed + REMIND_SECONDS
            self._progress(f"after {elapsed:.0f} s: the API server does not answer ({text}), trying on")

    def _reminder(self, judgements: Mapping[Target, Judgement], elapsed: float) -> str:
        missing = [line(target, one) for target, one in judgements.items() if one.status.state is not State.CURRENT]
        more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return f"after {elapsed:.0f} s of {self._timeout:.0f} s, waiting for {'; '.join(missing[:_NAMED])}{more}"


def line(target: Target, judgement: Judgement) -> str:
    """``backend-api 2/3 updated, 1 waiting: ImagePullBackOff 12 s``."""
    if judgement.doom:
        return sentence(judgement.doom[0], f"{target.label} failed")
    if judgement.status.state is State.CURRENT:
        return f"{target.label} ready: {judgement.status.message}"
    reasons: dict[str, list[float]] = {}
    for symptom, lasted in _telling(judgement):
        reasons.setdefault(symptom.reason, []).append(lasted)
    notes = [f", {len(times)} waiting: {reason} {max(times):.0f} s" for reason, times in reasons.items()]
    return f"{target.label} {judgement.status.message}{''.join(notes)}"


def _telling(judgement: Judgement) -> list[tuple[Symptom, float]]:
    """Symptoms that are more than a normal start: every pod is created, and unready, for a while."""
    return [
        (symptom, lasted)
        for symptom, lasted in judgement.waiting
        if symptom.reason != UNREADY and lasted >= _USUAL_SECONDS.get(symptom.code, 0.0)
    ]


def _key(judgement: Judgement) -> str:
    """What must differ for a line to be worth saying: everything but seconds."""
    reasons = sorted({pair[0].reason for pair in _telling(judgement)})
    doom = [symptom.key for symptom in judgement.doom]
    return f"{judgement.status.state} {judgement.status.message} {reasons} {doom}"
