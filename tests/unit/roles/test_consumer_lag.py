"""Role consumer_lag: what is deployed where, with no credential in it; and what a failure of it means for a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.charts.rendering import Helm, built, pick
from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, Any]] = {"environment": {"namespace": {}}, "dependencies": {"consumer_lag": {}}}
IN_CLUSTER = {"redpanda_secrets_kafka_namespace": "kafka"}
FINE = {"changed": True, "action": "install", "failures": []}


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("lag")) as found:
        yield found


@pytest.fixture(scope="module")
def helm() -> Helm:
    return Helm(built("bin/helm"))


def run(stubbed: Stubbed, answer: dict[str, Any], **variables: Any) -> Run:
    return stubbed.run("services", inventory(GROUPS, **variables), answers={"todo.cloud.helm_release": answer})


def deployed(stubbed: Stubbed, helm: Helm, **variables: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod that the chart makes of it, and the collector's configuration."""
    done = run(stubbed, FINE, **variables)
    assert done.code == 0, done.output
    (release,) = done.arguments("helm_release")
    assert (release["name"], release["namespace"]) == ("consumer-lag", "todo-test")
    assert release["watches"] == [{"kind": "Secret", "name": "kafka-credentials"}], (
        "else a new password is not heard of"
    )
    objects = helm.render("service", release["values"], "consumer-lag", "todo-test")
    template = pick(objects, "Deployment")["spec"]["template"]
    env = {each["name"]: each for each in template["spec"]["containers"][0]["env"]}
    config = json.loads(env["COLLECTOR_CONFIG"]["value"])
    named = {name for name in env if f"${{env:{name}}}" in env["COLLECTOR_CONFIG"]["value"]}
    assert named == {name for name, each in env.items() if "valueFrom" in each and name.startswith("BROKER")}
    assert {env[name]["valueFrom"]["secretKeyRef"]["name"] for name in named} == {"kafka-credentials"}
    return template, config


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        (IN_CLUSTER, {"ca_pem": "${env:BROKER_CA}"}),
        ({}, {"insecure": "${env:BROKER_WITHOUT_TLS}"}),
        ({**IN_CLUSTER, "redpanda_secrets_tls": False}, {"insecure": "${env:BROKER_WITHOUT_TLS}"}),
    ],
    ids=["private", "public", "plain"],
)
def test_it_logs_in_as_the_environment_does(
    stubbed: Stubbed, helm: Helm, given: dict[str, Any], tls: dict[str, str]
) -> None:
    template, config = deployed(stubbed, helm, **given)
    receiver = config["receivers"]["kafkametrics"]
    assert receiver["tls"] == tls
    assert receiver["group_match"] == r"^todo\-test[.]"
    assert receiver["scrapers"] == ["consumers"]
    assert template["metadata"]["labels"]["todo.cloud/access-broker"] == "true"
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 9090, "protocol": "TCP"}]
    assert config["exporters"]["prometheus"]["endpoint"].endswith(":9090")


def test_one_that_was_there_and_is_down_ends_no_run(stubbed: Stubbed) -> None:
    down = [{"code": "crash_loop", "message": "consumer-lag: container service exits", "details": {}}]
    told = run(stubbed, {"changed": False, "failed": True, "action": "verify", "failures": down})
    assert told.code == 0, told.output
    assert "no alert tells of it: consumer-lag: container service exits. The services do without it" in told.text
    new = run(stubbed, {"changed": True, "failed": True, "action": "upgrade", "failures": down})
    assert new.code != 0


def test_without_it_nothing_is_deployed(stubbed: Stubbed) -> None:
    groups = {**GROUPS, "dependencies": {"consumer_lag": {"platform_wanted": False}}}
    done = stubbed.run("services", inventory(groups), answers={"todo.cloud.helm_release": FINE})
    assert done.code == 0, done.output
    assert done.arguments("helm_release") == []
