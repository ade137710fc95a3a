"""Where traces go: sidecars are told and restarted, services know the share, the network policies open exactly that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm
from tests.unit.inventories.conftest import CANARY, SECRETS, folder

IN_MONITORING = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring"]}


def described(endpoint: str, *more: str, of: str = "staging") -> dict[str, Any]:
    """An inventory's releases and environment with this endpoint."""
    given = {"TODO_VERSION": "sha-0123abc", **{f"TODO_{name}": CANARY for name in SECRETS}}
    with Ansible(ANSIBLE_CALLBACK_RESULT_FORMAT="json") as ansible:
        arguments: list[str | Path] = ["-i", folder(of), "-e", f"tracing_endpoint={endpoint}", *more]
        run = ansible.playbook(TOP / "tests/unit/inventories/render.yml", *arguments, **given)
    assert run.returncode == 0, run.stdout[-4000:]
    printed = run.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
    return dict(json.JSONDecoder().raw_decode(printed)[0]["msg"])


def policies(helm: Helm, found: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in found["environment"]["values"].items() if key != "environment"}
    return {o["metadata"]["name"]: o["spec"] for o in helm.environment(**values) if o["kind"] == "NetworkPolicy"}


@pytest.mark.parametrize(
    ("endpoint", "peers", "port"),
    [
        (
            "collector.monitoring.svc:4317",
            [{"namespaceSelector": {"matchExpressions": [IN_MONITORING]}}],
            4317,
        ),
        ("otel.example.com:443", [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}], 443),
    ],
)
def test_sidecars_and_policies_name_the_endpoint(endpoint: str, peers: list[Any], port: int, helm: Helm) -> None:
    found = described(endpoint, "-e", "tracing_protocol=http", "-e", "tracing_secure=true")
    components = next(r for wave in found["waves"] for r in wave if r["name"] == "dapr-components")
    told = components["values"]["configuration"]["tracing"]
    assert told == {"otelEndpoint": endpoint, "otelProtocol": "http", "otelSecure": True, "samplingRate": "1"}
    spec = policies(helm, found)["allow-traces"]
    assert spec["podSelector"] == {"matchLabels": {"dapr.io/sidecar-injected": "true"}}
    assert spec["egress"] == [{"to": peers, "ports": [{"protocol": "TCP", "port": port}]}]


def release(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(r) for wave in found["waves"] for r in wave if r["name"] == name)


@pytest.mark.parametrize(("of", "share"), [("staging", "1"), ("production", "0.1")])
def test_each_environment_samples_its_own_share(of: str, share: str) -> None:
    """Sidecars do as whoever began the trace, so services have the share, too."""
    found = described("collector.monitoring.svc:4317", of=of)
    assert release(found, "dapr-components")["values"]["configuration"]["tracing"]["samplingRate"] == share
    for name in ("frontend", "backend-api"):
        told = release(found, name)["values"]["env"]
        assert (told["OTEL_TRACES_SAMPLER"], told["OTEL_TRACES_SAMPLER_ARG"]) == ("parentbased_traceidratio", share)


def test_sidecars_restart_when_it_changes() -> None:
    """They read their Configuration at their start only."""
    settings = ["", "collector.monitoring.svc:4317", "otel.example.com:443"]
    seen = [
        release(described(each), "backend-api")["values"]["podAnnotations"]["todo.cloud/components"]
        for each in settings
    ]
    assert len(set(seen)) == 3


def test_without_one_nothing_is_said_and_nothing_is_open(helm: Helm) -> None:
    found = described("")
    components = next(r for wave in found["waves"] for r in wave if r["name"] == "dapr-components")
    assert "tracing" not in components["values"].get("configuration", {})
    assert not [name for name in release(found, "backend-api")["values"]["env"] if name.startswith("OTEL_")]
    assert "allow-traces" not in policies(helm, found)
