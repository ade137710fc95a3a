"""The API server's own words about a stricter Pod Security level, as findings."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import (
    ENFORCE,
    is_stricter,
    level_of,
    violations,
)

from tests.support.fake_kube import FakeKube

WANTED = {ENFORCE: "restricted", "pod-security.kubernetes.io/warn": "restricted", "todo.cloud/environment": "staging"}


@pytest.mark.parametrize(
    ("wanted", "now", "stricter"),
    [
        ("restricted", "privileged", True),
        ("restricted", "baseline", True),
        ("restricted", "restricted", False),
        ("baseline", "restricted", False),
        ("restricted", "made-up", True),
    ],
)
def test_which_level_is_stricter(wanted: str, now: str, stricter: bool) -> None:
    assert is_stricter(wanted, now) is stricter


def test_without_a_label_everything_is_allowed() -> None:
    assert level_of({}) == "privileged"
    assert level_of({ENFORCE: "baseline"}) == "baseline"


def test_warnings_become_findings() -> None:
    kube = FakeKube()
    kube.warns = [
        'existing pods in namespace "ns" violate the new PodSecurity enforce level "restricted:latest"',
        "api-5f6d (and 2 other pods): allowPrivilegeEscalation != false, runAsNonRoot != true",
        "db-0: hostPath volumes",
        "some other API is deprecated",
        "new PodSecurity enforce level only checked against the first 1000 of 4000 existing pods",
    ]
    found = list(violations(kube, "ns", WANTED))
    assert [(each.pods, each.reason.partition(",")[0]) for each in found] == [
        ("api-5f6d (and 2 other pods)", "violates restricted: allowPrivilegeEscalation != false"),
        ("db-0", "violates restricted: hostPath volumes"),
        ("ns", "new PodSecurity enforce level only checked against the first 1000 of 4000 existing pods"),
    ]
    assert {each.variable for each in found} == {"environment_pod_security"}
    assert kube.tried == [{"metadata": {"labels": {k: v for k, v in WANTED.items() if "pod-security" in k}}}]
    assert kube.writes == []
