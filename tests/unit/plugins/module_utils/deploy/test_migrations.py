"""Migrations: once per version, never two at once, not undone; what fails or hangs leaves the service alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import migrations
from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Report
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import decode, encode, secret_name
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import JOB, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.adopt import Adoption
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info

from tests.support.fake_environment import CHART, World, fitting, outcomes
from tests.support.fake_helm import LONG_AGO
from tests.support.stored_releases import store


def deploy(world: World, tag: str, values: dict[str, Any] | None = None, **settings: Any) -> Report:
    """The service api at a version, with its migrations; ``migrations`` among the settings: what differs in them."""
    said = {"command": ["migrate", "up"]} | settings.pop("migrations", {})
    raw = {"name": "api", "namespace": "ns", "chart": CHART, "values": {"image": f"r/api:{tag}", **(values or {})}}
    waves = parse_waves([[{**raw, "migrations": said}]], "ns")
    return fitting("release_apply", apply_releases(world.run(all_releases=("api",), **settings), waves))


def migrated(*tags: str, **settings: Any) -> World:
    world = World()
    for tag in tags:
        deploy(world, tag, **settings)
    return world.forget()


def failing(world: World, tag: str, **settings: Any) -> TodoCloudError:
    with pytest.raises(TodoCloudError) as caught:
        deploy(world, tag, **settings)
    return caught.value


def test_it_runs_before_its_service_and_is_recorded_with_it() -> None:
    world = World()
    report = deploy(world, "v1")
    assert world.helm.commands == ["upgrade api-migration", "upgrade api"]
    assert outcomes(report.as_result()) == {"api-migration": "verified", "api": "verified"}
    assert [m.migration for m in world.record(1).members.values()] == ["", "api"]
    assert report.plan[0].why == "runs 'migrate up' once, before api"


def test_after_means_after() -> None:
    world = migrated("v1")
    deploy(world, "v2", migrations={"when": "after"})
    assert world.helm.commands == ["upgrade api", "upgrade api-migration"]


def test_nothing_changed_nothing_runs() -> None:
    world = migrated("v1")
    report = deploy(world, "v1")
    assert (report.changed, world.writes()) == (False, [])


def test_another_variable_deploys_the_service_and_does_not_migrate() -> None:
    world = migrated("v1")
    deploy(world, "v1", {"env": {"A": "1"}})
    assert world.helm.commands == ["upgrade api"]


@pytest.mark.parametrize(
    ("tag", "said"), [("v2", {}), ("v1", {"command": ["migrate", "on"]}), ("v1", {"image": "r/m:v1"})]
)
def test_another_image_or_command_runs(tag: str, said: dict[str, Any]) -> None:
    world = migrated("v1")
    deploy(world, tag, migrations=said)
    assert "upgrade api-migration" in world.helm.commands
    assert len(world.helm.jobs) == 2


def test_what_fails_leaves_the_service_alone_and_runs_again() -> None:
    world = migrated("v1")
    failed = failing(world, "v1", migrations={"image": "r/m:bad"})
    assert failed.failure.code is Code.JOB_FAILED
    assert failed.failure.message.endswith(
        "; its wave was not touched; what the migration did until then is not undone."
    )
    assert world.helm.commands == ["upgrade api-migration"]
    failing(world, "v1", migrations={"image": "r/m:bad"})
    assert world.helm.jobs[1] == world.helm.jobs[2], "the Job that failed gave way to another try"


def test_a_failed_one_is_not_undone_by_going_back_to_the_version_before() -> None:
    world = migrated("v1")
    failing(world, "bad")
    world.forget()
    deploy(world, "v1")
    assert world.writes() == []


def test_what_was_verified_stays_known_though_another_one_failed_since() -> None:
    world = migrated("v1")
    failing(world, "v1", migrations={"image": "r/m:bad"})
    world.apply({"web": {"image": "r/web:v1"}}, all_releases=("api", "web"))
    member = world.record(2).members["api-migration"]
    assert (member.revision, world.record(2).missing) == (1, {})


def test_the_version_before_does_not_migrate_again() -> None:
    world = migrated("v1", "v2")
    deploy(world, "v1")
    assert world.helm.commands == ["upgrade api"]


def test_a_rollback_takes_the_service_back_and_says_that_the_data_stay() -> None:
    world = migrated("v1", "v2")
    report = world.rollback()
    assert world.helm.commands == ["rollback api"]
    assert outcomes(report.as_result()) == {"api": "restored"}
    assert any(
        "api-migration (revision 2) ran since release set 1 and is not undone" in text for text in report.warnings
    )
    assert world.record(3).members["api-migration"].revision == 2
    deploy(world.forget(), "v2")
    assert world.helm.commands == ["upgrade api"], "and forward again it does not run a second time"


def test_no_rollback_below_one_that_cannot_be_undone() -> None:
    world = migrated("v1", "v2", migrations={"reversible": False})
    with pytest.raises(TodoCloudError) as caught:
        world.rollback()
    assert caught.value.failure.code is Code.ROLLBACK_REFUSED
    assert (
        "the migration api-migration (revision 2) cannot be undone (reversible: false)" in caught.value.failure.message
    )
    assert world.writes() == []


def test_the_first_one_that_cannot_be_undone_does_not_bar_its_own_version() -> None:
    world = migrated("v1", migrations={"reversible": False})
    deploy(world, "v1", {"env": {"A": "1"}}, migrations={"reversible": False})
    world.rollback()
    assert world.helm.commands == ["upgrade api", "rollback api"]


def test_a_wave_that_fails_after_one_that_cannot_be_undone_is_kept() -> None:
    world = migrated("v1", migrations={"reversible": False})
    failed = failing(world, "bad", migrations={"reversible": False, "image": "r/m:v2"})
    assert "everything is kept as it is, since the migration api-migration (revision 2)" in failed.failure.message


def test_a_wave_that_fails_is_taken_back_without_its_migration() -> None:
    world = migrated("v1")
    failing(world, "bad", migrations={"image": "r/m:v2"})
    assert world.helm.commands == ["upgrade api-migration", "upgrade api", "rollback api"]
    assert world.record(2).members["api-migration"].revision == 2


def test_a_killed_run_goes_on_with_its_job() -> None:
    world = migrated("v1")
    deploy(world, "v2")
    number = world.live("api-migration").revision
    store(
        world.kube,
        "api-migration",
        number,
        "pending-upgrade",
        created=LONG_AGO,
        labels=world.run().storage.history("api-migration")[-1].labels,
        config=dict(world.live("api-migration").config),
    )
    del world.kube.objects["ConfigMap", "ns", "release-set-2"]
    started = list(world.helm.jobs)
    deploy(world.forget(), "v2")
    assert world.helm.jobs == started, "the Job that ran is taken, not made again"


def put_job(world: World, job: str, **more: Any) -> None:
    """One of an earlier version, which Helm stores, unless ``more`` says otherwise: status, stored, metadata."""
    notes = {"meta.helm.sh/release-name": "api-migration", "meta.helm.sh/release-namespace": "ns"}
    about = {"name": job, "labels": {"app.kubernetes.io/instance": "api-migration"}, "annotations": notes}
    world.kube.put(JOB, "ns", {"metadata": {**about, **more.get("metadata", {})}, "status": more.get("status", {})})
    if more.get("stored", True):
        secret = world.kube.objects["Secret", "ns", secret_name("api-migration", 1)]
        raw = decode(secret["data"]["release"])
        raw["manifest"] += f"\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {job}}}\n"
        world.kube.put(SECRET, "ns", {**secret, "data": {"release": encode(raw)}})


@pytest.mark.parametrize(
    "foreign",
    [
        {"metadata": {"annotations": {}}},
        {"metadata": {"ownerReferences": [{"kind": "CronJob", "name": "c", "uid": "u", "controller": True}]}},
        {"stored": False},
    ],
    ids=["labels", "a CronJob's", "a copy"],
)
def test_jobs_of_others_with_the_same_labels_are_neither_waited_for_nor_judged(
    foreign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = migrated("v0", "v1")
    put_job(world, "at-work", status={"active": 1}, **foreign)
    put_job(world, "failed", status={"conditions": [{"type": "Failed", "status": "True"}]}, **foreign)
    for key in [key for key in world.kube.objects if key[0] == "ConfigMap"]:
        del world.kube.objects[key]
    started = list(world.helm.jobs)
    deploy(world.forget(), "v1")
    assert world.helm.jobs == started, "a migration does not run again since somebody else's Job failed"
    assert set_info(world.kube, "ns", "staging", status=True)["status"]["api-migration"]["state"] == "Current"
    patch_sleep(monkeypatch, lambda _seconds: pytest.fail("it waits for somebody else's Job"))
    deploy(world, "v2")
    assert {("Job", "ns", "at-work"), ("Job", "ns", "failed")} <= world.kube.objects.keys()


def patch_sleep(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """Of the wait for earlier Jobs alone: the wait for the rollout sleeps too."""
    monkeypatch.setattr(f"{migrations.__name__}.time", SimpleNamespace(sleep=sleep))


def test_one_of_another_version_that_is_still_at_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = migrated("v1")
    put_job(world, "api-migration-old", status={"active": 1})

    def ends(_seconds: float) -> None:
        assert world.helm.commands == []
        done = {"conditions": [{"type": "Complete", "status": "True"}]}
        world.kube.objects["Job", "ns", "api-migration-old"]["status"] = done

    patch_sleep(monkeypatch, ends)
    deploy(world, "v2")
    assert world.helm.commands == ["upgrade api-migration", "upgrade api"]
    assert "api-migration: waiting until Job api-migration-old of an earlier run is gone or has ended" in world.lines


def test_one_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world = migrated("v1")
    put_job(world, "api-migration-old")
    monkeypatch.setattr("ansible_collections.todo.cloud.plugins.module_utils.kube.deadline.Deadline.expired", True)
    failed = failing(world, "v2")
    assert "Job api-migration-old of an earlier run is still at work, so it was not run again" in failed.failure.message
    assert world.helm.commands == []


def test_the_status_says_how_it_ended() -> None:
    world = migrated("v1")
    failing(world, "v1", migrations={"image": "r/m:bad"})
    found = set_info(world.kube, "ns", "staging", status=True)
    row = found["status"]["api-migration"]
    assert (row["state"], row["verified"]) == ("Failed", False)
    assert row["message"].startswith("migration of api: Job api-migration-")
    assert row["message"].endswith(" failed")
    deploy(world, "v2")
    found = set_info(world.kube, "ns", "staging", status=True)
    assert (found["current"], found["status"]["api-migration"]["state"]) == (2, "Current")


def test_one_that_hangs_is_stopped_and_named() -> None:
    world = migrated("v1")
    put_job(world, "copy-for-a-look", status={"active": 1}, stored=False)
    failed = failing(world, "v1", migrations={"image": "r/m:hangs", "timeout": 1})
    assert ("Job", "ns", "copy-for-a-look") in world.kube.objects
    name = world.helm.jobs[-1]
    assert "; it was stopped; its wave was not touched" in failed.failure.message
    assert ("Job", "ns", name) not in world.kube.objects
    assert world.helm.commands == ["upgrade api-migration"]


def test_what_is_adopted_did_not_migrate_here() -> None:
    world = World()
    world.manual("api", {"image": "r/api:v1"})
    raw = {"name": "api", "namespace": "ns", "chart": CHART, "values": {"image": "r/api:v1"}}
    report = Adoption(world.run(), parse_waves([[{**raw, "migrations": {"command": ["up"]}}]], "ns")).run()
    assert list(report.rows) == ["api"]


def test_an_earlier_image_says_that_the_data_stay() -> None:
    world = migrated("v1", "v2")
    report = ImageRollback(world.run(), ["api"], "v1").run()
    assert world.helm.commands == ["upgrade api"]
    assert "api: its migration api-migration is neither undone nor run by this." in report.warnings


def test_it_stays_as_long_as_its_service_does() -> None:
    world = migrated("v1")
    world.apply({"api": {"image": "r/api:v1"}}, all_releases=("api",), prune=True)
    assert "uninstall api-migration" not in world.helm.commands
    world.apply({"web": {"image": "r/web:v1"}}, all_releases=("web",), prune=True)
    assert {"uninstall api-migration", "uninstall api"} <= set(world.helm.commands)
