"""Rights that no dry run tries: one request where they are there, and by name where they are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import KubeError, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.preflight.rights import lacking

from tests.support.fake_kube import FakeKube

OBJECTS: dict[str, list[dict[str, Any]]] = {
    "api": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "api"}},
        {"apiVersion": "example.org/v1", "kind": "Unknown", "metadata": {"name": "api"}},
    ],
}
HOOKS = {"api": ["{apiVersion: batch/v1, kind: Job, metadata: {name: migrate}}"]}
ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def problems(kube: FakeKube) -> list[tuple[str, str]]:
    found = [each.problem for each in lacking(kube, "staging", "ns", OBJECTS, HOOKS)]
    assert {problem.code for problem in found} <= {Code.FORBIDDEN}
    assert all(problem.certain or "may not delete" in problem.message for problem in found)
    return [(problem.release, problem.message) for problem in found]


def test_whoever_may_do_everything_is_asked_about_once() -> None:
    kube = FakeKube()
    assert (problems(kube), kube.asked_rights) == ([], [])


def test_what_no_rule_grants_is_asked_for_by_name() -> None:
    kube = FakeKube()
    kube.rules = []
    kube.denied_rights = {
        ("delete", "deployments"), ("get", "deployments"), ("create", "jobs"), ("update", "leases"),
        ("delete", "clusterroles"),
    }  # fmt: skip
    assert problems(kube) == [
        ("staging", "the credentials may not update leases.coordination.k8s.io in namespace ns"),
        ("api", "the credentials may not get and delete deployments.apps in namespace ns"),
        ("api", "the credentials may not delete clusterroles.rbac.authorization.k8s.io"),
        ("api", "the credentials may not create jobs.batch in namespace ns"),
    ]
    assert ("get", "jobs") in kube.asked_rights


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ({**ALL, "apiGroups": ["apps"]}, False),
        ({**ALL, "resources": ["deployments"]}, False),
        ({**ALL, "verbs": ["get", "delete"]}, False),
        ({**ALL, "verbs": ["delete"]}, True),
        ({**ALL, "resources": ["deployments/scale"]}, True),
        ({**ALL, "apiGroups": [""]}, True),
        ({**ALL, "resourceNames": ["api"]}, True),
        ({"verbs": ["*"], "nonResourceURLs": ["*"]}, True),
    ],
)
def test_rules_are_read_as_rbac_does(rule: dict[str, Any], asked: bool) -> None:
    kube = FakeKube()
    kube.rules = [rule]
    problems(kube)
    assert (("get", "deployments") in kube.asked_rights) is asked


@pytest.mark.parametrize(("error", "more"), [(KubeError("not served", 404), True), (Unreachable("silence"), False)])
def test_an_api_that_answers_no_reviews_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, error: KubeError, more: bool
) -> None:
    kube, seconds = FakeKube(), []

    def create(*_: Any, deadline: Deadline, **__: Any) -> dict[str, Any]:
        seconds.append(deadline.remaining)
        raise error

    monkeypatch.setattr(kube, "create", create)
    assert problems(kube) == []
    assert 0 < max(seconds) <= 5
    assert (len(seconds) > 1) is more, "one that does not answer is not asked again"
