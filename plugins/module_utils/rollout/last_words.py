# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a container that ended waits for something else: its last lines name a connection that failed.

Many apps exit until their database or broker is up; the kubelet starts them again. Anything else that ends is broken.
"""

from __future__ import annotations

import re

from ..kube.api import KubeObserver
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..readiness.pods import Role
from ..readiness.symptoms import KILLED_AT_START, Symptom

_LINES = 6  # from the end, without the frames of a stack trace
_TAIL = 60
_SECONDS = 5.0
_MOST_SILENT = 3  # pods without readable logs, after which no others are asked: each may cost the seconds above
_LONGEST_LINE = 2000
# Frames of stack traces (Java and Node, Python, Go), and what Node prints around an error.
_FRAME = re.compile(
    r"^\s+(?:at |\.\.\. \d+ |File \"|in )|^\s*[][{}(),;]*\s*$|^goroutine \d+|^\t/\S+\.go:\d+|^created by "
    r"|^[\w./*()-]{1,300}\([^)\n]{0,300}\)$|^exit status \d+$|^Node\.js v\d"
)
# Errors of Python that quote the program's own names: ``ImportError: cannot import name 'NoBrokersAvailable'``.
_OWN_FAULT = re.compile(
    r"^(?:(?:ModuleNotFound|Import|FileNotFound|Attribute|Name|UnboundLocal|Key|Index|Syntax|Indentation)Error\b"
    r"|TypeError: .{0,200}(?:unexpected keyword argument|missing \d+ required))"
)
# Words that are also ends of others (FileNotFound) have no letter before them.
_FAILED_CONNECTION = re.compile(
    # refused
    r"connect\w{0,20}\b.{0,120}\brefused|connection_refused|econnrefused|actively refused|could not connect\b"
    r"|failed to connect|can(?:.?t|not) (?:connect to|reach)|unable to connect|connect call failed"
    r"|connection (?:to .{0,80} |attempts? )?(?:failed|error|reset)|closed the connection unexpectedly|econnreset"
    r"|connection (?:was )?(?:prematurely )?closed (?:by|unexpectedly|before)|socket hang up|amqpconnectionerror"
    r"|communications link failure"
    # timed out
    r"|(?:connect\w{0,20}|\bdial(?:ing|l?ed)?|i/o)\b.{0,120}\b(?:timed? ?out|timeout)|etimedout|connecttimeout"
    r"|pool ?timed ?out|rpc error: code = (?:unavailable|deadlineexceeded)|failed reaching server"
    r"|(?:timed out|timeout) .{0,60}wait(?:ing)? .{0,80}(?::\d{2,5}\b|node assignment|database|broker)"
    r"|(?:database|broker)\b.{0,60}(?:timed out|timeout|not ready|unreachable|not reachable)|:\d{2,5} - no response"
    # name not found, no route
    r"|(?<![a-z])(?:enotfound|eai_again|gaierror|no such host|host not found)(?![a-z])|getaddrinfo(?!\()"
    r"|name or service not known|name does not resolve|could not (?:resolve|translate) host|unknown ?host"
    r"|temporary failure in name resolution|nodename nor servname"
    r"|bad address '|server misbehaving|no route to host|ehostunreach|network is unreachable|no resolvable bootstrap"
    r"|server was not found or was not accessible"
    r"|resource temporarily unavailable \(\S+:\d+"
    # there, but not ready
    r"|(?:database system|(?:database|sql|broker) server) is "
    r"(?:starting up|shutting down|in recovery mode|not yet accepting connections)"
    r"|too many (?:clients|connections)|remaining connection slots|loading the dataset in memory"
    r"|\b(?:cluster|master)down\b|server ?selection ?(?:error|timed ?out|timeout)|leader_not_available|vault is sealed"
    r"|upstream connect error|reset before headers|statuscode\.unavailable|unavailable: io exception"
    r"|nobrokersavailable|no brokers available"
    r"|run out of available brokers|broker transport failure|brokerunreachable|endpoints were reachable"
    r"|no servers available|numberofretriesexceeded",
    re.IGNORECASE,
)


def names_a_failed_connection(log: str) -> bool:
    """Whether the last lines of a log name a connection that was refused, timed out, or whose name was not found."""
    lines = [line[:_LONGEST_LINE] for line in log.splitlines() if not _FRAME.match(line)]
    return any(_FAILED_CONNECTION.search(line) and not _OWN_FAULT.search(line) for line in lines[-_LINES:])


class LastWords:
    """Reads each end of a container once. A pod whose log can't be read, as its node does not answer, is left alone."""

    def __init__(self, kube: KubeObserver) -> None:
        self._kube = kube
        self._known: dict[tuple[str, str, int], bool] = {}
        self._silent: set[str] = set()

    def name_a_dependency(self, namespace: str, symptom: Symptom) -> bool:
        """Whether an app's or init container's last end was a connection that failed; False if it cannot be read."""
        if not symptom.may_wait or symptom.role not in (Role.APP, Role.INIT) or not symptom.pod:
            return False
        key = (symptom.pod_uid, symptom.container, symptom.restarts)
        if key not in self._known:
            log = "" if symptom.reason == KILLED_AT_START else self._log(namespace, symptom, previous=False)
            if not log and symptom.restarts:
                log = self._log(namespace, symptom, previous=True)
            self._known[key] = names_a_failed_connection(log)
        return self._known[key]

    def _log(self, namespace: str, symptom: Symptom, *, previous: bool) -> str:
        if symptom.pod_uid in self._silent or len(self._silent) >= _MOST_SILENT:
            return ""
        deadline = Deadline.after(_SECONDS)
        try:
            return self._kube.logs(
                namespace, symptom.pod, symptom.container, previous=previous, tail=_TAIL, deadline=deadline
            )
        except KubeError as exc:
            if exc.status not in (400, 404):  # there is no such run, or the pod is gone
                self._silent.add(symptom.pod_uid)
            return ""
