"""An HTTP endpoint that is probed: what is right, what failed, what was down from the start; TLS and redirects."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import (
    Availability,
    BackgroundProbe,
    Endpoint,
    Probe,
    percentile,
    problem_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@contextmanager
def serving(
    answers: list[int], location: str = "", tls: ssl.SSLContext | None = None, *, trickles: bool = False
) -> Iterator[str]:
    """Serves these statuses in turn, the last one for ever; its URL. ``trickles``: with bodies that have no end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            if location:
                self.send_header("Location", location)
            if not trickles:
                self.send_header("Content-Length", "0")
            self.end_headers()
            with suppress(OSError):
                while trickles:
                    self.wfile.write(b"x")
                    time.sleep(0.01)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.block_on_close = False
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/health"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def times(number: int) -> Callable[[], bool]:
    """Over after so many requests."""
    left = [number]

    def over() -> bool:
        left[0] -= 1
        return left[0] <= 0

    return over


def watch(url: str, number: int, **options: Any) -> Availability:
    return Probe(Endpoint(url, **options), lambda _: None).watch(0.05, times(number))


def test_right_answers() -> None:
    with serving([200, 204, 200]) as url:
        seen = watch(url, 5, expect_status=(200, 204))
    assert (seen.requests, seen.failed, seen.before_first, seen.failures) == (5, 0, 0, [])
    assert len(seen.latencies) == 5
    assert seen.longest_gap > 0
    assert seen.summary().startswith("5 requests, 0 failed, longest gap ")
    assert seen.certificate_days_left is None


def test_what_fails_before_the_first_answer_is_counted_apart() -> None:
    with serving([503, 503, 200, 500, 301, 200]) as url:
        seen = watch(url, 6)
    assert (seen.requests, seen.before_first, seen.failed) == (6, 2, 2)
    assert [each["why"] for each in seen.failures] == ["status 500", "status 301"]


def test_an_endpoint_that_never_answers() -> None:
    seen = watch("http://127.0.0.1:1/", 3)
    assert (seen.requests, seen.before_first, seen.failed) == (3, 3, 0)
    assert seen.as_result()["p99_ms"] is None
    assert seen.summary() == "3 requests, none succeeded"


def test_an_endpoint_whose_answer_has_no_end() -> None:
    """A stream of events: its status says that it serves, and the probe goes on."""
    with serving([200], trickles=True) as url:
        found = Probe(Endpoint(url, timeout=1.5)).watch(0.01, times(2))
    assert (found.requests, found.failed, found.before_first) == (2, 0, 0)


def test_an_endpoint_that_closes() -> None:
    with serving([200]) as url:
        probe = Probe(Endpoint(url), lambda _: None)
        probe.watch(0.05, times(1))
    seen = probe.watch(0.05, times(2))
    assert (seen.requests, seen.failed) == (3, 2)
    assert "refused" in seen.failures[0]["why"].lower()


def test_the_redirect_to_the_endpoint_is_part_of_it() -> None:
    with (
        serving([200]) as url,
        serving([308], url) as right,
        serving([308], "http://elsewhere.example.com/") as wrong,
    ):
        assert watch(url, 2, redirect_from=right).before_first == 0
        assert watch(url, 1, redirect_from=wrong).before_first == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "endpoint")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=9, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "endpoint.pem"
    pem, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, plain, serialization.NoEncryption()) + made.public_bytes(pem))
    return file


def test_certificates_count(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving([200], tls=tls) as url:
        trusted = watch(url, 2, ca_path=str(certificate))
        assert (trusted.before_first, trusted.certificate_days_left) == (0, 9)
        assert watch(url, 1).before_first == 1
        assert watch(url, 1, validate_certs=False).before_first == 0


@pytest.mark.parametrize("options", [{"url": "ftp://x"}, {"url": "todo"}, {"url": "http://x", "ca_path": "/none"},
                                     {"url": "http://x", "redirect_from": "x"}])  # fmt: skip
def test_what_can_never_answer_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError) as caught:
        Probe(Endpoint(**options))
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize(("values", "share", "expected"), [([], 0.99, None), ([3, 1, 2], 0.5, 2), ([1, 2], 0.99, 2)])
def test_percentiles(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_probe_in_the_background_ends_with_its_block() -> None:
    with serving([200]) as url:
        with BackgroundProbe(Endpoint(url), interval=60) as probe:
            pass
        assert probe.result.requests in (1, 2)  # the end may come while the first one is under way
        assert (probe.result.failed, probe.result.before_first) == (0, 0)


def test_one_request_follows_redirects_and_says_what_is_wrong() -> None:
    with serving([200]) as url, serving([301], url) as moved, serving([503]) as broken:
        assert problem_of(Endpoint(url)) == problem_of(Endpoint(moved)) == ""
        assert problem_of(Endpoint(broken)) == "status 503"
    assert "refused" in problem_of(Endpoint(url)).lower()


def test_one_request_trusts_no_unknown_certificate(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving([200], tls=context) as url:
        assert "certificate verify failed" in problem_of(Endpoint(url))
        assert problem_of(Endpoint(url, ca_path=str(certificate))) == ""
        assert problem_of(Endpoint(url, validate_certs=False)) == ""
