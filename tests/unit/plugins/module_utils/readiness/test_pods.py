# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a pod that is ready counts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp
from ansible_collections.todo.cloud.plugins.module_utils.readiness.pods import never_served, seconds_to_settle

from tests.support.states import objects


@pytest.mark.parametrize(
    ("name", "ready_for", "stability", "left"),
    [
        ("pod-running", 0.0, 3.0, 9.0),  # no readiness probe: three times
        ("pod-running", 8.9, 3.0, 0.6),  # its whole seconds are taken for half a second later
        ("pod-running", 20.0, 3.0, 0.0),
        ("pod-running", 0.0, 0.0, 0.0),
        ("pod-restarted-and-running", 0.0, 0.0, 2.0),  # must outlive its last run, which took 2 s
    ],
)
def test_seconds_until_ready_counts(name: str, ready_for: float, stability: float, left: float) -> None:
    pod = objects(name)[0]
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    for entry in pod["status"]["conditions"]:
        entry["lastTransitionTime"] = started
    now = (timestamp(started) or 0.0) + ready_for
    assert seconds_to_settle(pod, now, stability) == pytest.approx(left)


def test_a_quick_liveness_probe_is_outlived_a_slow_one_is_not_sat_out() -> None:
    pod = objects("pod-running")[0]
    container = pod["spec"]["containers"][0]
    container["readinessProbe"] = {"exec": {}}
    container["livenessProbe"] = {"periodSeconds": 1, "failureThreshold": 2}
    before = 0.0  # server time before the pod began: nothing has passed yet
    assert seconds_to_settle(pod, before, 0.0) == 3.0
    container["livenessProbe"] = {"periodSeconds": 30}
    assert seconds_to_settle(pod, before, 0.0) == 0.0


def at(seconds: int) -> str:
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"


def unready(changed: int | None, *runs: dict[str, Any], phase: str = "Running", restarts: int = 0) -> dict[str, Any]:
    """A pod that started at 0 s, and is not ready since ``changed``; its container's runs, the newest one first."""
    keys = ("state", "lastState")
    report = {"name": "app", "restartCount": restarts, **dict(zip(keys, runs, strict=False))}
    ready = [] if changed is None else [{"type": "Ready", "status": "False", "lastTransitionTime": at(changed)}]
    status = {"phase": phase, "startTime": at(0), "conditions": ready, "containerStatuses": [report]}
    return {"spec": {"containers": [{"name": "app"}]}, "status": status}


def ended(start: int, end: int) -> dict[str, Any]:
    return {"terminated": {"startedAt": at(start), "finishedAt": at(end)}}


WAITING: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(("pod", "never"), [
    (unready(0, WAITING), True),  # its image is not there
    (unready(None, WAITING, phase="Pending"), True),  # no node takes it
    (unready(0, {"running": {"startedAt": at(2)}}), True),
    (unready(0, WAITING, ended(300, 301), restarts=5), True),
    (unready(307, WAITING, ended(300, 307), restarts=5), True),  # without a probe it is ready while it runs
    (unready(307, {"running": {"startedAt": at(400)}}, ended(300, 307), restarts=5), True),
    (unready(900, {"running": {"startedAt": at(2)}}), False),  # its probe fails by now
    (unready(900, WAITING, ended(2, 900), restarts=1), False),  # it served, and crashed
    (unready(900, WAITING, ended(950, 951), restarts=2), False),
    (unready(0, WAITING, restarts=3), True),
    (unready(None, WAITING, ended(1, 2), restarts=1), False),  # who knows
    (unready(0, WAITING, phase="Failed"), False),  # its controller replaces it
])  # fmt: skip
def test_what_never_served(pod: dict[str, Any], never: bool) -> None:
    assert never_served(pod) is never


@pytest.mark.parametrize(("name", "never"), [("statefulset-rolled-back-blocked", True), ("pod-running", False)])
def test_captured_pods_that_never_served(name: str, never: bool) -> None:
    pod = next(item for item in objects(name) if item["kind"] == "Pod")
    assert never_served(pod) is never
