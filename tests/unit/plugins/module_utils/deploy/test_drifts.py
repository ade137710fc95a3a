"""Drift in a run: left with a warning, put back, refused or ignored; and what a run costs where there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.planning.live import DRIFTED
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.support.fake_environment import A1, A2, C1, World, deployed, outcomes

WAVES = ({"components": C1}, {"api": A1})
REPORT, RESTORE, REFUSE = {"drift": OnDrift.REPORT}, {"drift": OnDrift.RESTORE}, {"drift": OnDrift.REFUSE}


def edited(world: World, kind: str = "Deployment", name: str = "api", **spec: Any) -> World:
    """Somebody changes an object, as kubectl edit does."""
    live = world.kube.objects[kind, "ns", name]
    live["spec"] = {**live.get("spec", {}), **(spec or {"paused": True})}
    fields: dict[str, Any] = {"f:spec": {f"f:{key}": {} for key in spec or {"paused": True}}}
    live["metadata"]["managedFields"] = [
        {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-11-22T10:00:00Z",
         "fieldsV1": fields},
    ]  # fmt: skip
    return world.forget()


def requests(world: World, **settings: Any) -> list[tuple[str, str]]:
    world.kube.reads.clear()
    report = world.apply(*WAVES, **settings)
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "unchanged"}
    return list(world.kube.reads)


def test_a_run_without_drift_makes_one_list_for_each_further_kind_however_many_releases_there_are() -> None:
    services = {name: {**A1, "service": True} for name in ("api", "one", "two", "three")}
    world = World()
    world.apply({"components": C1}, services)
    world.forget()

    def reads(**settings: Any) -> Counter[tuple[str, str]]:
        world.kube.reads.clear()
        assert set(outcomes(world.apply({"components": C1}, services, **settings).as_result()).values()) == {
            "unchanged"
        }
        return Counter(world.kube.reads)

    ignoring = reads(drift=OnDrift.IGNORE)
    for policy in (REPORT, RESTORE, REFUSE):
        assert reads(**policy) - ignoring == Counter({("Service", "*"): 1, ("Component", "*"): 1})
    assert world.writes() == []


@pytest.mark.parametrize(
    ("kind", "name", "release"), [("Service", "api", "api"), ("Component", "pubsub", "components")]
)
def test_an_object_that_is_no_workload_is_looked_at_as_well(kind: str, name: str, release: str) -> None:
    waves = ({"components": C1}, {"api": {**A1, "service": True}})
    world = World()
    world.apply(*waves)
    edited(world, kind, name)
    report = world.apply(*waves, **REPORT)
    rows = {row.name: row.outcome.value for row in report.rows.values()}
    assert rows == {"components": "unchanged", "api": "unchanged", release: "drifted"}
    assert f"{kind}/{name}: spec.paused is true" in report.warnings[0]
    del world.kube.objects[kind, "ns", name]
    assert f"{kind}/{name} does not exist" in world.apply(*waves, **REPORT).warnings[0]


def test_kinds_that_may_not_be_listed_or_do_not_answer_stop_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = ({"components": C1}, {"api": {**A1, "service": True}})
    world = World()
    world.apply(*waves)

    def before(verb: str, resource: Resource, name: str) -> None:
        if verb == "list" and resource.kind == "Service":
            raise Forbidden("The credentials may not list services.", 403)
        if verb == "list" and resource.kind == "Component":
            raise Unreachable("conversion webhook for dapr.io/v1alpha1, Kind=Component failed", 500)

    monkeypatch.setattr(world.kube, "before", before)
    report = world.apply(*waves, **REPORT)
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "unchanged"}
    (warning,) = report.warnings
    assert warning.startswith("Whether somebody changed objects of kind Component is not known: conversion webhook")


def test_reported_drift_is_left_and_warned_of_in_every_run_until_it_is_undone() -> None:
    world = edited(deployed())
    for _ in range(2):
        report = world.apply(*WAVES, **REPORT)
        row = report.rows["api"]
        assert (row.outcome.value, row.action) == ("drifted", "none")
        assert "Deployment/api: spec.paused is true, the release does not set it (kubectl-edit, 2026-" in row.detail
        assert [(d.path, d.by) for d in report.drift or ()] == [("spec.paused", "kubectl-edit")]
        (warning,) = report.warnings
        assert warning.startswith("api drifted: Deployment/api: spec.paused is true")
        assert (report.changed, world.writes()) == (False, [])
    live = world.kube.objects["Deployment", "ns", "api"]
    del live["spec"]["paused"], live["metadata"]["managedFields"]
    assert world.apply(*WAVES, **REPORT).warnings == []


def test_ignored_drift_is_not_looked_for() -> None:
    report = edited(deployed()).apply(*WAVES)
    assert (outcomes(report.as_result())["api"], report.drift) == ("unchanged", None)


def test_restored_drift_is_deployed_again_verified_and_recorded() -> None:
    world = edited(deployed(), replicas=1, paused=True)
    report = world.apply(*WAVES, **RESTORE)
    plan = {item.name: (item.kind.value, item.state.value, item.action.value) for item in report.plan}
    assert plan["api"] == ("drifted", "drifted", "upgrade")
    assert "spec.paused" in next(item for item in report.plan if item.name == "api").why
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "verified"}
    assert "helm upgrade api" in world.writes()
    assert "paused" not in world.kube.objects["Deployment", "ns", "api"]["spec"]
    assert (report.set, report.warnings) == (2, [])
    assert requests(world, **REPORT)


def test_refused_drift_ends_the_run_before_its_first_write() -> None:
    world = edited(deployed())
    failed = world.fails({"components": C1}, {"api": A1}, **REFUSE)
    assert failed.failure.code is Code.DRIFTED
    assert "api: Deployment/api: spec.paused is true" in failed.failure.message
    assert [each["release"] for each in failed.failure.details["problems"]] == ["api"]
    assert world.fails({"components": C1}, {"api": A2}, **REFUSE).failure.code is Code.DRIFTED
    assert world.writes() == []


def test_a_deleted_object_is_drift_and_restored() -> None:
    world = deployed()
    del world.kube.objects["Deployment", "ns", "api"]
    assert world.fails(*WAVES, **REFUSE).failure.code is Code.DRIFTED
    report = world.apply(*WAVES, **RESTORE)
    assert outcomes(report.as_result())["api"] == "verified"
    assert ("Deployment", "ns", "api") in world.kube.objects


def test_a_release_that_is_verified_although_it_drifted_is_not_the_new_normal() -> None:
    world = edited(deployed())
    world.apply({"components": C1}, {"api": A1}, drift=OnDrift.IGNORE)
    world.damage(1)  # so that everything is verified again
    report = world.apply(*WAVES, **REPORT)
    assert outcomes(report.as_result()) == {"components": "verified", "api": "drifted"}
    members = world.record(report.set).members
    assert members["api"].live == {DRIFTED: ""}
    assert "drifted" in world.apply(*WAVES, **REPORT).warnings[0]


def test_an_upgrade_names_the_drift_it_meets() -> None:
    world = edited(deployed())
    report = world.apply({"components": C1}, {"api": A2}, **RESTORE)
    changes = next(item for item in report.plan if item.name == "api").changes
    assert any("spec.paused" in change for change in changes)
    assert outcomes(report.as_result())["api"] == "verified"


def test_what_may_not_be_compared_is_a_warning_and_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    world = edited(deployed())

    def before(verb: str, resource: Resource, name: str) -> None:
        if verb == "try":
            raise Forbidden("The credentials may not patch deployments.", 403)

    monkeypatch.setattr(world.kube, "before", before)
    report = world.apply(*WAVES, **REFUSE)
    assert outcomes(report.as_result())["api"] == "unchanged"
    assert "could not be compared" in report.warnings[0]


def test_the_status_shows_it() -> None:
    world = deployed()
    assert set_info(world.kube, "ns", "staging", status=True)["status"]["api"]["drift"] == []
    edited(world)
    (found,) = set_info(world.kube, "ns", "staging", status=True)["status"]["api"]["drift"]
    assert found.startswith("Deployment/api: spec.paused is true")


def test_a_record_of_an_older_version_asks_nothing() -> None:
    world = edited(deployed())
    record = world.record(1)
    assert list(record.members["api"].live) == ["apps/v1 Deployment"]
    older = {name: replace(member, live={}) for name, member in record.members.items()}
    world.kube.put(CONFIG_MAP, "ns", pack(replace(record, members=older)))
    assert "live.json" not in world.kube.objects["ConfigMap", "ns", "release-set-1"]["binaryData"]
    assert ("Deployment", "api") not in requests(world, **REPORT)
