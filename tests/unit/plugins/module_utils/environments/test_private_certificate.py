"""The certificate of a server with an authority of its own: kept, renewed, and its authority followed by another."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socketpair
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.private_certificate import (
    outdated,
    private_certificate,
)
from cryptography import x509

NAMES = ["kafka.kafka.svc.cluster.local", "kafka.kafka.svc"]
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def stored(contents: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(text.encode()).decode() for key, text in contents.items()}


def made_at(held: Mapping[str, str], names: list[str], moment: datetime) -> dict[str, str]:
    return private_certificate({"data": held}, names, moment)


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


def authorities(contents: Mapping[str, str]) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(contents["ca.crt"].encode())


def test_clients_that_trust_the_authority_accept_the_server_under_its_names_only(tmp_path: Path) -> None:
    made = private_certificate({}, NAMES)
    (tmp_path / "both.pem").write_text(made["tls.key"] + made["tls.crt"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "both.pem")
    client = ssl.create_default_context(cadata=made["ca.crt"])
    assert handshake(server, client, NAMES[0])
    assert not handshake(server, client, "kafka.other.svc")
    other = ssl.create_default_context(cadata=private_certificate({}, NAMES)["ca.crt"])
    assert not handshake(server, other, NAMES[0])


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    here, there = socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as stream:
                stream.recv(1)
        except OSError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name):
            return True
    except ssl.SSLCertVerificationError:
        return False
    finally:
        here.close()
        thread.join()


def test_what_is_there_stays(tmp_path: Path) -> None:
    made = stored(made_at({}, NAMES, NOW))
    for days in (0, 300, 334):
        assert outdated(made, NAMES, at(days)) == ""
        assert stored(made_at(made, NAMES, at(days))) == made
    assert outdated(made, NAMES[1:], NOW) == "", "more names than asked for"


def test_the_same_authority_signs_the_next(tmp_path: Path) -> None:
    made = made_at({}, NAMES, NOW)
    assert outdated(stored(made), NAMES, at(336)) == "the certificate ends in 29 days"
    assert outdated(stored(made), NAMES, at(366)) == "the certificate has ended"
    renewed = made_at(stored(made), NAMES, at(336))
    assert renewed["ca.crt"] == made["ca.crt"]
    assert renewed["tls.crt"] != made["tls.crt"]
    assert outdated(stored(renewed), NAMES, at(600)) == ""
    more = made_at(stored(made), [*NAMES, "broker"], NOW)
    assert (more["ca.crt"], more["tls.crt"] != made["tls.crt"]) == (made["ca.crt"], True)


def test_clients_know_the_next_authority_before_it_signs() -> None:
    """Years of yearly renewals: what a client learnt at one of them holds until the next."""
    held, day = stored(made_at({}, NAMES, NOW)), 0
    trusted = authorities(made_at(held, NAMES, NOW))
    signers = set()
    while day < 25 * 365:
        day += 336
        after = made_at(held, NAMES, at(day))
        server = x509.load_pem_x509_certificate(after["tls.crt"].encode())
        [signer] = [each for each in trusted if each.subject == server.issuer]
        server.verify_directly_issued_by(signer)
        signers.add(signer.serial_number)
        assert server.not_valid_after_utc > at(day + 336)
        assert signer.not_valid_after_utc >= server.not_valid_after_utc
        trusted, held = authorities(after), stored(after)
        assert len(trusted) <= 2, "ended ones are dropped"
    assert len(signers) == 4, "each signs for eight years"


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"tls.crt": "", "tls.key": "", "ca.crt": ""}, "its content is no certificate"),
        ({"tls.crt": "no certificate"}, "its content is no certificate"),
        ({"tls.key": private_certificate({}, NAMES)["tls.key"]}, "the certificate is not of its key"),
        ({"ca.crt": private_certificate({}, NAMES)["ca.crt"]}, "the certificate is of another authority"),
    ],
)
def test_what_does_not_fit_together_is_made_anew(damage: dict[str, Any], why: str) -> None:
    held = stored({**made_at({}, NAMES, NOW), **damage})
    assert outdated(held, NAMES, NOW) == why
    assert outdated(stored(made_at(held, NAMES, NOW)), NAMES, NOW) == ""
    assert outdated({}, NAMES) == "there is no certificate"
