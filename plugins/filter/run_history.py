# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that tells the last runs of an environment, and the four figures of DORA."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_history
version_added: 1.0.0
short_description: The last runs of an environment, and how a team deploys
description:
  - From the runs that M(todo.cloud.release_set_info) returns with its option C(events) it makes a table and the four
    figures of DORA U(https://dora.dev/guides/dora-metrics/), as lines of text, as Markdown and as data.
  - A deployment is a run of services.yml, site.yml or promote.yml that changed something. It failed if its outcome is
    V(failed) or V(restored), or if a rollback left its set later. One that was refused before anything was changed is
    none.
  - The lead time of a change is from its commit (its merge) to the end of the deployment that brought it. It needs the
    commits of the application's repository; without them it is that of the newest commit of each deployment, where the
    run noted it.
  - The time to restore is what such a run took with its way back, or lasts from its beginning to the end of the next
    run that succeeded. After a rollback it is the time between the end of the deployment and the end of the rollback.
options:
  _input:
    description: The runs, newest first.
    type: list
    elements: dict
    required: true
  environment:
    description: Name of the environment, for the title.
    type: str
    required: true
  days:
    description: Length of the period, which ends now.
    type: float
    default: 30
  log:
    description: Output of C(git log --all --format='%H %ct %P') in the application's repository; empty for none.
    type: str
    default: ''
  now:
    description: End of the period, for example V(2026-11-30T12:00:00Z). By default the present.
    type: str
    default: ''
seealso:
  - module: todo.cloud.release_set_info
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Read the runs
  todo.cloud.release_set_info:
    environment: staging
    namespace: todo-staging
    events: 200
  register: staging

- name: Show them
  ansible.builtin.debug:
    msg: "{{ (staging.events | todo.cloud.run_history(environment='staging', days=14)).lines }}"
"""

RETURN = r"""
_value:
  description:
    - C(lines) of text, C(markdown), the C(runs) of the period, and its C(figures), with times in seconds and V(none)
      for what cannot be told.
  type: dict
  sample:
    lines:
      - "staging: 2 runs since 2026-10-31T12:00:00Z, in 30 days"
      - "deployment frequency: 0.03 a day (1 of 2 succeeded)"
      - "lead time for changes: 2 h 5 min (median of 4 commits)"
      - "change failure rate: 50 % (1 of 2)"
      - "time to restore: 45 s (median of 1)"
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.records.events import KEEP
from ansible_collections.todo.cloud.plugins.module_utils.records.history import Figures, figures, read_log
from ansible_collections.todo.cloud.plugins.module_utils.tables import columns
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import marked, page, table

_HEAD = ("began", "run", "set", "commit", "by", "outcome", "seconds", "requests failed", "why")


def run_history(
    events: Sequence[Mapping[str, Any]], environment: str, days: float = 30, log: str = "", now: str = ""
) -> dict[str, Any]:
    """Return the runs of a period and its figures.

    :param events: runs of the module release_set_info, newest first
    :param environment: name for the title
    :param days: length of the period
    :param log: output of git log, for lead times
    :param now: end of the period, the present by default
    :raises AnsibleFilterError: these are no runs, or the period is none
    """
    if not isinstance(events, list) or not all(isinstance(event, Mapping) and "outcome" in event for event in events):
        raise AnsibleFilterError("run_history: expected the events of release_set_info")
    try:
        length, end = float(days), datetime.fromisoformat(now) if now else datetime.now(UTC)
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
    except ValueError as exc:
        raise AnsibleFilterError(f"run_history: days must be a number, now a time: {exc}") from exc
    if not (math.isfinite(length) and 0 < length <= 3650):
        raise AnsibleFilterError(f"run_history: days must be more than 0, and at most 3650, not {days}")
    runs, found = figures(events, length, end, read_log(log), KEEP)
    title = f"{environment}: {len(runs)} run{'' if len(runs) == 1 else 's'} since {found.since}, in {found.days:g} days"
    said = [title, *(f"{name}: {text}" for name, text in _figures(found, bool(log)))]
    rows = [_cells(run) for run in runs]
    return {
        "lines": [*said, *(columns([_HEAD, *rows]) if rows else [])],
        "markdown": page(
            f"Deployments of {marked(environment)}",
            [marked(title), "", *table(("figure", ""), _figures(found, bool(log))), *table(_HEAD, rows)],
        ),
        "runs": [dict(run) for run in runs],
        "figures": asdict(found),
    }


def _figures(found: Figures, has_log: bool) -> list[tuple[str, str]]:
    often = f"{found.deployments_per_day:.2g} a day ({found.succeeded} of {found.deployments} succeeded)"
    lead = "unknown, without the commits of the application's repository (history_repository)"
    if not has_log and found.lead_seconds is not None:
        lead = _median(found.lead_seconds, found.lead_commits, "deployment", "") + ", of their newest commits"
    if has_log:
        lead = _median(found.lead_seconds, found.lead_commits, "commit", "no new commit was deployed")
        if found.unknown_commits:
            lead += f"; {found.unknown_commits} deployments of commits that the repository does not have are left out"
    rate = "no deployments"
    if found.change_failure_rate is not None:
        failed = found.deployments - found.succeeded
        later = found.failed - failed
        sums = f": {failed} failed, {later} {'was' if later == 1 else 'were'} rolled back later" if later > 0 else ""
        rate = f"{100 * found.change_failure_rate:.0f} % ({found.failed} of {found.deployments}{sums})"
    restore = _median(found.restore_seconds, found.restored, "failure", "" if found.failed else "nothing failed")
    pending = f"{found.not_restored} not restored yet" if found.not_restored else ""
    return [
        ("deployment frequency", often),
        ("lead time for changes", lead),
        ("change failure rate", rate),
        ("time to restore", "; ".join(text for text in (restore, pending) if text)),
    ]


def _median(seconds: float | None, number: int, of: str, without: str) -> str:
    if seconds is None:
        return without
    return f"{_duration(seconds)} (median of {number} {of}{'' if number == 1 else 's'})"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"


def _cells(run: Mapping[str, Any]) -> tuple[str, ...]:
    failed = f"{run['failed_requests']} of {run['requests']}" if run["requests"] else "-"
    why = f"{run['code']}: {run['message']}" if run["code"] else ""
    return (
        str(run["time"]),
        str(run["run"]),
        f"{run['from_set'] or '-'} -> {run['to_set'] or '-'}",
        str(run["commit"])[:12] or "-",
        str(run["who"]),
        str(run["outcome"]),
        f"{run['seconds']:.0f}",
        failed,
        "; ".join(text for text in (why, f"emergency: {run['emergency']}" if run["emergency"] else "") if text),
    )


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"run_history": run_history}
