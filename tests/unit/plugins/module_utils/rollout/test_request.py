"""What rollout_wait is asked to wait for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.rollout.request import requested

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

TOPIC = {"api_version": "x/v1", "kind": "Topic", "namespace": "ns", "name": "t", "ready_when": "", "failed_when": ""}


def ask(kube: FakeKube, **params: Any) -> list[tuple[str, str, str]]:
    nothing: dict[str, Any] = {"releases": [], "workloads": [], "resources": []}
    return [(each.kind, each.name, each.release) for each in requested(kube, nothing | params)]


def test_a_release_is_what_its_newest_manifest_holds() -> None:
    kube = FakeKube()
    store(kube, revision=1, manifest="")
    store(kube, revision=2)
    wanted = {"releases": [{"name": "api", "namespace": "ns"}],
              "workloads": [{"kind": "Job", "name": "migrate", "namespace": "ns"}], "resources": [TOPIC]}  # fmt: skip
    assert ask(kube, **wanted) == [("Deployment", "api", "api"), ("Job", "migrate", ""), ("Topic", "t", "")]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, Code.INVALID_INPUT),
        ({"resources": [{**TOPIC, "failed_when": "status.bad"}]}, Code.INVALID_INPUT),
        ({"releases": [{"name": "absent", "namespace": "ns"}]}, Code.NOT_FOUND),
    ],
)
def test_what_can_not_be_waited_for_is_refused(params: dict[str, Any], code: Code) -> None:
    with pytest.raises(TodoCloudError) as caught:
        ask(FakeKube(), **params)
    assert caught.value.failure.code is code
