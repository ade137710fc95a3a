"""All described releases are rendered; one whose chart is not there is named, and leaves the others as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.releases.service_info import service_info

from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube
from tests.unit.ansible_runs import TOP

WAVES = [[{"name": "api", "namespace": "shop", "chart": str(TOP / "charts/service")}],
         [{"name": "web", "namespace": "shop", "chart": "oci://x/web", "chart_version": "1.0.0"}]]  # fmt: skip


class Charts(FakeHelm):
    """Renders a pod of the release's name; those that are fetched are not there."""

    def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
        if "://" in request.chart:
            raise HelmError(Failure(Code.CHART_INVALID, f"{request.chart} cannot be pulled."), transient=False)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": request.name}, "spec": {"containers": []}}
        return json.dumps(pod)


def info(**given: Any) -> dict[str, Any]:
    return service_info(Charts(FakeKube()), WAVES, {}, **given)


def test_a_chart_that_is_not_there_is_named() -> None:
    made = info()
    assert made["table"] == ["anywhere -> api      : any port", "api      -> anywhere : any port",
                             "api      -> api      : any port"]  # fmt: skip
    assert made["lines"] == [
        "web is not in the table, since its chart cannot be rendered: oci://x/web cannot be pulled."
    ]
    assert made["connections"][0] == {"source": "anywhere", "target": "api", "ports": "any port"}


def test_a_service_is_explained() -> None:
    assert info(service="api")["lines"][0] == "api: wave 1 of 2, chart service"


def test_the_chart_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(HelmError, match="cannot be pulled"):
        info(service="web")


def test_a_service_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(TodoCloudError, match=r"There is no service 'wbe'; choose from api, web\."):
        info(service="wbe")
