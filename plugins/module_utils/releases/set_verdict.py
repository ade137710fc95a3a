# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a later verification says of the set that runs: a mark at the set, without which it is promoted no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ..deploy.report import CUT_OFF
from ..deploy.run import Run
from ..deploy.run_event import keep_verification
from ..failure import Code, Failure
from ..kube.errors import KubeError
from ..masking import masked
from ..neutral import one_line
from ..records.record import Header, Member

# Nothing was found out: the run could not look, or was asked wrongly.
_NO_VERDICT = CUT_OFF | {Code.CREDENTIALS, Code.FORBIDDEN, Code.API_ERROR, Code.INVALID_INPUT, Code.MISSING_LIBRARY}
_LONGEST = 300


def note_verdict(
    run: Run,
    names: Iterable[str],
    failure: Failure | None,
    headers: Sequence[Header] | None = None,
    seconds: float = 0.0,
) -> str:
    """Marks the newest set as failed, or takes the mark away (``failure`` None, and ``names`` are all of it), if that
    set is what runs; either is an event that took ``seconds``. Returns a warning. ``headers``: as they were read
    already; with them a success costs no request where there is no mark.
    """
    if run.settings.check or (failure and failure.code in _NO_VERDICT):
        return ""
    try:
        found = run.records.headers() if headers is None else headers
        if failure is None and not any(header.failed for header in found):
            return ""
        record = next(run.records.readable(found), None)
        if record is None:
            return ""
        members = [member for member in record.members.values() if not member.migration]
        whole = {member.name for member in members} <= set(names)
        marked = any(header.failed for header in found if header.id == record.id)
        if (not marked if failure else marked and whole) and _run(run, members):
            run.records.note_failed(record.id, _text(failure) if failure else "")
            keep_verification(run, record, failure, seconds)
    except KubeError as exc:
        return f"The verdict was not noted at the release set, so a promotion does not know of it: {exc}"
    return ""


def _run(run: Run, members: Iterable[Member]) -> bool:
    """Whether they are what runs."""
    histories = run.storage.histories()
    return all(histories.get(m.name) and m.is_at(histories[m.name][-1]) for m in members)


def _text(failure: Failure) -> str:
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{time}: {masked(one_line(failure.message))}"[:_LONGEST]
