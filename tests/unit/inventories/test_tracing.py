"""Where traces go: sidecars are told and restarted, services know the share, the network policies open exactly that."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm
from tests.unit.inventories.conftest import CANARY, SECRETS, folder

IN_MONITORING = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring"]}


COLLECTOR, ELSEWHERE = "collector.monitoring.svc:4317", "otel.example.com:443"


class Described(Protocol):
    """An inventory's releases and environment with this endpoint, which is reached by HTTP and TLS."""

    def __call__(self, endpoint: str, of: str = "staging") -> dict[str, Any]: ...


@pytest.fixture(scope="module")
def described() -> Iterator[Described]:
    given = {"TODO_VERSION": "sha-0123abc", **{f"TODO_{name}": CANARY for name in SECRETS}}
    how = ["-e", "tracing_protocol=http", "-e", "tracing_secure=true"]

    @functools.cache
    def describe(endpoint: str, of: str = "staging") -> dict[str, Any]:
        playbook, told = TOP / "tests/unit/inventories/render.yml", ["-e", f"tracing_endpoint={endpoint}"]
        run = ansible.playbook(playbook, "-i", folder(of), *told, *(how if endpoint else []), **given)
        assert run.returncode == 0, run.stdout[-4000:]
        printed = run.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
        return dict(json.JSONDecoder().raw_decode(printed)[0]["msg"])

    with Ansible(ANSIBLE_CALLBACK_RESULT_FORMAT="json") as ansible:
        yield describe


def policies(helm: Helm, found: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in found["environment"]["values"].items() if key != "environment"}
    return {o["metadata"]["name"]: o["spec"] for o in helm.environment(**values) if o["kind"] == "NetworkPolicy"}


@pytest.mark.parametrize(
    ("endpoint", "peers", "port"),
    [
        (COLLECTOR, [{"namespaceSelector": {"matchExpressions": [IN_MONITORING]}}], 4317),
        (ELSEWHERE, [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}], 443),
    ],
)
def test_sidecars_and_policies_name_the_endpoint(
    endpoint: str, peers: list[Any], port: int, helm: Helm, described: Described
) -> None:
    found = described(endpoint)
    components = next(r for wave in found["waves"] for r in wave if r["name"] == "dapr-components")
    told = components["values"]["configuration"]["tracing"]
    assert told == {"otelEndpoint": endpoint, "otelProtocol": "http", "otelSecure": True, "samplingRate": "1"}
    spec = policies(helm, found)["allow-traces"]
    assert spec["podSelector"] == {"matchLabels": {"dapr.io/sidecar-injected": "true"}}
    assert spec["egress"] == [{"to": peers, "ports": [{"protocol": "TCP", "port": port}]}]


def release(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(r) for wave in found["waves"] for r in wave if r["name"] == name)


@pytest.mark.parametrize(("of", "share"), [("staging", "1"), ("production", "0.1")])
def test_each_environment_samples_its_own_share(of: str, share: str, described: Described) -> None:
    """Sidecars do as whoever began the trace, so services have the share, too."""
    found = described(COLLECTOR, of)
    assert release(found, "dapr-components")["values"]["configuration"]["tracing"]["samplingRate"] == share
    for name in ("frontend", "backend-api"):
        told = release(found, name)["values"]["env"]
        assert (told["OTEL_TRACES_SAMPLER"], told["OTEL_TRACES_SAMPLER_ARG"]) == ("parentbased_traceidratio", share)


def test_sidecars_restart_when_it_changes(described: Described) -> None:
    """They read their Configuration at their start only."""
    seen = [
        release(described(each), "backend-api")["values"]["podAnnotations"]["todo.cloud/components"]
        for each in ("", COLLECTOR, ELSEWHERE)
    ]
    assert len(set(seen)) == 3


def test_without_one_nothing_is_said_and_nothing_is_open(helm: Helm, described: Described) -> None:
    found = described("")
    components = next(r for wave in found["waves"] for r in wave if r["name"] == "dapr-components")
    assert "tracing" not in components["values"].get("configuration", {})
    assert not [name for name in release(found, "backend-api")["values"]["env"] if name.startswith("OTEL_")]
    assert "allow-traces" not in policies(helm, found)
