"""Pods and the workloads that own them, up to the object that a release renders."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.owners import owners_of
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CRON_JOB,
    JOB,
    POD,
    STATEFUL_SET,
    Resource,
)

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.dapr.test_check import api, owned
from tests.unit.plugins.module_utils.readiness.test_daprd import pod, workload


class Cluster(FakeKube):
    """An API server that may refuse to show Jobs."""

    refuses = False

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if resource is JOB and self.refuses:
            raise Forbidden("The credentials may not get jobs.", 403)


def batch(kind: str, by: str) -> dict[str, Any]:
    return {"ownerReferences": [{**owned(by, kind)["ownerReferences"][0], "apiVersion": "batch/v1"}]}


@pytest.mark.parametrize(("refuses", "tops"), [(False, ("Pod", "Job", "CronJob")), (True, ("Pod", "Job"))])
def test_the_way_up_ends_at_the_top_or_at_what_may_not_be_read(refuses: bool, tops: tuple[str, ...]) -> None:
    kube = Cluster()
    kube.refuses = refuses
    kube.put(CRON_JOB, "ns", {"metadata": {"name": "report", "uid": "report"}})
    kube.put(JOB, "ns", {"metadata": {"name": "report-1", "uid": "one", **batch("CronJob", "report")}})
    meta = batch("Job", "one")
    meta["ownerReferences"][0]["name"] = "report-1"
    kube.put(POD, "ns", pod("report-1-x", **meta))
    (found,) = owners_of(kube, "ns")
    assert tuple(kind for kind, _name in found.tops) == tops
    assert found.restarts is False


def test_a_template_that_asks_counts_without_any_pod() -> None:
    kube = FakeKube()
    api(kube)
    (found,) = owners_of(kube, "ns")
    assert (found.tops, found.pods, found.restarts) == ((("Deployment", "api"),), (), True)


def test_of_a_stateful_set_only_the_newest_revision_counts() -> None:
    kube = FakeKube()
    item = {**workload(), "metadata": {"name": "db", "uid": "db"}, "status": {"updateRevision": "new"}}
    kube.put(STATEFUL_SET, "ns", item)
    for name, revision in (("db-0", "old"), ("db-1", "new")):
        labels = {"app": "api", "controller-revision-hash": revision}
        kube.put(POD, "ns", pod(name, form="none", labels=labels, **owned("db", "StatefulSet")))
    (found,) = owners_of(kube, "ns")
    assert [each["metadata"]["name"] for each in found.pods] == ["db-1"]


def test_finished_pods_do_not_count() -> None:
    kube = FakeKube()
    kube.put(POD, "ns", {**pod("done", form="none", **batch("Job", "one")), "status": {"phase": "Succeeded"}})
    assert owners_of(kube, "ns") == []
