# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Autoscalers without the metrics that they scale by are told before anything is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import API_SERVICE, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.metrics import metrics_api

from tests.support.fake_kube import FakeKube

DOWN = {"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "no endpoints"}


def scaler(*kinds: str) -> dict[str, Any]:
    spec = {"metrics": [{"type": kind} for kind in kinds]}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "api"},
        "spec": spec,
    }


def told(kube: FakeKube, *items: dict[str, Any]) -> list[str]:
    found = list(metrics_api(kube, {"api": items, "web": [{"kind": "Service", "metadata": {"name": "web"}}]}))
    assert not any(problem.certain for problem in found), "the pods serve all the same"
    return [str(problem) for problem in found]


@pytest.mark.parametrize("kinds", [["ContainerResource"], ["Pods", "Resource"], []])
def test_a_cluster_without_a_metrics_server(kinds: list[str]) -> None:
    (line,) = told(FakeKube(), scaler(*kinds))
    assert "HorizontalPodAutoscaler api needs the cluster's metrics server, which is not there" in line
    assert "playbooks/platform.yml, whose role metrics_server installs one" in line


def test_one_that_does_not_answer_and_one_that_does() -> None:
    kube = FakeKube()
    name = {"name": "v1beta1.metrics.k8s.io"}
    kube.put(API_SERVICE, "", {"metadata": name, "status": {"conditions": [DOWN]}})
    (line,) = told(kube, scaler("Resource"))
    assert "which does not answer (MissingEndpoints: no endpoints), so it will not scale" in line
    kube.put(API_SERVICE, "", {"metadata": name, "status": {"conditions": [{**DOWN, "status": "True"}]}})
    assert told(kube, scaler("Resource")) == []


def test_it_is_asked_only_where_it_matters_and_may_be_asked() -> None:
    class Narrow(FakeKube):
        asked = 0

        def before(self, verb: str, resource: Resource, name: str) -> None:
            self.asked += 1
            raise Forbidden("no", 403)

    kube = Narrow()
    assert told(kube, scaler("External")) == []
    assert kube.asked == 0
    assert told(kube, scaler("Resource")) == []
