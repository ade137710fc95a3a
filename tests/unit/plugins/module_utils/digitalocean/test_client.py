"""Requests are patient where that is safe, make things once, and say what the token lacks."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.digitalocean.account import SIZES
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean, Fault
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, client, failure


def test_all_pages_are_read(cloud: FakeDigitalOcean) -> None:
    assert [each["slug"] for each in api(cloud).sizes()] == list(SIZES)
    assert len(cloud.requests) == 3


@pytest.mark.parametrize("how", [500, 502, 503, "reset", "lost"])
def test_faults_are_retried(cloud: FakeDigitalOcean, how: int | str) -> None:
    cloud.faults = [Fault(how, times=3)]
    assert api(cloud).account()["droplet_limit"] == 10
    assert len(cloud.requests) == 4


@pytest.mark.parametrize("how", [500, "reset"])
def test_patience_ends(cloud: FakeDigitalOcean, how: int | str) -> None:
    cloud.faults = [Fault(how, times=1000)]
    found = failure(api(cloud).account)
    assert found.code is Code.CLOUD_UNREACHABLE
    assert len(cloud.requests) < 10


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        pauses: list[float] = []
        found = failure(Client(Access(TOKEN, url), pauses.append).get, "/v2/account", "account:read")
    assert (found.code, len(pauses)) == (Code.CLOUD_UNREACHABLE, 4)


@pytest.mark.parametrize("retry_after", [True, False])
def test_the_rate_limit_is_waited_for(cloud: FakeDigitalOcean, retry_after: bool) -> None:
    cloud.limit, cloud.retry_after = 3, retry_after
    lines: list[str] = []
    api(cloud, lines).sizes()
    api(cloud, lines).account()
    assert [each.status for each in cloud.requests] == [200, 200, 200, 429, 200]
    assert "rate limit" in lines[0]


def test_a_limit_that_ends_too_late_is_a_failure(cloud: FakeDigitalOcean) -> None:
    cloud.limit = 0
    found = failure(api(cloud, timeout=30).account)
    assert found.code is Code.CLOUD_UNREACHABLE
    assert "rate limit" in found.message


@pytest.mark.parametrize("how", ["reset", "lost", 500, 503])
def test_a_create_without_an_answer_makes_one_cluster(cloud: FakeDigitalOcean, how: int | str) -> None:
    for name in ("a", "b", "c"):  # three pages
        api(cloud).create_cluster(body(name))
    cloud.faults = [Fault(how, "POST", times=2)]
    assert api(cloud).create_cluster(body())["name"] == "todo"
    assert [each["name"] for each in cloud.account.listed()] == ["a", "b", "c", "todo"]


def test_a_create_that_is_always_cut_ends(cloud: FakeDigitalOcean) -> None:
    cloud.faults = [Fault("reset", "POST", times=100)]
    assert failure(api(cloud).create_cluster, body()).code is Code.CLOUD_UNREACHABLE
    assert cloud.account.listed() == []


def test_a_limited_create_is_sent_again(cloud: FakeDigitalOcean) -> None:
    cloud.limit = 1
    api(cloud).account()
    api(cloud).create_cluster(body())
    assert [each.status for each in cloud.requests] == [200, 429, 201]


def test_what_the_account_may_not_have(cloud: FakeDigitalOcean) -> None:
    cloud.account.droplet_limit = 1
    found = failure(api(cloud).create_cluster, body())
    assert found.code is Code.CLOUD_REFUSED
    assert "droplet limit of 1" in found.message
    assert found.details["request_id"]


def test_the_token_follows_no_redirect(cloud: FakeDigitalOcean) -> None:
    with FakeDigitalOcean().serving() as other:
        cloud.faults = [Fault("redirect", to=f"{other.url}/v2/account")]
        assert failure(api(cloud).account).code is Code.CLOUD_ERROR
        assert other.requests == []


def test_a_token_that_expired(cloud: FakeDigitalOcean) -> None:
    cloud.expires_after = 1
    api(cloud).account()
    found = failure(api(cloud).clusters)
    assert (found.code, found.details["status"]) == (Code.CLOUD_DENIED, 401)
    assert "kubernetes:read" in found.message
    assert TOKEN not in found.message


def test_what_is_gone_is_deleted(cloud: FakeDigitalOcean) -> None:
    identity = "00000000-0000-4000-8000-000000000000"
    api(cloud).delete_cluster(identity)
    assert api(cloud).cluster(identity) is None
    assert failure(client(cloud).get, f"/v2/kubernetes/clusters/{identity}", "kubernetes:read").code is Code.NOT_FOUND


def test_an_answer_of_something_else(cloud: FakeDigitalOcean) -> None:
    cloud.kubeconfig = "<html>sign in</html>"
    there = api(cloud).create_cluster(body())
    cloud.account.clock.sleep(300)
    path = f"/v2/kubernetes/clusters/{there['id']}/kubeconfig"
    assert failure(client(cloud).get, path, "kubernetes:access_cluster").code is Code.CLOUD_ERROR


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, its own authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloud")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def test_the_token_goes_to_a_server_with_a_trusted_certificate_only(certificate: Path) -> None:
    with FakeDigitalOcean().serving(certificate) as cloud:
        pauses: list[float] = []
        untrusted = Client(Access(TOKEN, cloud.url, ca_path=cloud.ca_path), pauses.append)
        found = failure(untrusted.get, "/v2/account", "account:read")
        assert (found.code, pauses, cloud.requests) == (Code.CLOUD_UNREACHABLE, [], [])
        assert "certificate is not trusted" in found.message
        trusted = Client(Access(TOKEN, cloud.url, ca_path=str(certificate)), pauses.append)
        assert trusted.get("/v2/account", "account:read")["account"]["status"] == "active"
        assert cloud.violations == []
