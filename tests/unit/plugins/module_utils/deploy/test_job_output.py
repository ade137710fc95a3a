"""The last lines of a Job, without what the namespace's Secrets hold."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.deploy.job_output import last_lines
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked

from tests.support.fake_kube import FakeKube

PASSWORD = "Xy7-harbour-tulip-93"


def cluster(kube: FakeKube | None = None) -> FakeKube:
    found = kube or FakeKube()
    labels = {"app.kubernetes.io/instance": "api-run"}
    owner = {"kind": "Job", "name": "api-run", "uid": "j", "controller": True}
    found.put(POD, "ns", {"metadata": {"name": "api-run-x", "labels": labels, "ownerReferences": [owner]}})
    found.put(POD, "ns", {"metadata": {"name": "a-copy-of-it", "labels": labels}})
    found.put(POD, "ns", {"metadata": {"name": "api-x", "labels": {"app.kubernetes.io/instance": "api"}}})
    found.put(SECRET, "ns", {"metadata": {"name": "app"}, "type": "Opaque", "stringData": {"password": PASSWORD},
                             "data": {"password": "WHk3LWhhcmJvdXItdHVsaXAtOTM="}})  # fmt: skip
    found.log = f"one\ntwo\nlogin with {PASSWORD}"
    return found


def test_the_last_lines_of_its_own_pods() -> None:
    lines = last_lines(cluster(), "ns", "api-run", 4)
    assert lines == ["one", "two", f"login with {PASSWORD}"]
    assert PASSWORD not in masked(lines[2]), "it is known from now on"


def test_what_cannot_be_read_is_said() -> None:
    class Closed(FakeKube):
        def logs(self, *args: Any, **options: Any) -> str:
            raise Forbidden("The credentials may not get pods/log.", 403)

    assert last_lines(cluster(Closed()), "ns", "api-run", 2) == [
        "(not all of its output could be read: The credentials may not get pods/log.)"
    ]
