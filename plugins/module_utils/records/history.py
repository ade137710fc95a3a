# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the runs of an environment say about a team: how often, how soon, how well it deploys (the measures of DORA,
https://dora.dev/guides/dora-metrics/, medians where several values make one).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

DEPLOYMENTS = ("deployment", "promotion")
_BACK = ("rollback", *DEPLOYMENTS)  # what ends a failure, when it succeeds


@dataclass(frozen=True)
class Commit:
    """Of the application's repository. ``time`` is the committer's: when it was merged, not when it was written."""

    time: datetime
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """``since`` is later than asked for where no older runs are kept. Times in seconds; None: there was nothing to tell
    it by. ``failed`` are also deployments that were rolled back later; ``unknown_commits``: those whose commits the
    repository does not have. Without a repository, leads are those that the runs have noted, of their newest commits.
    """

    since: str
    days: float
    deployments: int
    succeeded: int
    failed: int
    deployments_per_day: float
    lead_seconds: float | None
    lead_commits: int
    unknown_commits: int
    change_failure_rate: float | None
    restore_seconds: float | None
    restored: int
    not_restored: int


@dataclass(frozen=True)
class Failed:
    """A deployment that failed, and for how many seconds; None: it is not over."""

    event: Mapping[str, Any]
    seconds: float | None


def figures(
    events: Sequence[Mapping[str, Any]], days: float, now: datetime, commits: Mapping[str, Commit], kept: int
) -> tuple[list[Mapping[str, Any]], Figures]:
    """The runs of the last ``days``, newest first, and what follows from them.

    ``events`` are all that are kept, newest first, as of release_set_info; when there are ``kept`` of them, older ones
    may have been removed.
    """
    since = now - timedelta(days=days)
    if len(events) >= kept and _began(events[-1]) > since:
        since = _began(events[-1])
    shown = [event for event in events if since <= _began(event) <= now]
    span = max((now - since) / timedelta(days=1), 1e-9)
    deployed = deployments(shown)
    good = [event for event in deployed if event["outcome"] == "succeeded"]
    broken = list(failures(deployed, shown))
    repaired = [each.seconds for each in broken if each.seconds is not None]
    noted = [float(each["lead_seconds"]) for each in good if each.get("lead_seconds")]
    leads, unknown = _leads(good, commits) if commits else (noted, 0)
    return shown, Figures(
        since=_text(since),
        days=round(span, 2),
        deployments=len(deployed),
        succeeded=len(good),
        failed=len(broken),
        deployments_per_day=round(len(good) / span, 3),
        lead_seconds=median(leads) if leads else None,
        lead_commits=len(leads),
        unknown_commits=unknown,
        change_failure_rate=round(len(broken) / len(deployed), 4) if deployed else None,
        restore_seconds=median(repaired) if repaired else None,
        restored=len(repaired),
        not_restored=len(broken) - len(repaired),
    )


def deployments(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of some runs that changed an environment, or failed to."""
    return [event for event in events if event["run"] in DEPLOYMENTS and event["outcome"] != "refused"]


def read_log(text: str) -> dict[str, Commit]:
    """Commits by hash, from the lines of ``git log --format='%H %ct %P'``; other lines are left out."""
    found: dict[str, Commit] = {}
    for line in text.splitlines():
        name, _space, rest = line.partition(" ")
        time, *parents = rest.split() or [""]
        if time.isdecimal() and len(time) <= 11:
            found[name] = Commit(datetime.fromtimestamp(int(time), UTC), tuple(parents))
    return found


def failures(deployed: Iterable[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]) -> Iterator[Failed]:
    """The deployments that failed, or whose set was rolled back; ``shown``: all runs, which may have ended that."""
    for event in deployed:
        began, ended = _began(event), _ended(event)
        if event["outcome"] == "restored":
            yield Failed(event, float(event["seconds"]))
        elif event["outcome"] == "failed":
            ends = [_ended(each) for each in shown if _succeeded(each, _BACK) and _began(each) >= ended]
            yield Failed(event, (min(ends) - began).total_seconds() if ends else None)
        else:
            ends = [
                _ended(each)
                for each in shown
                if _succeeded(each, ("rollback",)) and each["from_set"] == event["to_set"] and _began(each) >= ended
            ]
            if ends:
                yield Failed(event, (min(ends) - ended).total_seconds())


def _succeeded(event: Mapping[str, Any], runs: tuple[str, ...]) -> bool:
    return event["run"] in runs and event["outcome"] == "succeeded"


def _leads(good: Iterable[Mapping[str, Any]], commits: Mapping[str, Commit]) -> tuple[list[float], int]:
    """Seconds from each new commit to the end of the deployment that brought it; deployments of unknown commits."""
    leads: list[float] = []
    unknown = 0
    for event in good:
        if not event["commit"] or not event["from_commit"]:
            continue  # the first one, or one that was not told
        last, before = _known(commits, event["commit"]), _known(commits, event["from_commit"])
        if not (last and before):
            unknown += 1
            continue
        new = _ancestors(commits, last) - _ancestors(commits, before)
        leads += [max(0.0, (_ended(event) - commits[name].time).total_seconds()) for name in new]
    return leads, unknown


def _known(commits: Mapping[str, Commit], name: str) -> str:
    """The full name of a commit, which may be given by its beginning."""
    if name in commits:
        return name
    found = [each for each in commits if each.startswith(name)] if len(name) >= 7 else []
    return found[0] if len(found) == 1 else ""


def _ancestors(commits: Mapping[str, Commit], name: str) -> set[str]:
    """With itself."""
    found: set[str] = set()
    left = [name]
    while left:
        each = left.pop()
        if each in commits and each not in found:
            found.add(each)
            left += commits[each].parents
    return found


def _began(event: Mapping[str, Any]) -> datetime:
    return _time(event["time"])


def _ended(event: Mapping[str, Any]) -> datetime:
    return _began(event) + timedelta(seconds=float(event["seconds"]))


def _time(text: str) -> datetime:
    """Anybody may have written it: what is no time is the oldest."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
