"""What is read for a fingerprint, and what an environment publishes about itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.inspect import checked, publish
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    WELL_KNOWN,
)

from tests.unit.plugins.module_utils.environments.test_fingerprint import UNTOUCHED, Kube

ROLE = WELL_KNOWN["rbac.authorization.k8s.io/v1", "ClusterRole"]


def test_the_platform_is_looked_at_when_asked() -> None:
    kube = Kube()
    kube.put(ROLE, "", {"metadata": {"name": "reader"}, "rules": []})
    kube.put(DEPLOYMENT, "dapr-system", {"metadata": {"name": "operator"}, "spec": {}})
    assert len(kube.look()["fingerprint"]["objects"]) == 4
    before = kube.look(platform_namespaces=["dapr-system"])
    assert {"cluster: ClusterRole/reader", "dapr-system: Deployment/operator"} <= set(before["fingerprint"]["objects"])
    kube.change("ClusterRole", "reader", lambda item: item.update(rules=[{}]), "kubectl")
    lines = kube.since(before, platform_namespaces=["dapr-system"])
    assert lines[1] == "production: cluster: ClusterRole/reader was changed: rules (kubectl, 2026-11-22T10:00:00Z)"


def test_what_may_not_be_read_is_reported_and_not_compared() -> None:
    kube = Kube()
    before = kube.look()
    kube.forbidden = {"Deployment"}
    assert kube.since(before) == [
        "production: untouched, 3 objects compared",
        "production: not compared, since the credentials may not list them: Deployment",
    ]
    kube.forbidden = {"ConfigMap"}
    kube.reads.clear()
    with pytest.raises(Forbidden):
        kube.look()
    assert not kube.reads, "one refusal is enough"


def test_an_environment_publishes_its_own() -> None:
    kube = Kube()
    assert kube.look(compare_to="published")["table"] == [
        "production: nothing to compare with, it has not published a fingerprint yet"
    ]
    assert publish(kube, "ns", "production") == ""
    assert kube.look(compare_to="published")["table"] == UNTOUCHED
    kube.change(
        "Deployment", "api", lambda item: item["spec"].update(paused=True), "kubectl", {"f:spec": {"f:paused": {}}}
    )
    assert "spec.paused (kubectl" in kube.look(compare_to="published")["table"][1]
    kube.forbidden = {"ConfigMap"}
    assert "was not published: may not list" in publish(kube, "ns", "production")


@pytest.mark.parametrize("bad", ["{", "[]", {}, {"format": 99, "objects": {}}, 7])
def test_what_is_no_fingerprint_is_refused(bad: Any) -> None:
    with pytest.raises(TodoCloudError, match="not a valid fingerprint"):
        checked(bad)


@pytest.mark.parametrize(
    "changed",
    [
        {"objects": []}, {"objects": {"a": "x"}}, {"objects": {"a": {"uid": "1"}}},
        {"objects": {"a": {"uid": 1, "fields": {}}}}, {"unread": [1]}, {"time": "yesterday"},
        {"time": float("inf")}, {"format": None},
    ],
)  # fmt: skip
def test_a_damaged_fingerprint_is_refused(changed: dict[str, Any]) -> None:
    good = {"format": 1, "objects": {}, "time": 5}
    assert checked(good) == good
    with pytest.raises(TodoCloudError):
        checked({**good, **changed})
    with pytest.raises(TodoCloudError):
        checked(json.dumps({**good, **changed}))
