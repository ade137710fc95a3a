# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a pod that is ready counts."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp
from ansible_collections.todo.cloud.plugins.module_utils.readiness.pods import seconds_to_settle

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
