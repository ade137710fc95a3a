# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a broker cannot be asked: librdkafka tells it in its log only. Lines are as librdkafka 2.16 wrote them."""

from __future__ import annotations

import logging

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kafka.client import Connection, Log, unreached

AT = "[thrd:x]: sasl_ssl://b:9092/bootstrap:"
BROKER = Connection("b:9092", "app", "s3cret")


@pytest.mark.parametrize(
    ("line", "said", "code"),
    [
        (f"{AT} SASL authentication error: Authentication failed during authentication with SASL "
         "mechanism SCRAM-SHA-256 (after 331ms in state AUTH_REQ)",
         "it refuses user app: the user, the password or the mechanism is wrong.", "credentials"),
        (f"{AT} SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker cert",
         "its certificate is of an authority that is not trusted here: give its CA certificate.", "credentials"),
        (f"{AT} SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker",
         "it does not speak TLS at that port.", "unreachable"),
        (f"{AT} Disconnected: connection closed by peer: receive 0 after POLLIN (after 0ms in state APIVERSION_QUERY)",
         "it closes the connection: it may want TLS at that port.", "unreachable"),
        (f"{AT} Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
         "it refuses the connection.", "unreachable"),
        (f"{AT} Failed to resolve 'b:9092': Name or service not known", "its name is not in DNS.", "unreachable"),
    ],
)  # fmt: skip
def test_the_reason_comes_from_the_log(line: str, said: str, code: str) -> None:
    log = Log()
    log.logger.log(logging.WARNING, "CONFWARN [thrd:app]: something")
    log.logger.log(logging.ERROR, line)
    failure = unreached(BROKER, log, RuntimeError("Local: Broker transport failure")).failure
    assert failure.message == f"The broker b:9092 cannot be asked: {said}"
    assert failure.code == code


def test_without_a_known_reason_the_last_line_is_told() -> None:
    log = Log()
    for number in range(50):
        log.logger.log(logging.ERROR, "line %s", number)
    assert len(log.lines) == 20
    assert unreached(BROKER, log, RuntimeError()).failure.message == "The broker b:9092 does not answer: line 49."
    assert "transport" in unreached(BROKER, Log(), RuntimeError("transport")).failure.message
