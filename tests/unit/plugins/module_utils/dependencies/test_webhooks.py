"""Webhooks that keep pods from being made: named by the refusal, asked by a dry run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.webhooks import (
    Uncalled,
    still_uncalled,
    uncalled,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, KubeError, Refused, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, Resource

from tests.support.fake_kube import FakeKube

TEXT = (
    'Internal error occurred: failed calling webhook "pods.policy.example": failed to call webhook: Post '
    '"https://policy.guard.svc:443/pods?timeout=5s": dial tcp 10.96.0.9:443: connect: connection refused'
)
BEFORE = Uncalled("pods.policy.example", "before", ("guard", "policy"))


class Answering(FakeKube):
    """What it says to a dry run."""

    error: KubeError | None = None

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "try" and self.error:
            raise self.error


def asked(error: KubeError | None) -> Uncalled | None:
    kube = Answering()
    template: dict[str, Any] = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": []}}
    kube.put(DEPLOYMENT, "ns", {"metadata": {"name": "api"}, "spec": {"template": template}})
    kube.error = error
    found = still_uncalled(kube, "ns", "Deployment", "api", BEFORE)
    assert not [verb for verb, kind, _name in kube.writes if kind == "Pod"]
    return found


def test_a_refusal_names_the_webhook_and_its_service() -> None:
    found = uncalled(TEXT)
    assert found is not None
    assert (found.name, found.service) == ("pods.policy.example", ("guard", "policy"))
    assert found.why == "dial tcp 10.96.0.9:443: connect: connection refused"
    assert uncalled('admission webhook "x" denied the request: no') is None


def test_a_pod_that_would_be_made_shows_that_it_is_back() -> None:
    assert asked(None) is None
    assert asked(Refused("no", 403, api_message='admission webhook "x" denied the request')) is None


def test_down_is_what_the_api_server_says_now() -> None:
    assert asked(Unreachable("gives up", 500, cause=f"HTTP 500 {TEXT}")) == uncalled(TEXT)


@pytest.mark.parametrize(
    "error", [Forbidden("may not", 403), Refused("no", 400, api_message="webhook does not support dry run: x")]
)
def test_where_it_cannot_be_tried_the_refusal_counts(error: KubeError) -> None:
    assert asked(error) == BEFORE


def test_one_that_takes_too_long_is_not_back() -> None:
    assert asked(Unreachable("nothing", 0, cause="timed out")) == BEFORE


def test_a_workload_that_is_gone_proves_nothing() -> None:
    assert still_uncalled(FakeKube(), "ns", "Deployment", "api", BEFORE) == BEFORE
