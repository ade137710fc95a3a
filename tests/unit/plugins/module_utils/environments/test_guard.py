"""What is refused before the first write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.guard import (
    CLUSTER_ID,
    HOSTS,
    PLATFORM,
    TOPICS,
    Claims,
    Guard,
    guard,
    record,
    topics_claim,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, Resource

from tests.support.fake_kube import FakeKube

STAGING = Claims("staging", "ns")


class Kube(FakeKube):
    """With kube-system; ``forbidden`` are verbs, and namespaces that may not be read (``*``: the list of them)."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: set[str] = set()
        self.put(NAMESPACE, "", {"metadata": {"name": "kube-system", "uid": "cluster-1"}})

    def environment(self, namespace: str = "ns", name: str | None = "staging", **more: Any) -> Kube:
        labels = {"todo.cloud/environment": name} if name else {}
        self.put(NAMESPACE, "", {"metadata": {"name": namespace, "labels": labels, **more}})
        return self

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if self.forbidden & {verb, name}:
            raise Forbidden(f"may not {verb} {name}", 403)

    def guard(self, claims: Claims = STAGING, **options: Any) -> Guard:
        return guard(self, claims, **options)


def refusal(kube: Kube, claims: Claims = STAGING) -> str:
    with pytest.raises(TodoCloudError) as caught:
        kube.guard(claims)
    assert caught.value.failure.code is Code.INVALID_INPUT
    return caught.value.failure.message


def test_who_leaves_is_not_asked_what_others_claim() -> None:
    kube = Kube().environment(annotations={HOSTS: "a.example.com"})
    kube.environment("other", "other", annotations={HOSTS: "a.example.com"})
    assert "claims the host name" in refusal(kube)
    assert kube.guard(leaving=True).warnings == []


def test_the_own_namespace_passes() -> None:
    kube = Kube().environment()
    assert kube.guard() == Guard("cluster-1")
    assert len(kube.reads) == 3
    assert not kube.writes


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (None, "has no label"),
        (None, "kubectl label namespace ns todo.cloud/environment=staging"),
        ("production", "belongs to environment 'production'"),
        ("production", "Set environment_namespace"),
    ],
)
def test_another_environments_namespace(owner: str | None, words: str) -> None:
    assert words in refusal(Kube().environment(name=owner))


def test_a_namespace_that_is_not_there_or_going() -> None:
    kube = Kube()
    with pytest.raises(TodoCloudError) as caught:
        kube.guard()
    assert caught.value.failure.code is Code.NOT_FOUND
    found = kube.guard(may_be_absent=True)
    assert not found.there
    assert found.warnings == []
    assert "being deleted" in refusal(kube.environment(deletionTimestamp="2026-11-21T10:00:00Z"))


def test_another_cluster() -> None:
    kube = Kube().environment()
    assert kube.guard(Claims("staging", "ns", "cluster-1")).cluster_id == "cluster-1"
    message = refusal(kube, Claims("staging", "ns", "cluster-2"))
    assert "expects cluster-2 (cluster_id), but the credentials are for cluster-1" in message
    assert "copied or restored" in refusal(Kube().environment(annotations={CLUSTER_ID: "cluster-2"}))
    kube.forbidden = {"kube-system"}
    assert kube.guard().cluster_id == ""
    assert "cannot be checked" in refusal(kube, Claims("staging", "ns", "cluster-1"))


def test_the_identity_is_recorded_once_where_it_may_be() -> None:
    kube = Kube().environment()
    for _ in range(2):
        record(kube, "ns", kube.guard())
    assert kube.writes == [("patch", "Namespace", "ns")]
    assert kube.guard().recorded == "cluster-1"
    other = Kube().environment()
    other.forbidden = {"patch"}
    record(other, "ns", other.guard())
    assert not other.writes


def test_two_inventories_that_claim_the_same() -> None:
    notes = {HOSTS: "todo.example.com,www.example.com", PLATFORM: "managed"}
    kube = Kube().environment().environment("prod", "production", annotations=notes)
    assert kube.guard(Claims("staging", "ns", hosts=("staging.example.com",))).warnings == []
    message = refusal(kube, Claims("staging", "ns", hosts=("todo.example.com",)))
    assert "Environment 'production' (namespace 'prod') already claims the host name todo.example.com" in message
    message = refusal(kube, Claims("staging", "ns", platform=True))
    assert "already manages this cluster's platform: set platform_manage: false" in message
    # what the own namespace carries counts when a run names nothing, as release_apply does
    assert "claims the host name" in refusal(kube.environment(annotations={HOSTS: "www.example.com"}))


def test_what_could_not_be_compared_is_reported() -> None:
    kube = Kube().environment()
    kube.forbidden = {"*"}
    assert "were not checked" in kube.guard().warnings[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (("b.example.com:9092", ""), ("b.example.com:9092", ""), True),
        (("b.example.com:9092", ""), ("a.example.com:9092, B.example.com:9095", ""), True),
        (("b.example.com:9092", ""), ("b.example.com:9092", "other"), False),
        (("b.example.com:9092", "ns"), ("b.example.com:9092", "other"), False),
        (("a.example.com:9092", ""), ("b.example.com:9092", ""), False),
        (("", ""), ("", ""), False),
    ],
)
def test_two_environments_on_one_broker_with_the_same_topics(
    ours: tuple[str, str], theirs: tuple[str, str], same: bool
) -> None:
    kube = Kube().environment()
    kube.environment("other", "production", annotations={TOPICS: topics_claim(*theirs)})
    claims = Claims("staging", "ns", topics=topics_claim(*ours))
    if not same:
        assert kube.guard(claims).warnings == []
        return
    message = refusal(kube, claims)
    assert message.startswith("Environment 'production' (namespace 'other') uses the same broker with the same topics")
    assert "topicsPerEnvironment: true" in message
    assert "example.com" not in message
    kube.environment(annotations={TOPICS: topics_claim(*ours)})
    assert refusal(kube) == message, "also by what the namespace says, for modules that know no broker"
