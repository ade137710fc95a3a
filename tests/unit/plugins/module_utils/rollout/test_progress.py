# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A wait says what is missing."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judgement
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State, Status
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import Symptom
from ansible_collections.todo.cloud.plugins.module_utils.rollout.progress import line

from tests.support.shown_cluster import cluster, deployment, objects, wait


def test_reminder_of_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.todo.cloud.plugins.module_utils.rollout.progress.REMIND_SECONDS", 0.3)
    with cluster(objects("deployment-unschedulable")) as (_, kube, lines):
        wait(kube, lines, deployment("unschedulable"), timeout=2.0, graces={"unschedulable": 1e12})
    assert lines[0].startswith("unschedulable 0/1 available, 1 waiting: Unschedulable")
    assert any(
        "s of 2 s, waiting for unschedulable 0/1 available, 1 waiting: Unschedulable" in line for line in lines[1:]
    )


@pytest.mark.parametrize(
    ("reason", "probe"), [("NotStarted", "startup"), ("StartupProbeKilled", "startup"), ("Unready", "readiness")]
)
def test_what_a_probe_is_answered_is_in_the_line(reason: str, probe: str) -> None:
    symptom = Symptom(Code.NOT_READY, "not_ready", reason, "HTTP 404", "web-1", container="web")
    judgement = Judgement(Status(State.IN_PROGRESS, "0/1 available"), waiting=((symptom, 36.0),))
    said = line(deployment("web"), judgement)
    assert said == f"web 0/1 available, 1 waiting: {reason} ({probe} probe: HTTP 404) 36 s"
