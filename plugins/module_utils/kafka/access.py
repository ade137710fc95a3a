# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How modules reach a broker: their options, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..kube.session import KubeSession
from .client import BrokerClient, Connection
from .converge import Topics
from .disk import on_disk
from .job import Broker, BrokerTools
from .letters import Letters
from .mailman import ClientLetters, ToolLetters
from .tools import ToolTopics
from .topics import Change, Topic

BROKER: dict[str, Any] = {
    "brokers": {"type": "str"},
    "username": {"type": "str"},
    "broker_password": {"type": "str", "no_log": True},
    "mechanism": {"type": "str", "choices": ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"], "default": "SCRAM-SHA-256"},
    "tls": {"type": "bool", "default": True},
    "broker_ca": {"type": "str"},
    "broker_namespace": {"type": "str"},
    "timeout": {"type": "int", "default": 120},
}
BROKER_RULES: dict[str, Any] = {
    "mutually_exclusive": [("brokers", "broker_namespace")],
    "required_one_of": [("brokers", "broker_namespace")],
    "required_by": {"brokers": ("username", "broker_password")},
}


@contextmanager
def topics_of(params: Mapping[str, Any], *, check: bool) -> Iterator[Topics]:
    """The topics of the broker that a module's options name. ``check``: nothing is written, not even a Job."""
    if params["brokers"]:
        yield BrokerClient(connection_of(params), params["timeout"])
        return
    with KubeSession.from_params(params) as kube:
        broker = Broker(params["broker_namespace"])
        yield OnDisk(kube, broker) if check else ToolTopics(BrokerTools(kube, broker, params["timeout"]))


@contextmanager
def letters_of(params: Mapping[str, Any]) -> Iterator[Letters]:
    """The dead letters of the broker that a module's options name."""
    if params["brokers"]:
        yield ClientLetters(connection_of(params), params["group"], params["timeout"])
        return
    with KubeSession.from_params(params) as kube:
        yield ToolLetters(BrokerTools(kube, Broker(params["broker_namespace"]), params["timeout"]))


def connection_of(params: Mapping[str, Any]) -> Connection:
    """Of a broker that this machine reaches."""
    return Connection(
        params["brokers"], params["username"], params["broker_password"], params["mechanism"], params["tls"],
        params["broker_ca"] or "",
    )  # fmt: skip


class OnDisk:
    """For a comparison only: topics and partitions. Configuration is not known."""

    def __init__(self, kube: Any, broker: Broker) -> None:
        self._kube = kube
        self._broker = broker

    def found(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those that are there."""
        return on_disk(self._kube, self._broker, names)

    def apply(self, changes: Sequence[Change]) -> None:
        """Nothing is written in check mode."""
        raise AssertionError(changes)
