# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which way leads to a broker."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.kafka.access import OnDisk, connection_of, topics_of
from ansible_collections.todo.cloud.plugins.module_utils.kafka.tools import ToolTopics

from tests.support.fake_api import failure, fake_api

GIVEN = {
    "brokers": "a:9092", "username": "u", "broker_password": "p", "mechanism": "PLAIN", "tls": True, "broker_ca": None,
    "broker_namespace": None, "timeout": 5,
}  # fmt: skip


def test_a_broker_outside_is_reached_as_the_options_say() -> None:
    assert connection_of(GIVEN).settings() == {
        "bootstrap.servers": "a:9092", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
        "sasl.username": "u", "sasl.password": "p", "client.id": "todo.cloud",
    }  # fmt: skip
    assert connection_of({**GIVEN, "broker_ca": "PEM"}).settings()["ssl.ca.pem"] == "PEM"
    assert connection_of({**GIVEN, "tls": False}).settings()["security.protocol"] == "SASL_PLAINTEXT"


def test_check_mode_makes_no_job() -> None:
    with fake_api(lambda request, n: failure(404)) as api:
        params = {**GIVEN, "brokers": None, "broker_namespace": "kafka", **api.params}
        with topics_of(params, check=True) as broker:
            assert isinstance(broker, OnDisk)
        with topics_of(params, check=False) as broker:
            assert isinstance(broker, ToolTopics)
