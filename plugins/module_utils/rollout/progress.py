# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress lines of a wait: one when a target changes, and every 30 s a reminder of what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..failure import Code
from ..live_lines import Passing, Retold
from ..readiness.judge import Judgement
from ..readiness.sentences import sentence
from ..readiness.status import State
from ..readiness.symptoms import KILLED_AT_START, NOT_STARTED, UNREADY, Symptom
from .targets import Target

REMIND_SECONDS = 30.0
_NAMED = 6
# How long these symptoms last in a normal start; not reported until then.
_USUAL_SECONDS = {Code.VOLUME_MOUNT: 10.0, Code.FAILED_CREATE: 3.0, Code.NOT_READY: 5.0, Code.CRASH_LOOP: 1.0,
                  Code.PROBE_FAILING: 10.0}  # fmt: skip


class ProgressReporter:
    """Turns judgements into lines for ``progress``, each one once."""

    def __init__(self, progress: Callable[[str], None], timeout: float) -> None:
        self._progress = progress
        self._timeout = timeout
        self._last_keys: dict[Target, str] = {}
        self._next_reminder = REMIND_SECONDS

    def look(self, judgements: Mapping[Target, Judgement], elapsed: float) -> None:
        """Reports what changed since the last call. ``elapsed``: seconds since the wait began."""
        for target, judgement in judgements.items():
            key = _key(judgement)
            if self._last_keys.get(target) != key:
                self._last_keys[target] = key
                self._progress(_told(target, judgement))
                self._next_reminder = elapsed + REMIND_SECONDS
        if elapsed >= self._next_reminder:
            self._next_reminder = elapsed + REMIND_SECONDS
            self._progress(self._reminder(judgements, elapsed))

    def seconds_to_reminder(self, elapsed: float) -> float:
        """Seconds until the next reminder."""
        return max(0.0, self._next_reminder - elapsed)

    def api_fault(self, text: str, elapsed: float) -> None:
        """Reports with the reminders that the API server does not answer."""
        if elapsed >= self._next_reminder:
            self._next_reminder = elapsed + REMIND_SECONDS
            self._progress(f"after {elapsed:.0f} s: the API server does not answer ({text}), still trying")

    def _reminder(self, judgements: Mapping[Target, Judgement], elapsed: float) -> str:
        missing = [line(target, one) for target, one in judgements.items() if not one.status.done]
        more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return f"after {elapsed:.0f} s of {self._timeout:.0f} s, waiting for {'; '.join(missing[:_NAMED])}{more}"


def _told(target: Target, judgement: Judgement) -> str:
    text, over = line(target, judgement), judgement.status.state is State.CURRENT
    if judgement.terminal:
        return Retold(text, target.label)
    return Passing(text, target.label, over=over)


def line(target: Target, judgement: Judgement) -> str:
    """``backend-api 2/3 updated, 1 waiting: ImagePullBackOff 12 s``."""
    if judgement.terminal:
        return sentence(judgement.terminal[0], f"{target.label} failed")
    if judgement.status.state is State.CURRENT:
        return f"{target.label} ready: {judgement.status.message}"
    reasons: dict[str, list[float]] = {}
    for symptom, lasted in _notable(judgement):
        reasons.setdefault(_reason(symptom), []).append(lasted)
    notes = [f", {len(times)} waiting: {reason} {max(times):.0f} s" for reason, times in reasons.items()]
    return f"{target.label} {judgement.status.message}{''.join(notes)}"


def _reason(symptom: Symptom) -> str:
    """``NotStarted (startup probe: HTTP 404)``: who waits for that to change should see it at once."""
    probe = {NOT_STARTED: "startup", KILLED_AT_START: "startup", UNREADY: "readiness"}.get(symptom.reason)
    return f"{symptom.reason} ({probe} probe: {symptom.message})" if probe and symptom.message else symptom.reason


def _notable(judgement: Judgement) -> list[tuple[Symptom, float]]:
    """Symptoms that a normal start does not have: every pod is being created, and unready, for a while."""
    return [
        (symptom, lasted)
        for symptom, lasted in judgement.waiting
        if (symptom.reason != UNREADY or symptom.message) and lasted >= _USUAL_SECONDS.get(symptom.code, 0.0)
    ]


def _key(judgement: Judgement) -> str:
    """What must differ for a new line: everything but seconds."""
    reasons = sorted({pair[0].reason for pair in _notable(judgement)})
    terminal = [symptom.key for symptom in judgement.terminal]
    return f"{judgement.status.state} {judgement.status.message} {reasons} {terminal}"
