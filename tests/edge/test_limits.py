"""Let's Encrypt's rate limit: at the first certificate of a host, and at a renewal while the old one serves."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import JSON_PATCH
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT

from tests.edge import pebble
from tests.edge.conftest import NAMESPACE, Edge, issued, management
from tests.integration.support import apply, eventually, run_module

HOST, NAME, CERTIFICATE, ISSUER = "limited.edge.test", "limited", "limited-tls", "pebble-long"
LIMITS = "http://{}:14002/"
WORDS = (
    r"order limited-tls-\d+-\d+ is errored: Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too "
    r"many certificates \(5\) already issued for this exact set of identifiers in the last 168h0m0s, retry after "
    r"{ends}.* The ACME server's limit ends at {ends}; more runs do not help before\. cert-manager tries again at \S+Z"
)


def limit(edge: Edge, orders: int, seconds: int) -> str:
    """Let so many more orders for the host through for so many seconds; when that ends, in the ACME server's words."""
    until = int(time.time()) + seconds
    management(edge.kube, "pebble", LIMITS, names=[HOST], orders=orders, until=until)
    return f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"


def asked(edge: Edge) -> list[bool]:
    """Of each order for the host, whether it was refused."""
    return [each["refused"] for each in json.loads(management(edge.kube, "pebble", LIMITS)) if each["names"] == [HOST]]


def described(edge: Edge) -> dict[str, Any]:
    return next((each for each in certificates(edge.kube, NAMESPACE) if each["name"] == CERTIFICATE), {"why": ""})


def run_again(edge: Edge) -> None:
    """All that a run does to the host and its certificate."""
    edge.deploy(NAME, HOST, ISSUER)
    run = edge.platform()
    assert run.returncode == 0, run.stdout[-3000:]


def told(edge: Edge) -> str:
    """What status.yml shows, as one line."""
    run = edge.playbooks("playbooks/status.yml", "-e", f"environment_namespace={NAMESPACE}")
    assert run.returncode == 0, run.stdout[-3000:]
    return " ".join(run.stdout.split()).replace("''", "'")  # as YAML quotes it


def is_issuing(edge: Edge) -> bool:
    kind = edge.kube.resource("cert-manager.io/v1", "Certificate")
    conditions = edge.kube.get(kind, NAMESPACE, CERTIFICATE)["status"]["conditions"]
    return any(each["type"] == "Issuing" and each["status"] == "True" for each in conditions)


def renew(edge: Edge) -> None:
    """As `cmctl renew` does."""
    kind = edge.kube.resource("cert-manager.io/v1", "Certificate")
    found = edge.kube.get(kind, NAMESPACE, CERTIFICATE)["status"]["conditions"]
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
    conditions = [*(each for each in found if each["type"] != "Issuing"), {**issuing, "message": "by hand"}]
    edge.kube.patch(kind, NAMESPACE, CERTIFICATE, {"status": {"conditions": conditions}}, subresource="status")


@contextmanager
def impatient(edge: Edge) -> Iterator[None]:
    """cert-manager's pause after a failure is a second and not an hour: as if that hour had passed."""

    def arguments(change: list[str]) -> None:
        path = "/spec/template/spec/containers/0/args"
        body = [{"op": "replace", "path": path, "value": before + change}]
        edge.kube.patch(DEPLOYMENT, "cert-manager", "cert-manager", body, content_type=JSON_PATCH)

    deployment = edge.kube.get(DEPLOYMENT, "cert-manager", "cert-manager")
    before: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    arguments(["--certificate-request-minimum-backoff-duration=1s"])
    try:
        yield
    finally:
        arguments([])


def has_failed(edge: Edge) -> bool:
    return "cert-manager tries again at" in described(edge)["why"]


@pytest.fixture(scope="module")
def limited(edge: Edge) -> Edge:
    """With an issuer whose certificates last."""
    kind = edge.kube.resource("cert-manager.io/v1", "ClusterIssuer")
    acme = edge.kube.get(kind, "", "pebble")["spec"]["acme"]
    spec = {"acme": {**acme, "profile": pebble.LONG, "privateKeySecretRef": {"name": f"{ISSUER}-account"}}}
    apply(edge.kube, "", [{"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": ISSUER},
                           "spec": spec}])  # fmt: skip
    return edge


def test_a_limit_at_the_first_certificate_and_at_a_renewal(limited: Edge) -> None:
    edge = limited
    ends = limit(edge, orders=0, seconds=3600)
    edge.deploy(NAME, HOST, ISSUER)
    eventually("the refusal is known", lambda: has_failed(edge), 90)
    words = WORDS.format(ends=re.escape(ends))
    status = told(edge)
    assert re.search(f"certificate {CERTIFICATE}: not issued yet, not ready: {words}", status), status
    run = run_module(
        "release_verify",
        {"namespace": NAMESPACE, "releases": [], "endpoint": {"url": f"https://{edge.address}/health"}, "timeout": 600},
        edge.cluster.kubeconfig,
    )
    assert run.code == "endpoint_down", run.output
    assert re.search(f"self-signed certificate.* Certificate {CERTIFICATE} is not issued: {words}", run.result["msg"])
    run_again(edge)
    assert asked(edge) == [True], "no run asks again"

    limit(edge, orders=0, seconds=0)  # its time has come
    with impatient(edge):
        eventually("the certificate comes by itself", lambda: issued(edge.kube, CERTIFICATE), 120)
    assert asked(edge) == [True, False]
    eventually("HTTPS", lambda: served(edge), 30)

    ends = limit(edge, orders=1, seconds=3600)
    first = edge.served(HOST).serial_number
    eventually("cert-manager is back", lambda: ready(edge), 120)
    renew(edge)
    eventually("the order that is left", lambda: edge.served(HOST).serial_number != first, 90)
    old = edge.served(HOST).serial_number
    eventually("it is done", lambda: not is_issuing(edge), 30)
    renew(edge)
    eventually("the refusal is known", lambda: has_failed(edge), 90)
    status = told(edge)
    words = WORDS.format(ends=re.escape(ends))
    assert re.search(f"certificate {CERTIFICATE}: 89 days left: renewal failed: {words}", status), status
    run_again(edge)
    assert asked(edge) == [True, False, False, True], "no run asks again"
    assert (edge.served(HOST).serial_number, served(edge)) == (old, True), "the old one serves"

    limit(edge, orders=0, seconds=0)
    renew(edge)
    eventually("another certificate", lambda: edge.served(HOST).serial_number != old, 90)
    assert served(edge)
    eventually("nothing to tell", lambda: described(edge)["why"] == "", 30)


def served(edge: Edge) -> bool:
    try:
        return edge.get("/health", host=HOST).status == 200
    except OSError:
        return False


def ready(edge: Edge) -> bool:
    """Whether the controller runs as it was before."""
    deployment = edge.kube.get(DEPLOYMENT, "cert-manager", "cert-manager")
    status, generation = deployment["status"], deployment["metadata"]["generation"]
    if status.get("observedGeneration") != generation:
        return False
    return bool(status.get("updatedReplicas") == status.get("replicas") == 1)
