"""HTTPS on a real cluster: what the platform's roles deploy, asked as browsers do."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import BackgroundProbe, Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, SECRET

from tests.edge import pebble
from tests.edge.browser import Refused, browser
from tests.edge.conftest import HOST, LOST, NAMESPACE, Edge, issued, management, trusted
from tests.integration.support import eventually


@contextmanager
def named(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundProbe]:
    """Requests every 50 ms, each by a connection of its own; the host's name leads to the cluster, as DNS would."""
    ask = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: ask(edge.address if host == HOST else host, *a, **k)
    )
    with BackgroundProbe(Endpoint(f"https://{HOST}/health", ca_path=str(edge.root))) as probe:
        yield probe


def test_https_has_a_valid_chain_and_hsts(edge: Edge) -> None:
    answer = edge.get("/health")
    assert (answer.status, answer.getheader("strict-transport-security")) == (200, "max-age=31536000")


def test_http_is_redirected_for_good(edge: Edge) -> None:
    answer = edge.get("/a?b=c", https=False)
    assert (answer.status, answer.getheader("location")) == (301, f"https://{HOST}/a?b=c")


def test_a_stream_comes_piece_by_piece_and_outlives_a_rollout_of_traefik(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, seen = edge.get("/events"), []

    def read() -> None:
        for _ in range(100):  # 20 s
            seen.append(answer.readline())
            answer.readline()

    reader = threading.Thread(target=read, daemon=True)
    with named(edge, monkeypatch) as probe:
        reader.start()
        eventually("first pieces", lambda: len(seen) > 2, 5)
        at = {"spec": {"template": {"metadata": {"annotations": {"restarted": str(time.time())}}}}}
        edge.patch(DEPLOYMENT, "traefik", "traefik", at)
        reader.join(60)
    assert len(seen) == 100
    assert seen[-1].startswith(b"data: 99")
    assert (probe.result.failed, probe.result.requests > 100) == (0, True), probe.result.summary()


def test_a_browser_shows_the_page_without_a_warning_and_hears_events(edge: Edge, tmp_path: Path) -> None:
    hosts = {HOST: edge.address}
    with browser(tmp_path / "stranger", hosts) as stranger, pytest.raises(Refused, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.open(f"https://{HOST}/page")
    with browser(tmp_path / "friend", hosts, edge.root) as friend:
        friend.open(f"http://{HOST}/page")
        assert friend.ask("return [location.href, document.title, isSecureContext]") == [
            f"https://{HOST}/page", "shop", True,
        ]  # fmt: skip
        eventually("events", lambda: len(friend.ask("return seen")) > 3)
        assert friend.ask("return seen.slice(0, 3)") == ["0", "1", "2"]


def test_one_client_is_limited(edge: Edge) -> None:
    raw = socket.create_connection((edge.address, 443), 20)
    with ssl.create_default_context(cafile=str(edge.root)).wrap_socket(raw, server_hostname=HOST) as secure:
        secure.sendall(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() * 400)  # one after another, at once
        found = b""
        while found.count(b"HTTP/1.1 ") < 400 and b"HTTP/1.1 429" not in found:
            found += secure.recv(65536)
    assert found.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 429" in found
    eventually("requests are answered again", lambda: edge.get("/health").status == 200, 10)


def test_renewal_costs_no_request(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    before = edge.served().serial_number

    def renewed() -> bool:
        return edge.served().serial_number != before

    with named(edge, monkeypatch) as probe:
        eventually("another certificate", renewed, pebble.LIFETIME_SECONDS + 60)
        time.sleep(2)
    assert (probe.result.failed, probe.result.requests > 20) == (0, True), probe.result.summary()
    assert edge.get("/health").status == 200


def test_a_certificate_that_is_not_issued_is_explained(edge: Edge) -> None:
    management(edge.kube, "pebble-dns", "http://{}:8055/add-a", host=f"{LOST}.", addresses=["127.0.0.1"])
    edge.deploy("lost", LOST)

    def why() -> str:
        return next((each["why"] for each in certificates(edge.kube, NAMESPACE) if each["name"] == "lost-tls"), "")

    found = eventually("the ACME server's words", lambda: text if "refused" in (text := why()) else "", 90)
    assert re.match(rf"HTTP-01 challenge for {re.escape(LOST)} is \w+: .*connection refused", found), found


def test_what_is_deleted_by_hand_comes_back(edge: Edge) -> None:
    issuers = edge.kube.resource("cert-manager.io/v1", "ClusterIssuer")
    middlewares = edge.kube.resource("traefik.io/v1alpha1", "Middleware")
    edge.kube.delete(issuers, "", "pebble")
    edge.kube.delete(middlewares, "traefik", "hsts")
    edge.kube.delete(SECRET, NAMESPACE, "shop-tls")
    run = edge.platform()
    assert run.returncode == 0, run.stdout[-3000:]
    assert "ClusterIssuer pebble" in run.stdout, "inspect.yml names it"
    eventually("certificate", lambda: issued(edge.kube, "shop-tls"), 90)
    eventually("HTTPS", lambda: trusted(edge), 30)
    assert edge.get("/health").getheader("strict-transport-security")


def test_a_second_run_changes_nothing(edge: Edge) -> None:
    began = time.monotonic()
    run = edge.platform()
    print(f"unchanged: {time.monotonic() - began:.1f} s")
    assert run.returncode == 0, run.stdout[-3000:]
    assert "changed=0" in run.stdout
    assert "ingress: as described" in run.stdout
    assert "cert_manager: as described" in run.stdout
    assert f"{HOST} is not in DNS yet: make the record {HOST}. A {edge.address}" in " ".join(run.stdout.split())


def test_a_webhook_that_does_not_answer_is_one_sentence(edge: Edge) -> None:
    edge.patch(DEPLOYMENT, "cert-manager", "cert-manager-webhook", {"spec": {"replicas": 0}})
    run = edge.platform("-e", "_cert_manager_trial_retries=2", "-e", "cert_manager_acme_email=a@todo.local")
    assert run.returncode != 0
    assert "cert-manager's webhook does not answer the API server" in " ".join(run.stdout.split()), run.stdout[-3000:]
    edge.patch(DEPLOYMENT, "cert-manager", "cert-manager-webhook", {"spec": {"replicas": 1}})
