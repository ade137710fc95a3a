"""How a service is reached from outside: hosts, paths, certificates, by Ingress, Gateway or node port."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.exposure import exposure_values

TLS = {"class_name": "traefik", "cluster_issuer": "letsencrypt", "annotations": {"a": "b"}, "traefik_redirect": True}


def exposure(public: Any, ingress: dict[str, Any]) -> dict[str, Any]:
    return dict(exposure_values("web", {"public": public}, ingress)["exposure"])


def test_a_gateway_serves_the_same_hosts() -> None:
    gateway = {"name": "edge", "namespace": "gateways"}
    environment = {**TLS, "exposure_api": "gateway", "gateway": gateway}
    assert exposure("shop.example.com", environment) == {
        "api": "gateway",
        "gateway": gateway,
        "host": "shop.example.com",
    }
    public = [{"host": "a.example.com", "paths": ["/api"], "annotations": {"x": True}}, {"host": "b.example.com"}]
    assert exposure(public, environment) == {
        "api": "gateway", "gateway": gateway, "annotations": {"x": "true"},
        "rules": [{"host": "a.example.com", "paths": [{"path": "/api"}]}, {"host": "b.example.com"}],
    }  # fmt: skip


def test_a_node_port_needs_neither() -> None:
    made = exposure_values("web", {"public": {"node_port": 30080}}, {**TLS, "exposure_api": "gateway"})
    assert made == {"service": {"type": "NodePort", "nodePort": 30080}}


def test_the_platform_says_how_a_host_is_public() -> None:
    assert exposure("shop.example.com", TLS) == {
        "api": "ingress",
        "host": "shop.example.com",
        "annotations": {"a": "b"},
        "ingress": {
            "className": "traefik",
            "tlsSecretName": "web-tls",
            "clusterIssuer": "letsencrypt",
            "traefikRedirect": True,
        },
    }


def test_several_hosts_and_paths_are_rules() -> None:
    made = exposure([{"host": "a.example.com", "paths": ["/api", "/docs"]}, {"host": "b.example.com", "tls": "b"}], TLS)
    assert made["rules"] == [
        {"host": "a.example.com", "paths": [{"path": "/api"}, {"path": "/docs"}]},
        {"host": "b.example.com", "tlsSecretName": "b"},
    ]
    assert made["ingress"]["tlsSecretName"] == "web-tls"
    assert "host" not in made


@pytest.mark.parametrize(
    ("public", "ingress", "certificate", "issuer"),
    [
        ({"host": "a.example.com"}, {}, "", ""),
        ({"host": "a.example.com", "tls": "own"}, TLS, "own", ""),
        ({"host": "a.example.com", "tls": False}, TLS, "", ""),
    ],
)
def test_a_certificate_is_the_platforms_or_ones_own(
    public: dict[str, Any], ingress: dict[str, Any], certificate: str, issuer: str
) -> None:
    made = exposure(public, ingress)["ingress"]
    assert (made["tlsSecretName"], made["clusterIssuer"]) == (certificate, issuer)
    assert made["traefikRedirect"] is bool(certificate)
