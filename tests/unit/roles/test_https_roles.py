"""Roles ingress and cert_manager: what they say where something is missing, and what they would apply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
REFUSED = {"conditions": [{"type": "Ready", "status": "False", "message": "Failed to register ACME account: 403"}]}


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("https")) as found:
        yield found


def helm(folder: Path, script: str = "echo '{}'") -> str:
    file = folder / "helm"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def info(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {f"kubernetes.core.k8s_info {kind}": {"resources": list(items)}}


def deployment(name: str, version: str, available: int = 1) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app.kubernetes.io/version": version}}
    return {"metadata": metadata, "spec": {"replicas": 1}, "status": {"availableReplicas": available}}


def service(address: str) -> dict[str, Any]:
    status = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP", "ports": [{"port": 443}]}]}}
    return {"metadata": {"name": "traefik"}, "spec": {"type": "LoadBalancer"}, "status": status}


def run(
    stubbed: Stubbed, role: str, hosts: dict[str, dict[str, Any]], answers: dict[str, Any], **variables: Any
) -> Run:
    """The role once for each host, side by side."""
    found = {name: {"platform_role": role, **given} for name, given in hosts.items()}
    return stubbed.run("platform", inventory({"platform": found}, **variables), answers=answers)


def test_no_cert_manager_is_one_sentence_and_nothing_is_changed(stubbed: Stubbed) -> None:
    hosts = {"others": {"platform_manage": False}, "ours": {"cert_manager_manage": False}}
    found = run(stubbed, "cert_manager", hosts, info("Deployment"))
    assert found.code != 0
    assert "There is no cert-manager in namespace cert-manager, and this inventory may not install it" in found.text
    assert {"fatal: [others]", "fatal: [ours]"} <= set(re.findall(r"fatal: \[\w+\]", found.text))
    assert set(found.modules()) == {"k8s_info"}


def test_an_old_or_unready_cert_manager_is_named(stubbed: Stubbed) -> None:
    parts = (deployment("old", "v1.20.3"), deployment("down", "v1.21.2", 0), deployment("good", "v1.22.0"))
    found = run(stubbed, "cert_manager", {"x": {}}, info("Deployment", *parts), platform_manage=False)
    assert found.code != 0
    assert "old runs version 1.20.3 with 1 of 1 pods available; needed are version 1.21.2 or newer" in found.text
    assert "down runs version 1.21.2 with 0 of 1 pods available" in found.text
    assert "good runs" not in found.text


def test_a_required_issuer_is_ready_or_explained(stubbed: Stubbed) -> None:
    issuers: list[dict[str, Any]] = [
        {"metadata": {"name": "refused"}, "status": REFUSED},
        {"metadata": {"name": "new"}},
    ]
    issuers.append({"metadata": {"name": "good"}, "status": READY})
    answers = {**info("Deployment", deployment("x", "v1.21.2")), **info("ClusterIssuer", *issuers)}
    hosts = {
        "three": {"cert_manager_required_issuers": ["gone", "refused", "new", "good"]},
        "one": {"cert_manager_required_issuers": ["good"]},
    }
    found = run(stubbed, "cert_manager", hosts, answers, platform_manage=False)
    assert (
        "There is no ClusterIssuer gone. ClusterIssuer refused is not ready: Failed to register ACME account: 403. "
        "ClusterIssuer new is not ready: cert-manager has not looked at it yet."
    ) in found.text, found.output
    assert "good is not ready" not in found.text


def guards(applied: list[dict[str, Any]]) -> list[str]:
    return sorted({each["kind"] for each in applied})


def test_issuers_of_every_kind_are_applied(stubbed: Stubbed, tmp_path: Path) -> None:
    dns = {"digitalocean": {"tokenSecretRef": {"name": "dns", "key": "token"}}}
    given = {
        "cert_manager_helm_binary": helm(tmp_path), "cert_manager_chart_ref": "/charts/x",
        "cert_manager_acme_servers": {"le": "https://acme.example.com/dir"}, "cert_manager_acme_email": "a@example.com",
        "cert_manager_acme_ca": "PEM", "cert_manager_acme_profile": "tlsserver", "cert_manager_dns01": dns,
        "cert_manager_dns01_zones": ["example.com"], "cert_manager_ca_certificate": "CERT",
        "cert_manager_ca_key": "KEY", "cert_manager_issuers": {"more": {"selfSigned": {}}},
    }  # fmt: skip
    issuers = [{"metadata": {"name": name}, "status": READY} for name in ("le", "own-ca", "more")]
    answers = {**info("ClusterIssuer", *issuers), "kubernetes.core.k8s": {"result": {"spec": {}}}}
    found = run(stubbed, "cert_manager", {"x": given}, answers)
    assert found.code == 0, found.output
    applied = [call["args"]["definition"] for call in found.calls if isinstance(call["args"].get("definition"), list)]
    specs = {each["metadata"]["name"]: each["spec"] for each in applied[-1] if each["kind"] == "ClusterIssuer"}
    assert specs["own-ca"] == {"ca": {"secretName": "own-ca"}}
    assert specs["more"] == {"selfSigned": {}}
    assert specs["le"]["acme"] == {
        "server": "https://acme.example.com/dir", "email": "a@example.com", "profile": "tlsserver", "caBundle": "UEVN",
        "privateKeySecretRef": {"name": "le-account"},
        "solvers": [
            {"selector": {"dnsZones": ["example.com"]}, "dns01": dns},
            {"http01": {"ingress": {"ingressClassName": "traefik"}}},
        ],
    }  # fmt: skip
    assert guards(applied[0]) == ["LimitRange", "NetworkPolicy", "ResourceQuota"]
    (release,) = found.arguments("helm_release")
    assert release["values"]["crds"] == {"enabled": False}, "they would go with the release"


def test_a_chart_that_cannot_be_read_and_a_silent_webhook_are_told_as_that(stubbed: Stubbed, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    bad = {"platform_role": "ingress", "ingress_helm_binary": helm(tmp_path / "bad", "echo 'Error: 401' >&2; exit 1")}
    silent = {"cert_manager_helm_binary": helm(tmp_path), "cert_manager_chart_ref": "/charts/x"}
    answers = {"kubernetes.core.k8s": {"msg": "failed calling webhook: connection refused", "result": {}}}
    pinned = {**bad, "ingress_chart_ref": "oci://mirror/chart@sha256:0a"}
    hosts = {"bad": {**bad, "ingress_chart_ref": "oci://mirror/chart"}, "pinned": pinned, "silent": silent}
    described = inventory({"platform": {k: {"platform_role": "cert_manager", **v} for k, v in hosts.items()}})
    found = stubbed.run("platform", described, "-e", "_cert_manager_trial_retries=1", answers=answers)
    text = found.text.replace("''", "'")
    assert found.code != 0
    assert "Traefik's chart oci://mirror/chart (ingress_chart_ref)" in text, found.output
    assert "Error: 401" in text
    assert "show chart oci://mirror/chart --version 41.3.0" in text
    assert "show chart oci://mirror/chart@sha256:0a" in text
    assert "sha256:0a --version" not in text, "the digest says all"
    assert "cert-manager's webhook does not answer the API server, so no certificate can be asked for (failed" in text


def test_traefik_gets_limits_hsts_and_no_time_out_for_streams(stubbed: Stubbed, tmp_path: Path) -> None:
    common = {"ingress_helm_binary": helm(tmp_path), "ingress_chart_ref": "/charts/x"}
    hosts: dict[str, dict[str, Any]] = {
        "usual": {"ingress_hosts": ["new.invalid"]},
        "plain": {
            "ingress_hsts_seconds": 0,
            "ingress_rate_limit": 0,
            "ingress_namespace": "plain",
            "ingress_quota": {},
            "ingress_values": {"ports": {"smtp": {"port": 2525}}},
        },
        "elsewhere": {"ingress_hosts": ["localhost.localdomain"], "ingress_namespace": "elsewhere"},
    }
    found = run(stubbed, "ingress", hosts, info("Service", service("203.0.113.7")), **common)
    values = {each["namespace"]: each["values"] for each in found.arguments("helm_release")}
    lists = [call["args"]["definition"] for call in found.calls if isinstance(call["args"].get("definition"), list)]
    limits = {made[0]["metadata"]["namespace"]: made for made in lists if made[0]["kind"] != "Middleware"}
    assert guards(limits["traefik"]) == ["LimitRange", "NetworkPolicy", "ResourceQuota"]
    assert guards(limits["plain"]) == ["NetworkPolicy"]
    (clients,) = (each["spec"] for each in limits["plain"] if each["metadata"]["name"] == "allow-clients")
    assert [port["port"] for port in clients["ingress"][0]["ports"]] == ["smtp", "web", "websecure"]
    ports = values["traefik"]["ports"]
    assert ports["web"]["http"]["middlewares"] == ["traefik-rate-limit@kubernetescrd"]
    https = ["traefik-hsts@kubernetescrd", "traefik-rate-limit@kubernetescrd"]
    assert ports["websecure"]["http"]["middlewares"] == https
    for port in ports.values():
        assert port["transport"]["respondingTimeouts"]["writeTimeout"] == "0s"
        assert port["transport"]["lifeCycle"]["graceTimeOut"] == "30s"
    assert values["traefik"]["deployment"]["terminationGracePeriodSeconds"] == 50
    assert values["plain"]["ports"]["websecure"]["http"]["middlewares"] == []
    access = values["plain"]["accessLog"]
    assert (access["enabled"], access["format"], access["fields"]["queryParameters"]) == (
        True,
        "json",
        {"defaultMode": "drop"},
    )
    kept = {"X-Trace-Id": "keep", "Traceparent": "keep"}
    assert access["fields"]["headers"] == {"defaultMode": "drop", "names": kept}
    assert "ingress controller: 203.0.113.7" in found.text
    assert "new.invalid is not in DNS yet: make the record new.invalid. A 203.0.113.7" in found.text
    if "localhost.localdomain is not in DNS" not in found.text:  # most machines know it
        assert found.code != 0
        assert "and not to 203.0.113.7: correct the record to localhost.localdomain. A 203.0.113.7." in found.text
        assert "No certificate was asked for." in found.text


def test_a_class_that_nobody_serves_is_named(stubbed: Stubbed) -> None:
    hosts = {"ours": {}, "theirs": {"ingress_class_name": "nginx"}}
    classes = info("IngressClass", {"metadata": {"name": "nginx"}})
    found = run(stubbed, "ingress", hosts, classes, platform_manage=False)
    assert found.code != 0
    assert "There is no IngressClass traefik (ingress_class_name), so nobody would serve the Ingresses" in found.text
    assert "the cluster has nginx. Run the platform playbook" in found.text
    assert "There is no IngressClass nginx" not in found.text


def test_a_missing_part_is_installed_by_whoever_may_and_no_other(stubbed: Stubbed, tmp_path: Path) -> None:
    """The environment does not manage the platform. Who made a part looks after it until somebody manages it."""
    parts = {"dapr": "dapr-system", "kafka": "kafka", "ingress": "traefik", "cert_manager": "cert-manager"}
    ours = {"todo.cloud/installed-by": "test"}
    there = {"kafka": ours, "managed": {**ours, "todo.cloud/platform-of": "production"}, "others": {}}
    names = [*parts.values(), "forbidden", "tokenless", *there]
    answers: dict[str, Any] = {
        **info("Deployment"), **info("IngressClass"), **info("StatefulSet"), **info("Service"),
        **info("ClusterIssuer", {"metadata": {"name": "le"}, "status": READY}), **info("CustomResourceDefinition"),
        "kubernetes.core.k8s_info Secret dns": {"resources": []},
    }  # fmt: skip
    for name in names:
        found = [{"metadata": {"name": name, "labels": there[name]}}] if name in there else []
        answers[f"kubernetes.core.k8s_info Namespace {name}"] = {"resources": found}
        tried = {} if name == "forbidden" else {"metadata": {"name": name}}
        answers[f"kubernetes.core.k8s Namespace {name}"] = {"result": tried}
    given: dict[str, Any] = {"cert_manager_acme_servers": {"le": "https://acme.example.com/dir"}}
    for part in ("dapr", "ingress", "cert_manager"):
        given |= {f"{part}_helm_binary": helm(tmp_path), f"{part}_chart_ref": "/charts/x"}
    checked = ("forbidden", "managed", "others")
    hosts: dict[str, dict[str, Any]] = {n: {"platform_role": "dapr", "dapr_namespace": n} for n in checked}
    dns01 = {"digitalocean": {"tokenSecretRef": {"key": "token", "name": "dns"}}}
    tokenless = {"platform_role": "cert_manager", "cert_manager_namespace": "tokenless", "cert_manager_dns01": dns01}
    hosts |= {"tokenless": tokenless}
    described = inventory({"platform": {**{name: {} for name in parts}, **hosts}}, platform_manage=False, **given)
    run = stubbed.run("platform", described, answers=answers)
    assert (
        "cert_manager_dns01 names the Secret dns, which is not in namespace tokenless: put its values into" in run.text
    )
    assert f"{', '.join(hosts)} did not come through (platform)" in run.text, run.output
    assert "There is no Dapr in namespace forbidden, and this inventory may not install it" in run.text
    made_in = [*parts.values(), "tokenless"]
    assert sorted(each["namespace"] for each in run.arguments("helm_release")) == sorted(made_in)
    definitions = [call["args"].get("definition") for call in run.calls]
    made = [each["metadata"] for each in definitions if isinstance(each, dict) and each["kind"] == "Namespace"]
    assert {each["name"] for each in made} == set(made_in)
    for each in made:
        assert each["labels"]["todo.cloud/installed-by"] == "test"
        assert "todo.cloud/platform-of" not in each["labels"], "so that whoever manages the platform can take it"
