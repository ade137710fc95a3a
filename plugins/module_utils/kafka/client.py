# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A broker that this machine reaches, by confluent-kafka (librdkafka).

librdkafka says "transport failure" whatever the reason of a failed connection is; the reason is in its log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..neutral import one_line, printable, shortened
from .topics import Change, Topic

CONNECT_SECONDS = 15  # it retries even what no retry helps
# What librdkafka logs, and what it means.
_REASONS = (
    (r"SASL authentication error|SASL.*Authentication failed", Code.CREDENTIALS,
     "it refuses user {user}: the user, the password or the mechanism is wrong"),
    (r"certificate verify failed", Code.CREDENTIALS,
     "its certificate is of an authority that is not trusted here: give its CA certificate"),
    (r"connecting to a PLAINTEXT broker|wrong version number|unexpected eof", Code.UNREACHABLE,
     "it does not speak TLS at that port"),
    (r"connection closed by peer.*APIVERSION_QUERY", Code.UNREACHABLE,
     "it closes the connection: it may want TLS at that port"),
    (r"Failed to resolve", Code.UNREACHABLE, "its name is not in DNS"),
    (r"Connection refused", Code.UNREACHABLE, "it refuses the connection"),
)  # fmt: skip


@dataclass(frozen=True)
class Connection:
    """How a broker is reached. ``ca``: PEM of a private authority; empty: those of this machine."""

    brokers: str
    username: str
    password: str
    mechanism: str = "SCRAM-SHA-256"
    tls: bool = True
    ca: str = ""

    def settings(self) -> dict[str, Any]:
        """For librdkafka."""
        found: dict[str, Any] = {
            "bootstrap.servers": self.brokers,
            "security.protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "client.id": "todo.cloud",
        }
        return found | ({"ssl.ca.pem": self.ca} if self.ca and self.tls else {})


class BrokerClient:
    """Topics of one broker. ``seconds``: for each request."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        library = library_of("AdminClient")
        self._library = library
        self._connection = connection
        self._seconds = seconds
        self._log = Log()
        try:
            self._admin = library.AdminClient(connection.settings(), logger=self._log.logger)
        except library.KafkaException as exc:  # a CA that is no PEM
            raise error(
                Code.INVALID_INPUT, f"The connection to {connection.brokers} is not usable: {_said(str(exc))}."
            ) from None

    def found(self, names: Iterable[str], *, config: bool = True) -> dict[str, Topic]:
        """Those of the topics that are there and may be described."""
        try:
            listed = self._admin.list_topics(timeout=min(self._seconds, CONNECT_SECONDS)).topics
        except self._library.KafkaException as exc:
            self._admin.poll(0)
            raise unreached(self._connection, self._log, exc) from None
        topics = {}
        for name in names:
            if name in listed and listed[name].error is None:
                partitions = listed[name].partitions
                replicas = min((len(each.replicas) for each in partitions.values()), default=0)
                topics[name] = Topic(name, len(partitions), replicas, None)
        if not (config and topics):
            return topics
        kind = self._library.ResourceType.TOPIC
        asked = self._admin.describe_configs(
            [self._library.ConfigResource(kind, name) for name in topics], request_timeout=self._seconds
        )
        for resource, future in asked.items():
            entries = self._result(future, resource.name)
            values = {key: str(entry.value) for key, entry in entries.items() if entry.value is not None}
            topics[resource.name] = replace(topics[resource.name], config=values)
        return topics

    def apply(self, changes: Iterable[Change]) -> None:
        """Does them all; raises for the first that the broker refuses."""
        library, asked = self._library, {}
        new, more, altered = [], [], []
        for change in changes:
            topic = change.topic
            if change.creates:
                config = dict(topic.config or {})
                new.append(library.NewTopic(topic.name, topic.partitions, topic.replication or -1, config=config))
                continue
            if change.grows:
                more.append(library.NewPartitions(topic.name, topic.partitions))
            if change.config:
                how = {"incremental_operation": library.AlterConfigOpType.SET}
                entries = [library.ConfigEntry(key, value, **how) for key, value in change.config.items()]
                kind = library.ResourceType.TOPIC
                altered.append(library.ConfigResource(kind, topic.name, incremental_configs=entries))
        for call, what in ((self._admin.create_topics, new), (self._admin.create_partitions, more),
                           (self._admin.incremental_alter_configs, altered)):  # fmt: skip
            if what:
                asked = call(what, request_timeout=self._seconds)
                for resource, future in asked.items():
                    self._result(future, getattr(resource, "name", resource))

    def _result(self, future: Any, name: str) -> Any:
        try:
            return future.result(self._seconds + 5)
        except self._library.KafkaException as exc:
            problem = exc.args[0]
            if problem.code() == self._library.KafkaError.TOPIC_ALREADY_EXISTS:
                return None  # another run made it, or these credentials may not see it
            denied = "AUTHORIZATION" in problem.name()
            raise error(
                Code.FORBIDDEN if denied else Code.REFUSED,
                f"The broker {self._connection.brokers} refuses topic {name}: {_said(problem.str())}"
                + (f" (user {self._connection.username}: an ACL is missing)." if denied else "."),
                topic=name, reason=problem.name(),
            ) from None  # fmt: skip


class Log(logging.Handler):
    """The last lines of librdkafka's log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.logger = logging.Logger("librdkafka")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines = [*self.lines[-19:], record.getMessage()]


def library_of(*names: str) -> Any:
    """Everything of confluent-kafka in one place. Raises ``missing_library``."""
    try:
        import confluent_kafka
        from confluent_kafka import admin
    except ImportError:
        raise error(
            Code.MISSING_LIBRARY,
            "confluent-kafka, by which a broker outside of the cluster is asked, is not installed where this module "
            "runs: pip install confluent-kafka.",
        ) from None
    return _Both(confluent_kafka, admin)


class _Both:
    def __init__(self, *modules: Any) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        return next(getattr(module, name) for module in self._modules if hasattr(module, name))


def unreached(connection: Connection, log: Log, exc: BaseException) -> TodoCloudError:
    """Why there is no connection, from the log."""
    lines = [line for line in log.lines if not line.startswith("CONFWARN")]
    for pattern, code, meaning in _REASONS:
        line = next((each for each in reversed(lines) if re.search(pattern, each)), None)
        if line:
            why = meaning.format(user=connection.username)
            return error(code, f"The broker {connection.brokers} cannot be asked: {why}.", log=_said(line))
    said = _said(lines[-1] if lines else str(exc))
    return error(Code.UNREACHABLE, f"The broker {connection.brokers} does not answer: {said}.", log=said)


def _said(text: str) -> str:
    return shortened(one_line(printable(text)), limit=300).rstrip(".")
