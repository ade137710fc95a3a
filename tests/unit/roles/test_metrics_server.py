"""Role metrics_server: whose it installs, whose it leaves alone, and what it says where nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

NODES = {"kubernetes.core.k8s_info NodeMetrics": {"resources": [{"metadata": {"name": "node1"}}]}}
SILENT = {"kubernetes.core.k8s_info NodeMetrics": {"resources": [], "msg": "the server is currently unable"}}
API = "kubernetes.core.k8s_info APIService v1beta1.metrics.k8s.io"
OURS, INSTALLED = {"todo.cloud/platform-of": "test"}, {"todo.cloud/installed-by": "test"}
CHART = "/charts/metrics-server"


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("metrics")) as found:
        yield found


def cluster(api_in: str = "", labels: dict[str, str] | None = None, *, may: bool = True) -> dict[str, Any]:
    """Answers: the namespace that the metrics API leads to, if there is one, and the labels of ours, if it is there."""
    metadata = {"name": "metrics-server", "labels": labels}
    return {
        API: {"resources": [{"spec": {"service": {"namespace": api_in}}}] if api_in else []},
        "kubernetes.core.k8s_info Namespace metrics-server": {
            "resources": [{"metadata": metadata}] if labels is not None else []
        },
        "kubernetes.core.k8s Namespace metrics-server": {"result": {"metadata": metadata} if may else {}},
        "todo.cloud.helm_release": {"changed": True, "action": "install", "failures": []},
    }


def run(stubbed: Stubbed, answers: dict[str, Any], *arguments: str, **given: Any) -> Run:
    described = inventory({"platform": {"metrics_server": {}}}, metrics_server_chart_ref=CHART, **given)
    return stubbed.run("platform", described, *arguments, answers=answers)


@pytest.mark.parametrize("found", [cluster(), cluster("metrics-server", OURS)], ids=["none", "ours"])
def test_the_platforms_environment_installs_it(stubbed: Stubbed, found: dict[str, Any]) -> None:
    done = run(stubbed, {**found, **NODES}, metrics_server_verify_kubelets=False)
    assert done.code == 0, done.output
    (release,) = done.arguments("helm_release")
    assert (release["namespace"], release["chart"]) == ("metrics-server", CHART)
    assert release["values"]["args"] == ["--kubelet-insecure-tls"]
    applied = [
        call["args"].get("definition") for call in done.calls if isinstance(call["args"].get("definition"), list)
    ]
    assert {each["kind"] for each in applied[-1]} == {"LimitRange", "NetworkPolicy", "ResourceQuota"}
    assert "answers for no node" not in done.text


@pytest.mark.parametrize(
    ("api_in", "labels"), [("kube-system", None), ("kube-system", OURS), ("metrics-server", {})], ids=str
)
@pytest.mark.parametrize("manages", [True, False])
def test_anothers_is_left_alone(stubbed: Stubbed, api_in: str, labels: dict[str, str] | None, manages: bool) -> None:
    done = run(stubbed, {**cluster(api_in, labels), **NODES}, platform_manage=manages)
    assert done.code == 0, done.output
    assert set(done.modules()) == {"k8s_info"}


def test_where_it_is_missing_whoever_may_installs_it(stubbed: Stubbed) -> None:
    done = run(stubbed, {**cluster(), **NODES}, platform_manage=False)
    assert len(done.arguments("helm_release")) == 1, done.output
    namespaces = [call["args"]["definition"] for call in done.calls if isinstance(call["args"].get("definition"), dict)]
    assert namespaces[-1]["metadata"]["labels"]["todo.cloud/installed-by"] == "test"
    again = run(stubbed, {**cluster("metrics-server", INSTALLED), **NODES}, platform_manage=False)
    assert len(again.arguments("helm_release")) == 1, "it looks after it"
    managed = run(stubbed, {**cluster("metrics-server", OURS), **NODES}, platform_manage=False)
    assert managed.arguments("helm_release") == []


@pytest.mark.parametrize(
    "given", [{"platform_manage": False}, {"metrics_server_manage": False}], ids=["may not", "is not to"]
)
def test_a_cluster_without_one_is_told_and_ends_no_run(stubbed: Stubbed, given: dict[str, Any]) -> None:
    done = run(stubbed, {**cluster(may=False), **SILENT}, **given)
    assert done.code == 0, done.output
    assert done.arguments("helm_release") == []
    assert "This cluster has no metrics server (APIService v1beta1.metrics.k8s.io), and this inventory" in done.text


def test_a_new_one_that_does_not_answer_ends_the_run(stubbed: Stubbed) -> None:
    done = run(stubbed, {**cluster(), **SILENT}, metrics_server_timeout=2)
    assert done.code != 0
    assert "The metrics server in namespace metrics-server answers for no node" in done.text
    assert "(the server is currently unable)" in done.text


def test_one_that_was_there_and_is_down_is_told_and_ends_no_run(stubbed: Stubbed) -> None:
    down = {
        "failed": True,
        "action": "verify",
        "failures": [{}],
        "msg": "metrics-server: 0/1 ready.",
    }
    done = run(stubbed, {**cluster("metrics-server", OURS), **SILENT, "todo.cloud.helm_release": down})
    assert done.code == 0, done.output
    assert "(metrics-server: 0/1 ready.; the server is currently unable)" in done.text
    refused = {**down, "action": "upgrade"}
    ended = run(stubbed, {**cluster("metrics-server", OURS), **NODES, "todo.cloud.helm_release": refused})
    assert ended.code != 0, "a change of it has to come through"


def test_a_location_that_is_none_is_refused(stubbed: Stubbed) -> None:
    described = inventory({"platform": {"metrics_server": {}}}, metrics_server_chart_ref="metrics-server")
    done = stubbed.run("platform", described)
    assert "metrics_server_chart_ref (metrics-server) must be an absolute path" in done.text
    assert done.calls == []
