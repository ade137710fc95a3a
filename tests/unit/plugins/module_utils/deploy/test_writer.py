"""Helm calls: verified by the history, retried only after it was read again, stopped by foreign work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import writer as writer_module
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun, Run
from ansible_collections.todo.cloud.plugins.module_utils.deploy.writer import ReleaseWriter
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import OWNER, HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Check, always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
SPEC = ReleaseSpec.parse({"name": "api", "namespace": "ns", "chart": CHART, "values": {"text": "x"}})


def fault(transient: bool) -> HelmError:
    return HelmError(Failure(Code.UNREACHABLE if transient else Code.CHART_INVALID, "api: no."), transient=transient)


def fails(transient: bool, leaves: str = "", labels: Mapping[str, str] | None = None) -> Callable[..., None]:
    """A call that ends in an error and leaves a revision of that status behind."""

    def step(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        if leaves:
            store(kube, request.name, number, leaves, labels=request.labels if labels is None else labels)
        raise fault(transient)

    return step


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_PAUSE_SECONDS", 0.0)


def make(kube: FakeKube, helm: FakeHelm, check: Check = always_allowed) -> ReleaseWriter:
    run = Run(kube, helm, Settings("staging", "ns"), lambda line: None, "a test")
    return ReleaseWriter(LockedRun(run, check))


def mend(kube: FakeKube, action: Action, helm: FakeHelm | None = None) -> None:
    """Until nothing has to be done before the next step."""
    make(kube, helm or FakeHelm(kube)).settle("api", action, lambda history: Action.NONE)


def soon() -> Deadline:
    return Deadline.after(60)


def statuses(kube: FakeKube) -> list[str]:
    return [r.status.value for r in HelmReader(kube, "ns").history("api")]


def test_apply_verifies_its_revision() -> None:
    kube = FakeKube()
    helm = FakeHelm(kube)
    first = make(kube, helm).apply(SPEC, {}, soon())
    second = make(kube, helm).apply(SPEC, {}, soon())
    assert (first.action, first.was, first.now) == (Action.INSTALL, 0, 1)
    assert (second.action, second.was, second.now) == (Action.UPGRADE, 1, 2)
    labels = HelmReader(kube, "ns").history("api")[-1].labels
    assert labels["todo.cloud/revision"] == "2"


@pytest.mark.parametrize("leaves", ["", "failed", "pending-upgrade"])
def test_a_passing_fault_is_retried_after_the_history_was_read(leaves: str) -> None:
    kube = FakeKube()
    store(kube, revision=1)
    helm = FakeHelm(kube, fails(True, leaves))
    done = make(kube, helm).apply(SPEC, {}, soon())
    assert helm.commands == ["upgrade api"] * 2
    assert (done.was, done.now) == (1, 3 if leaves else 2)
    assert statuses(kube)[-1] == "deployed"
    if leaves:
        assert statuses(kube)[1] == "failed", "no entry stays pending"


def test_an_end_that_helm_could_not_record_is_a_passing_fault() -> None:
    """Helm's install says that all is well when only its last write was refused."""
    kube = FakeKube()

    def unrecorded(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        store(kube, request.name, number, "pending-install", labels=request.labels)

    helm = FakeHelm(kube, unrecorded)
    done = make(kube, helm).apply(SPEC, {}, soon())
    assert (done.was, done.now) == (0, 2)
    assert statuses(kube) == ["failed", "deployed"]


def test_a_call_whose_answer_was_lost_is_not_made_again() -> None:
    kube = FakeKube()
    helm = FakeHelm(kube, fails(True, "deployed"))
    assert make(kube, helm).apply(SPEC, {}, soon()).now == 1
    assert helm.commands == ["upgrade api"]


def test_a_final_answer_is_not_retried_and_leaves_nothing_pending() -> None:
    kube = FakeKube()
    helm = FakeHelm(kube, fails(False, "pending-install"))
    with pytest.raises(TodoCloudError) as caught:
        make(kube, helm).apply(SPEC, {}, soon())
    assert caught.value.failure.code is Code.CHART_INVALID
    assert helm.commands == ["upgrade api"]
    assert statuses(kube) == ["failed"]


def test_a_fault_that_leaves_revisions_is_given_up() -> None:
    """They would push good ones out of Helm's history."""
    kube = FakeKube()
    helm = FakeHelm(kube, *[fails(True, "failed")] * 10)
    with pytest.raises(TodoCloudError) as caught:
        make(kube, helm).apply(SPEC, {}, soon())
    assert caught.value.failure.code is Code.UNREACHABLE
    assert len(helm.commands) == 6


def test_a_fault_that_leaves_nothing_is_gone_through_until_the_deadline() -> None:
    kube = FakeKube()
    helm = FakeHelm(kube, *[fails(True)] * 12)
    done = make(kube, helm).apply(SPEC, {}, soon())
    assert (done.was, done.now) == (0, 1)
    assert len(helm.commands) == 13


def test_an_uninstall_goes_on_after_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()
    helm, real = FakeHelm(kube), FakeHelm.uninstall
    faults = [fault(True), fault(True)]

    def uninstall(name: str, namespace: str, timeout: int = 300) -> None:
        if faults:
            raise faults.pop()
        real(helm, name, namespace, timeout=timeout)

    monkeypatch.setattr(helm, "uninstall", uninstall)
    make(kube, helm).uninstall("api")
    assert helm.commands == ["uninstall api"]


def test_nothing_is_tried_again_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_PAUSE_SECONDS", 1.0)
    kube = FakeKube()
    helm = FakeHelm(kube, *[fails(True)] * 10)
    with pytest.raises(TodoCloudError):
        make(kube, helm).apply(SPEC, {}, Deadline.after(0))
    assert len(helm.commands) == 1


def two_at_once(kube: FakeKube, request: ApplyRequest, number: int) -> None:
    store(kube, request.name, number, "superseded", labels=request.labels)
    store(kube, request.name, number + 1, labels={})


def instead_of_ours(kube: FakeKube, request: ApplyRequest, number: int) -> None:
    store(kube, request.name, number, labels={})


@pytest.mark.parametrize("step", [two_at_once, instead_of_ours])
def test_a_foreign_revision_stops_the_run(step: Callable[..., None]) -> None:
    kube = FakeKube()
    with pytest.raises(TodoCloudError, match="somebody else writes this release") as caught:
        make(kube, FakeHelm(kube, step)).apply(SPEC, {}, soon())
    assert caught.value.failure.code is Code.FOREIGN_REVISION


def test_a_foreign_revision_after_a_fault_stops_the_run_too() -> None:
    kube = FakeKube()

    def both(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        store(kube, request.name, number, "failed", labels=request.labels)
        store(kube, request.name, number + 1, labels={})
        raise fault(True)

    with pytest.raises(TodoCloudError) as caught:
        make(kube, FakeHelm(kube, both)).apply(SPEC, {}, soon())
    assert caught.value.failure.code is Code.FOREIGN_REVISION


def test_a_lost_lock_stops_before_the_call() -> None:
    kube = FakeKube()
    helm = FakeHelm(kube)

    def lost(sure: bool = True) -> None:
        raise error(Code.LOCK_LOST, "lost")

    with pytest.raises(TodoCloudError):
        make(kube, helm, lost).apply(SPEC, {}, soon())
    assert helm.commands == []


def test_rollback_goes_to_a_revision_that_is_there() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded", labels={"todo.cloud/inputs": "a"})
    store(kube, revision=2, labels={"todo.cloud/inputs": "b"})
    helm = FakeHelm(kube)
    done = make(kube, helm).rollback("api", 1, soon())
    assert (done.was, done.now, helm.commands) == (2, 3, ["rollback api"])
    with pytest.raises(TodoCloudError) as caught:
        make(kube, helm).rollback("api", 9, soon())
    assert caught.value.failure.code is Code.ROLLBACK_TARGET_MISSING


def test_a_rollback_takes_over_what_others_own_and_an_upgrade_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()
    helm = FakeHelm(kube)
    taken: list[str] = []
    monkeypatch.setattr(writer_module, "take_over", lambda kube, storage, known: taken.append(known[-1].name))
    owned = HelmError(Failure(Code.HELM_FAILED, "kubectl owns fields", {OWNER: "kubectl"}), transient=False)
    faults = [owned]

    def before(verb: str, name: str) -> None:
        if faults:
            raise faults.pop()

    store(kube, "api", 1, "superseded")
    store(kube, "api", 2)
    monkeypatch.setattr(helm, "before", before)
    assert make(kube, helm).rollback("api", 1, Deadline.after(5)).now == 3
    assert taken == ["api"]
    faults.append(owned)
    with pytest.raises(HelmError):
        make(kube, helm).apply(SPEC, {}, Deadline.after(5))
    faults += [owned, owned]
    with pytest.raises(HelmError):
        make(kube, helm).rollback("api", 1, Deadline.after(5))


def test_settle_recovers_what_a_dead_run_left() -> None:
    kube = FakeKube()
    store(kube, status="pending-upgrade", labels={"todo.cloud/inputs": "a"})
    mend(kube, Action.RECOVER)
    assert statuses(kube) == ["failed"]


def test_settle_leaves_a_settled_release_alone() -> None:
    kube = FakeKube()
    store(kube)
    mend(kube, Action.RECOVER)
    assert statuses(kube) == ["deployed"]
    assert kube.writes == []


def test_a_young_pending_entry_that_is_not_ours_is_not_touched() -> None:
    kube = FakeKube()
    store(kube, status="pending-upgrade", labels={}, created="2026-11-21T10:00:00Z")
    began = HelmReader(kube, "ns").history("api")[0].created
    kube.now = began + 60
    with pytest.raises(TodoCloudError, match=r"began 60 s ago \(pending-upgrade\)") as caught:
        mend(kube, Action.RECOVER)
    assert caught.value.failure.code is Code.RELEASE_PENDING
    kube.now = began + 301
    mend(kube, Action.RECOVER)
    assert statuses(kube) == ["failed"]


def test_settle_finishes_an_uninstall_and_quarantines_an_unreadable_entry() -> None:
    kube = FakeKube()
    store(kube, status="uninstalling")
    helm = FakeHelm(kube)
    mend(kube, Action.FINISH_UNINSTALL, helm)
    assert (helm.commands, statuses(kube)) == (["uninstall api"], [])
    store(kube, payload="garbage")
    mend(kube, Action.QUARANTINE, helm)
    assert statuses(kube) == []


def test_a_member_is_redeployed_from_its_record_with_the_records_digests() -> None:
    kube = FakeKube()
    done = make(kube, FakeHelm(kube)).redeploy(MEMBER, RECORD, {}, soon())
    assert (done.action, done.now) == (Action.INSTALL, 1)
    labels = HelmReader(kube, "ns").history("api")[-1].labels
    assert labels["todo.cloud/inputs"] == MEMBER.inputs


def test_a_release_that_does_not_settle_is_not_written() -> None:
    kube = FakeKube()
    store(kube, status="pending-upgrade", labels={"todo.cloud/inputs": "a"})
    with pytest.raises(TodoCloudError, match="does not settle"):
        make(kube, FakeHelm(kube)).settle("api", Action.RECOVER, lambda history: Action.RECOVER)


def test_threads_may_share_a_writer() -> None:
    kube = FakeKube()
    writer = make(kube, FakeHelm(kube))
    specs = [replace(SPEC, name=f"r{n}") for n in range(8)]
    threads = [threading.Thread(target=writer.apply, args=(spec, {}, soon())) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for spec in specs:
        newest = HelmReader(kube, "ns").history(spec.name)[-1]
        assert newest.status is ReleaseStatus.DEPLOYED


OLD_API = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n"


def test_a_deployed_manifest_with_an_api_that_is_gone_is_mended_and_helm_asked_again() -> None:
    def refuses(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        raise HelmError(Failure(Code.API_REMOVED, "api: policy/v1beta1 is gone"), transient=False)

    kube = FakeKube()
    store(kube, revision=1, manifest=OLD_API)
    helm = FakeHelm(kube, refuses)
    done = make(kube, helm).apply(SPEC, {}, Deadline.after(5))
    assert (done.was, done.now) == (1, 2)
    assert "policy/v1\n" in HelmReader(kube, "ns").read("api", 1).manifest
    unmended = FakeHelm(kube, refuses)
    with pytest.raises(TodoCloudError, match="is gone"):
        make(kube, unmended).apply(SPEC, {}, Deadline.after(5))


def test_an_uninstall_that_fails_for_an_api_that_is_gone_is_mended() -> None:
    class Once(FakeHelm):
        def uninstall(self, name: str, namespace: str, *, timeout: int = 300) -> None:
            if "v1beta1" in HelmReader(self.kube, "ns").read(name, 1).manifest:
                raise HelmError(Failure(Code.HELM_FAILED, "api: failed to delete release: api"), transient=False)
            super().uninstall(name, namespace, timeout=timeout)

    kube = FakeKube()
    store(kube, revision=1, status="uninstalling", manifest=OLD_API)
    make(kube, Once(kube)).uninstall("api")
    assert HelmReader(kube, "ns").history("api") == []
