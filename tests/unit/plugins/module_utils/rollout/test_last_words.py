"""Which last lines mean that an app waits for something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, KubeError
from ansible_collections.todo.cloud.plugins.module_utils.readiness.pods import Role
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import KILLED_AT_START, Symptom
from ansible_collections.todo.cloud.plugins.module_utils.rollout.last_words import LastWords, names_a_failed_connection

from tests.support.fake_kube import FakeKube

JAVA = """\
Caused by: java.net.ConnectException: Connection refused (Connection refused)
\tat java.base/java.net.PlainSocketImpl.socketConnect(Native Method)
\tat java.base/java.net.Socket.connect(Socket.java:609)
\t... 25 more
"""
NODE = """\
AggregateError [ECONNREFUSED]:
    at internalConnectMultiple (node:net:1117:18)
    at afterConnectMultiple (node:net:1684:7) {
  code: 'ECONNREFUSED',
  [errors]: [
    Error: connect ECONNREFUSED 10.96.0.7:5432
        at createConnectionError (node:net:1647:14) {
      errno: -111,
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '10.96.0.7',
      port: 5432
    }
  ]
}

Node.js v20.11.1
"""
GO = """\
panic: dial tcp 10.96.0.7:5432: connect: connection refused

goroutine 1 [running]:
main.must(...)
\t/src/main.go:12
main.open({0xc000012345, 0x4})
\t/src/main.go:31 +0x1d
database/sql.(*DB).PingContext(0xc0000a2000)
\t/usr/local/go/src/database/sql/sql.go:880 +0x5a
main.main()
\t/src/main.go:20 +0x2b
exit status 2
"""
NODE_NAME = """\
node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

Error: getaddrinfo ENOTFOUND db
    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:122:26) {
  errno: -3008,
  code: 'ENOTFOUND',
  syscall: 'getaddrinfo',
  hostname: 'db'
}

Node.js v20.11.1
"""
NO_MODULE = """\
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    from aiokafka import AIOKafkaProducer
ModuleNotFoundError: No module named 'aiokafka'
"""
NO_TEMPLATE = """\
  File "/usr/lib/python3/jinja2/loaders.py", line 204, in get_source
    raise TemplateNotFound(template)
jinja2.exceptions.TemplateNotFound: index.html
"""
BAD_NAME = """\
  File "/usr/lib/python3.12/socket.py", line 978, in getaddrinfo
    for res in _socket.getaddrinfo(host, port, family, type, proto, flags):
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
UnicodeError: encoding with 'idna' codec failed (UnicodeError: label empty or too long)
"""
WAITS = [
    "ERROR: connection to db refused",
    'psycopg2.OperationalError: connection to server at "db" (10.96.0.7), port 5432 failed: Connection refused',
    "dial tcp 10.96.0.7:5432: connect: connection refused",
    "Error: connect ECONNREFUSED 10.96.0.7:6379",
    "dial tcp: lookup db on 10.96.0.10:53: no such host",
    "socket.gaierror: [Errno -2] Name or service not known",
    'could not translate host name "db" to address: Temporary failure in name resolution',
    "Error: getaddrinfo ENOTFOUND db",
    "java.net.UnknownHostException: kafka",
    "dial tcp 10.0.0.1:5432: i/o timeout",
    "redis.exceptions.TimeoutError: Timeout connecting to server\nConnection to redis:6379 timed out",
    "FATAL:  the database system is starting up",
    "kafka.errors.NoBrokersAvailable: NoBrokersAvailable",
    "nc: bad address 'db'",
    JAVA,
    NODE,
    GO,
    "OSError: [Errno 111] Connect call failed ('10.96.0.5', 5432)\n\nERROR:    Application startup failed. Exiting.",
    "OSError: Multiple exceptions: [Errno 111] Connect call failed ('::1', 5432), [Errno 111] Connect call failed",
    "Error: P1001: Can't reach database server at `db:5432`",
    "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
    "kafka: client has run out of available brokers to talk to (Is your cluster reachable?)",
    "TimeoutException: Timed out waiting for a node assignment. Call: listTopics",
    "ConfigException: No resolvable bootstrap urls given in bootstrap.servers",
    "RabbitMQ.Client.Exceptions.BrokerUnreachableException: None of the specified endpoints were reachable",
    "pika.exceptions.AMQPConnectionError",
    "redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory",
    "socket.gaierror: [Errno -2] Name does not resolve",
    "db:5432 - no response",
    "wait-for-it.sh: timeout occurred after waiting 15 seconds for db:5432",
    "timed out waiting for db:5432",
    "httpx.ConnectError: All connection attempts failed",
    "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    "NatsError: CONNECTION_REFUSED",
    "nats: no servers available for connection",
    'nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3',
    "Error: socket hang up",
    "server closed the connection unexpectedly",
    "System.Net.Sockets.SocketException (11): Resource temporarily unavailable (db:5432)",
    "FATAL:  the database system is shutting down",
    "FATAL:  the database system is not yet accepting connections",
    "FATAL:  sorry, too many clients already",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
    "CLUSTERDOWN The cluster is down",
    "MongoServerSelectionError: Server selection timed out after 30000 ms",
    "Code: 503. Errors:\n\n* Vault is sealed",
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    "grpc.StatusCode.UNAVAILABLE",
    "[LEADER_NOT_AVAILABLE] There is no leader for this topic-partition",
    NODE_NAME,
    '{"exception": "IndexError: pop from empty list\\n\\nConnectionError: Error 111: Connection refused"}',
    "Error: queryA ENOTFOUND db.shop.svc",
    "Error: getaddrinfo EAI_AGAIN db",
    '{"level": "error", "code": "ENOTFOUND", "syscall": "queryA"}',
    "socket.gaierror: [Errno -5] No address associated with hostname",
    "panic: dial tcp: lookup kafka.shop.svc on 10.96.0.10:53: no such host",
    "getaddrinfo: nodename nor servname provided, or not known",
    "error dialing backend: timeout",
    "TypeError: error sending request for url (http://db/): client error (Connect): Connection refused (os error 111)",
]
BROKEN = [
    "",
    "FATAL: relation todos does not exist",
    'KeyError: "SECRET_KEY"',
    "FATAL: password authentication failed for user app",
    "SASL Authentication failed",
    "panic: runtime error: invalid memory address or nil pointer dereference",
    "listen tcp :8080: bind: address already in use",
    "retrying: connection refused\n" + "migrating\n" * 8 + "FATAL: relation todos does not exist",
    "request timeout must be positive",
    "TypeError: undefined is not a function\nclosing the pool\nconnection closed",
    "connection pool size must be > 0",
    "No connection string named 'Default' was found",
    "Connected to the database\nIndexError: list index out of range",
    "Error: listen EADDRINUSE: address already in use :::8080",
    "ProgrammingError: column task.priority does not exist",
    "waiting for connections on port 8080\nKeyError: 'timeout'",
    "Segmentation fault",
    "OSError: [Errno 11] Resource temporarily unavailable",
    "sqlite3.OperationalError: unable to open database file",
    "too many arguments",
    NO_MODULE,
    NO_TEMPLATE,
    BAD_NAME,
    "ModuleNotFoundError: No module named 'app'",
    "FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/config.yaml'",
    "System.IO.FileNotFoundException: Could not load file or assembly 'Shop'",
    "botocore.errorfactory.ResourceNotFoundException: table todos",
    "ImportError: cannot import name 'NoBrokersAvailable' from 'kafka.errors'",
    "AttributeError: module 'socket' has no attribute 'gaierror'",
    "KeyError: 'connection timeout'",
    "TypeError: connect() got an unexpected keyword argument 'timeout'",
    "ValueError: this dialect has no option 'timeout'",
    "OSError: [Errno 14] Bad address",
    "Server is starting up\nFATAL: no configuration\nserver is shutting down",
]


@pytest.mark.parametrize("log", WAITS)
def test_a_connection_that_failed(log: str) -> None:
    assert names_a_failed_connection(f"starting\n{log}\n")


@pytest.mark.parametrize("log", BROKEN)
def test_anything_else(log: str) -> None:
    assert not names_a_failed_connection(f"starting\n{log}\n")


class Logs(FakeKube):
    asked = 0

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False, **_: Any) -> str:
        self.asked += 1
        if pod.startswith("secret"):
            raise Forbidden("no", 403)
        if pod == "new":
            raise KubeError("previous terminated container not found", 400)
        return WAITS[0] if previous else ""


def symptom(restarts: int = 1, pod: str = "api-x", role: Role = Role.APP, code: Code = Code.CRASH_LOOP) -> Symptom:
    return Symptom(code, "crash_loop", "Error", pod=pod, pod_uid=pod, container="api", role=role, restarts=restarts)


def test_each_end_is_read_once() -> None:
    kube = Logs()
    words = LastWords(kube)
    assert [words.name_a_dependency("ns", symptom(n)) for n in (1, 1, 2, 0)] == [True, True, True, False]
    assert kube.asked == 5


@pytest.mark.parametrize("one", [symptom(role=Role.SIDECAR), symptom(code=Code.OOM_KILLED), symptom(pod="secret")])
def test_sidecars_other_ends_and_what_cannot_be_read_get_no_patience(one: Symptom) -> None:
    assert not LastWords(Logs()).name_a_dependency("ns", one)


def test_of_a_start_that_was_killed_the_run_before_is_read() -> None:
    kube = Logs()
    killed = replace(symptom(code=Code.PROBE_KILLED), reason=KILLED_AT_START)
    assert LastWords(kube).name_a_dependency("ns", killed)
    assert kube.asked == 1
    assert not LastWords(kube).name_a_dependency("ns", symptom(code=Code.PROBE_KILLED))


def test_a_pod_whose_log_cannot_be_read_is_not_asked_again() -> None:
    kube = Logs()
    words = LastWords(kube)
    assert not any(words.name_a_dependency("ns", symptom(restarts, "secret")) for restarts in range(1, 9))
    assert kube.asked == 1
    assert words.name_a_dependency("ns", symptom())


def test_many_pods_whose_logs_cannot_be_read_cost_little() -> None:
    kube = Logs()
    words = LastWords(kube)
    assert not any(words.name_a_dependency("ns", symptom(pod=f"secret-{number}")) for number in range(20))
    assert kube.asked == 3


def test_an_end_that_the_kubelet_has_not_kept_is_no_reason_to_stop_asking() -> None:
    kube = Logs()
    words = LastWords(kube)
    assert not any(words.name_a_dependency("ns", symptom(restarts, "new")) for restarts in range(1, 5))
    assert kube.asked == 8
