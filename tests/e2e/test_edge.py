"""The public name by HTTPS, and what limits every part, on the cluster that inventories/local deploys."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
import pytest

from tests.cluster.cli import PUBLIC_HOST
from tests.e2e.conftest import NAMESPACE, Cluster, until

OURS = {NAMESPACE, "dapr-system", "kafka", "traefik", "cert-manager"}
GUARDS = "networkpolicies,resourcequotas,limitranges,certificates.cert-manager.io"
ADMISSION = "validatingadmissionpolicies,validatingadmissionpolicybindings,clusterissuers.cert-manager.io"


@pytest.fixture
def edge(app: Cluster) -> Cluster:
    """The cluster, where it has HTTPS."""
    if not app.facts["https"]:
        pytest.skip("the cluster was started without HTTPS (`up --https`)")
    return app


def ask(edge: Cluster, path: str, scheme: str = "https", host: str = PUBLIC_HOST) -> httpx.Response:
    """One request as a browser sends it that trusts the cluster's authority."""
    trusted = ssl.create_default_context(cafile=str(Path(edge.kubeconfig).parent / "pki/public-ca.crt"))
    with httpx.Client(verify=trusted, timeout=60, trust_env=False) as client:
        url = f"{scheme}://{edge.public_ip}:{edge.facts[f'{scheme}_port']}{path}"
        return client.get(url, headers={"Host": host}, extensions={"sni_hostname": host})


def answers(edge: Cluster, host: str = PUBLIC_HOST) -> bool:
    """Whether the page answers, with a certificate that counts."""
    try:
        return ask(edge, "/", host=host).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_page_answers_by_https_only(edge: Cluster) -> None:
    until(lambda: answers(edge), 60, "the page answers by HTTPS")
    page = ask(edge, "/")
    assert (page.status_code, page.headers["strict-transport-security"]) == (200, "max-age=31536000")
    away = ask(edge, "/a?b=c", "http")
    assert (away.status_code, away.headers["location"]) == (301, f"https://{PUBLIC_HOST}/a?b=c")
    shown = " ".join(edge.playbook("playbooks/status.yml").ok().output.split())
    assert f"host {PUBLIC_HOST}: {edge.public_ip}" in shown
    assert "certificate frontend-tls: 89 days left" in shown


def test_every_container_has_requests_and_limits_and_every_namespace_a_quota(app: Cluster) -> None:
    there = {item["metadata"]["name"] for item in app.get("namespaces")} & OURS
    assert {NAMESPACE, "dapr-system", "kafka"} <= there
    unlimited = [
        f"{namespace}/{pod['metadata']['name']} {container['name']}: {what} of {resource}"
        for namespace in there
        for pod in app.get("pods", namespace=namespace)
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        for what in ("requests", "limits")
        for resource in ("cpu", "memory")
        if resource not in container.get("resources", {}).get(what, {})
    ]
    assert not unlimited
    assert {namespace for namespace in there if not app.get("resourcequota", namespace=namespace)} == set()


def guards(edge: Cluster) -> set[str]:
    """Kinds and names of what limits and lets in, and of certificates."""
    asked = [("-n", namespace, "get", GUARDS) for namespace in sorted(OURS)] + [("get", ADMISSION)]
    found = [item for words in asked for item in json.loads(edge.kubectl(*words, "-o", "json"))["items"]]
    return {f"{o['kind']} {o['metadata'].get('namespace', '')}/{o['metadata']['name']}" for o in found}


def test_what_is_deleted_by_hand_comes_back(edge: Cluster) -> None:
    before = guards(edge)
    assert {one.split()[0] for one in before} >= {
        "NetworkPolicy", "ResourceQuota", "LimitRange", "Certificate", "ClusterIssuer",
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    }  # fmt: skip
    for one in sorted(before):
        kind, _, name = one.partition(" ")
        namespace, _, name = name.partition("/")
        edge.kubectl("delete", kind, name, *(("-n", namespace) if namespace else ()), "--wait=false")
    edge.kubectl("delete", "secret", "frontend-tls", "-n", NAMESPACE)
    edge.playbook("site.yml").ok()
    assert before - guards(edge) == set()
    until(lambda: answers(edge), 60, "the page answers by HTTPS")
    again = edge.playbook("site.yml").ok()
    assert again.count("changed") == 0, again.output
