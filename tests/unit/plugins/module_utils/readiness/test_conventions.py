# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the conventions of the field make of kinds that nobody wrote a rule for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.conventions import (
    by_convention,
    reports_nothing,
    state_of_word,
)
from ansible_collections.todo.cloud.plugins.module_utils.readiness.kinds import status_of


def custom(status: Any = None, spec: dict[str, Any] | None = None, kind: str = "Widget", **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "example.org/v1", "kind": kind, "metadata": {"name": "w", "generation": 2, **meta},
            "spec": spec or {}, "status": status}  # fmt: skip


def conditions(*entries: str, **more: Any) -> dict[str, Any]:
    """``Ready=False:NoDisk:it is full``."""
    found = []
    for entry in entries:
        kind, _, rest = entry.partition("=")
        status, reason, message = (*rest.split(":"), "", "")[:3]
        found.append({"type": kind, "status": status, "reason": reason, "message": message, **more})
    return {"conditions": found}


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ("Current", conditions("Ready=True")),
        ("Current", conditions("Available=True:MinimumReplicasAvailable", "Progressing=True:NewReplicaSetAvailable")),
        ("Current", conditions("Ready=True", "Degraded=False", "CacheWarm=False")),
        ("Current", conditions("Accepted=True", "ResolvedRefs=True")),
        ("Current", conditions("Ready=True", "BackupReady=False:NoBackupYet")),
        ("InProgress", conditions("Ready=Unknown:Anything")),
        ("InProgress", conditions("Ready=False:Provisioning")),
        ("InProgress", conditions("Ready=False:WaitingForStorage:volume is not there")),
        ("InProgress", conditions("Ready=False:NotAllPodsReady")),
        ("InProgress", conditions("Ready=False")),
        ("InProgress", conditions("Ready=False", severity="Info")),
        ("InProgress", conditions("Ready=True", "Reconciling=True")),
        ("InProgress", conditions("Available=True", "Progressing=True:Deploying")),
        ("InProgress", conditions("Registered=True")),
        ("InProgress", {"conditions": []}),
        ("Failed", conditions("Ready=False:InitdbFailed:no space left on device")),
        ("Failed", conditions("Ready=False::failed to create the tenant")),
        ("Failed", conditions("Ready=False:Whatever", severity="Error")),
        ("Failed", conditions("Ready=True", "Degraded=True:DiskFull")),
        ("Failed", conditions("Stalled=True:NoSuchChart")),
        ("Failed", conditions("Ready=False:FetchFailed", "Reconciling=True:ProgressingWithRetry")),
        ("Failed", conditions("Available=True", "Progressing=False:ProgressDeadlineExceeded")),
        ("Failed", conditions("Complete=True:JobFailed")),
        ("Suspended", conditions("Ready=True", "Paused=True")),
        # Ansible operators
        ("Current", conditions("Running=True:Successful:Awaiting", "Successful=True", "Failure=False")),
        ("InProgress", conditions("Running=True:Running:Running reconciliation", "Failure=False")),
        ("Failed", conditions("Running=False:Failed", "Failure=True:Failed:no such role")),
        ("InProgress", {"conditionedStatus": conditions("Ready=False:Creating")}),
        ("Current", {"conditionedStatus": conditions("Ready=True")}),
        ("InProgress", {"readyToUse": False}),
        ("InProgress", {"ready": True, "healthy": False}),
        ("Current", {"healthy": True}),
        ("Failed", {"error": {"message": "no such snapshot class"}}),
        ("Failed", {"state": "canceled"}),
        ("Current", {"state": "Exists"}),
        ("InProgress", {"currentStatus": "NotReconciled"}),
        ("Failed", {"currentStatus": "invalid"}),
        ("Current", {"phase": "Running"}),
        ("InProgress", {"phase": "Provisioning", **conditions("Ready=True")}),
        ("InProgress", {"phase": "Frobnicating"}),
        ("Failed", {"state": "SyncFailed"}),
        ("Current", {"state": {"phase": "Completed", "message": "done"}}),
        ("Failed", {"lastOperationState": {"state": "Error"}}),
        ("Failed", {"DatabaseClusterStatus": "UpdateFailed"}),
        ("InProgress", {"phase": "Bound", "lastOperationStatus": "Progressing"}),
        ("Current", {"phase": "Ready", "desiredState": "Stopped"}),
        ("Failed", {"failureMessage": "the machine is gone", "ready": False}),
        ("InProgress", {"ready": False}),
        ("InProgress", {"ready": "false"}),
        ("InProgress", {"ready": "2/3"}),
        ("Current", {"ready": "3/3"}),
        ("Current", {"ready": "True"}),
        ("Current", {"ready": True}),
        ("InProgress", {"observedGeneration": 1, "phase": "Ready"}),
        ("InProgress", {"observedGeneration": "1", "phase": "Ready"}),
        ("InProgress", conditions("Ready=True", observedGeneration=1)),
        ("Current", {"observedGeneration": 2}),
        ("InProgress", None),
        ("InProgress", {}),
        ("InProgress", {"revision": 0, "conditions": None}),
    ],
)  # fmt: skip
def test_status(expected: str, status: Any) -> None:
    found = status_of(custom(status))
    assert found.state == expected, found


def test_its_own_words_are_the_message() -> None:
    found = status_of(custom({"phase": "Failed", **conditions("Ready=False:InitdbFailed:no space left on device")}))
    assert found.message == "InitdbFailed: no space left on device"
    assert status_of(custom({"phase": "Failed", "message": "quota is used up"})).message == "Failed: quota is used up"


def test_it_says_nothing_that_is_known() -> None:
    found = status_of(custom({"lastSeen": "2026-01-01T00:00:00Z"}))
    assert (found.state, found.judged, found.message) == ("Current", False, "exists, not judged")


def test_a_kind_without_a_status_subresource_is_not_waited_for() -> None:
    assert not status_of(custom(), reports=False).judged
    assert status_of(custom(), reports=False).state == "Current"
    assert status_of(custom(conditions("Ready=False:DiskFailed")), reports=False).state == "Failed"


def test_suspended_by_its_own_spec_is_nothing_to_wait_for() -> None:
    found = status_of(custom(conditions("Ready=False:DiskFailed"), {"suspend": True}))
    assert found.state == "Suspended"
    assert found.done
    assert not status_of(custom(conditions("Paused=True"))).done


def test_an_operator_may_mend_a_failure_within_its_grace() -> None:
    assert status_of(custom({"phase": "Failed"})).grace == "resource_failed"


def test_what_is_being_deleted_is_not_ready() -> None:
    found = status_of(custom(conditions("Ready=True"), deletionTimestamp="2026-01-01T00:00:00Z"))
    assert (found.state, found.message) == ("InProgress", "being deleted")


@pytest.mark.parametrize(
    ("expected", "spec", "status"),
    [
        ("Current", {"replicas": 3}, {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 3}),
        ("InProgress", {"replicas": 3}, {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3}),
        ("InProgress", {"replicas": 3}, {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 1}),
        ("InProgress", {"replicas": 3}, {"replicas": 3}),
        ("Suspended", {"replicas": 4, "updateStrategy": {"rollingUpdate": {"partition": "50%"}}},
         {"replicas": 4, "readyReplicas": 4, "updatedReplicas": 2}),
        ("InProgress", {"replicas": 4, "updateStrategy": {"rollingUpdate": {"partition": 2}}},
         {"replicas": 4, "readyReplicas": 4, "updatedReplicas": 1}),
        ("Suspended", {"replicas": 2, "updateStrategy": {"paused": True}}, {"replicas": 2, "readyReplicas": 2}),
        ("Current", {}, {"desiredNumberScheduled": 2, "numberReady": 2, "updatedNumberScheduled": 2}),
        ("InProgress", {}, {"desiredNumberScheduled": 2, "numberReady": 1, "updatedNumberScheduled": 2}),
    ],
)  # fmt: skip
def test_counts_of_workloads(expected: str, spec: dict[str, Any], status: dict[str, Any]) -> None:
    assert status_of(custom(status, spec, kind="StatefulSet")).state == expected


def parent(name: str, *entries: str, generation: int = 2, controller: str = "a") -> dict[str, Any]:
    return {"parentRef": {"name": name}, "controllerName": controller,
            **conditions(*entries, observedGeneration=generation)}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "parents"),
    [
        ("Current", [parent("eg", "Accepted=True", "ResolvedRefs=True")]),
        ("InProgress", [parent("eg", "Accepted=True"), parent("other", "Accepted=Unknown:Pending", controller="b")]),
        ("Failed", [parent("eg", "Accepted=True", "ResolvedRefs=False:BackendNotFound")]),
        ("InProgress", [parent("eg", "Accepted=True", generation=1)]),
        ("Current", [parent("old", "Accepted=False:NoMatchingParent", generation=1), parent("eg", "Accepted=True")]),
        ("InProgress", [{"parentRef": {"name": "eg"}, "conditions": []}]),
    ],
)
def test_gateway_api(expected: str, parents: list[dict[str, Any]]) -> None:
    found = status_of(custom({"parents": parents}, {"parentRefs": [{"name": "eg"}, {"name": "other"}]}))
    assert found.state == expected, found


def test_a_route_names_the_parent_that_refuses_it() -> None:
    found = status_of(custom({"parents": [parent("eg", "Accepted=False:NotAllowedByListeners:no listener matches")]}))
    assert found.message == "eg: NotAllowedByListeners: no listener matches"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Running", "Current"), ("Installed", "Current"), ("Uninstalling", "InProgress"), ("ImportFailed", "Failed"),
        ("in progress", "InProgress"), ("NOT_READY", "InProgress"), ("Uninitialized", "InProgress"),
        ("paused", "Suspended"), ("unavailable", "InProgress"),
        ("Unhealthy", "Failed"), ("Inactive", "Suspended"), ("", "InProgress"),
    ],
)  # fmt: skip
def test_words(word: str, expected: str) -> None:
    assert state_of_word(word) == expected


def test_running_is_under_way_for_what_runs_to_an_end() -> None:
    assert state_of_word("Running", "PipelineRun") == "InProgress"
    assert state_of_word("Running", "Cluster") == "Current"


@pytest.mark.parametrize(
    "status",
    [
        {"conditions": "none"}, {"conditions": [None, 3, "x"]}, {"conditions": {"Ready": True}},
        {"parents": [{"conditions": 4}]},
        {"phase": {"name": "Ready"}}, {"replicas": "three"}, {"conditions": [{"type": None, "status": None}]},
        {"conditions": [{"type": ["Ready"], "status": {}}]}, {"parents": {"a": 1}}, {"observedGeneration": "x"},
    ],
)  # fmt: skip
def test_odd_statuses_are_read_without_an_error(status: Any) -> None:
    status_of(custom(status, {"replicas": "two", "updateStrategy": 3, "parentRefs": "x"}))
    by_convention(custom(status))
    assert not reports_nothing(custom(status)) or status


@pytest.mark.parametrize("status", ["Ready", ["x"], 3])
def test_a_status_that_is_no_map_says_nothing(status: Any) -> None:
    assert status_of(custom(status)).state == "InProgress"


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"instances": 3}, {"readyInstances": 2}, "InProgress"),
        ({"instances": 3}, {"readyReplicas": 3}, "Current"),
        ({"members": 3}, {"readyMembers": 1}, "InProgress"),
        ({"replicas": 2, "instances": 9}, {"readyReplicas": 2}, "Current"),
        ({"members": ["a", "b"]}, {"readyMembers": 1}, "Current"),
    ],
)
def test_counts_by_other_names(spec: dict[str, Any], status: dict[str, Any], expected: str) -> None:
    assert status_of(custom(status, spec)).state == expected
