# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A wait says what is missing."""

from __future__ import annotations

import pytest

from tests.support.shown_cluster import cluster, deployment, objects, wait


def test_reminder_of_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.todo.cloud.plugins.module_utils.rollout.progress.REMIND_SECONDS", 0.3)
    with cluster(objects("deployment-unschedulable")) as (_, kube, lines):
        wait(kube, lines, deployment("unschedulable"), timeout=1.0, graces={"unschedulable": 1e12})
    assert lines[0].startswith("unschedulable 0/1 available, 1 waiting: Unschedulable")
    assert any(
        "s of 1 s, waiting for unschedulable 0/1 available, 1 waiting: Unschedulable" in line for line in lines[1:]
    )
