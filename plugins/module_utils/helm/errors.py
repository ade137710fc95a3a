# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turns Helm's error output into errors with one sentence; tells transient faults from final errors."""

from __future__ import annotations

import re

from ..failure import Code, Failure, TodoCloudError
from .mistakes import mistake_of
from .refusals import refusal_of

_MAX_MESSAGE = 400

# Transient faults of the API server or the network. Texts of client-go, net/http, etcd and Helm ("cluster reachability
# check failed").
_TRANSIENT = re.compile(
    r"cluster reachability check failed|kubernetes cluster unreachable|connection refused|connection reset"
    r"|broken pipe|use of closed network connection|client\.timeout exceeded|request canceled"
    r'|(?:get|post|put|patch|delete) "https?://[^"]*": context deadline exceeded'
    r"|tls handshake timeout|i/o timeout|no route to host|unexpected eof|: eof\b|http2: (?:client|server)"
    r"|server is currently unable to handle the request|service unavailable|bad gateway|gateway timeout"
    r"|too many requests"
    r"|etcdserver: (?:leader changed|request timed out|no leader)|the server was unable to return a response"
    r"|apiserver not ready|client rate limiter wait|an error on the server"
    r"|internal error occurred|rpc error: code = (?:unavailable|deadlineexceeded|unknown)",
    re.IGNORECASE,
)
# Also behind "kubernetes cluster unreachable", but no retry helps. The first are client-go's messages for 401.
_UNAUTHORIZED = re.compile(
    r"the server has asked for the client to provide credentials|you must be logged in to the server"
    r"|(?::|^) unauthorized$|^unauthorized$",
    re.IGNORECASE,
)
# A request of the registry protocol: no path of the API server begins with /v2/.
_REGISTRY = re.compile(r'"https?://([^/"]+)/v2/', re.IGNORECASE)
_DENIED = re.compile(r"\b40[13]\b|unauthorized|denied|forbidden", re.IGNORECASE)
_UNTRUSTED = re.compile(r"x509: |tls: failed to verify certificate", re.IGNORECASE)
_LOCKED = re.compile(r"another operation \(.*\) is in progress|release: already exists", re.IGNORECASE)
_TOO_LARGE = re.compile(r'secret "sh\.helm\.release\.v1\.[^"]*" is invalid: data: too long', re.IGNORECASE)
_SCHEMA = re.compile(r"values don't meet the specifications of the schema|schema validation", re.IGNORECASE)
_CHART = re.compile(
    r"chart\.yaml|parse error|template:|execution error at|missing in charts/|failed to download"
    r"|executing \"|error calling|nil pointer evaluating|can't evaluate field|function \"[^\"]*\" not defined"
    r"|requires kubeversion|error converting yaml to json"
    r"|not found in .* repositor"
    r"|path .* not found|unable to load chart|no chart version found|failed to perform \"FetchReference\"",
    re.IGNORECASE,
)
# A chart's own: whatever words it uses, they are none of the API server's, unless a template asked that.
_CHART_ALONE = re.compile(
    r"parse error (?:at|on) |execution error at \(|cannot load (?:chart\.yaml|values)|validation: chart"
    r"|not appear to be a gzipped archive|unable to load chart archive|^gzip: ",
    re.IGNORECASE,
)
OWNER = "manager"  # in a failure's details: who owns fields that Helm may not write
_SSA = re.compile(r'conflicts? with "([^"]+)"', re.IGNORECASE)
# As Go says it of its own machine: its runtime, and errors of system calls (os.PathError, os.SyscallError).
_EXHAUSTED = re.compile(
    r"(?:fatal error|runtime): [^\n]*(?:memory|new OS thread)[^\n]*"
    r"|\b(?:open|write|mkdir|mkdirtemp|rename|link|fork/exec|pipe2?|socket|mmap)(?: [^\s:]+)?: "
    r"(?:no space left on device|disk quota exceeded|too many open files|read-only file system|cannot allocate memory"
    r"|resource temporarily unavailable)"
)
# Helm 4 and Helm 3, in Go's quotes where they are needed.
_SKIPPED = re.compile(r'skipping unknown hooks?(?:: |" hookTypes=)("(?:[^"\\]|\\.)*"|\S*)')
_NOISE = re.compile(r"^(?:WARNING|W\d{4}|I\d{4}|level=(?:WARN|INFO|DEBUG)|time=).*$", re.MULTILINE)


class HelmError(TodoCloudError):
    """Helm failed. ``transient``: a retry may succeed; read the history before it."""

    def __init__(self, failure: Failure, *, transient: bool) -> None:
        super().__init__(failure)
        self.transient = transient


def error_of(command: str, release: str, output: str, namespace: str = "") -> HelmError:
    """The error for ``output`` (standard error of ``helm command``)."""
    whole = _sentence(output)
    text = whole if len(whole) <= _MAX_MESSAGE else whole[: _MAX_MESSAGE - 1] + "…"
    details = {"release": release, "command": command, "output": text}
    if refused := refusal_of(release, namespace, whole):
        failure, transient = refused
        return HelmError(Failure(failure.code, failure.message, {**details, **failure.details}), transient=transient)
    if mistake := mistake_of(release, whole):
        return HelmError(Failure(mistake.code, mistake.message, {**details, **mistake.details}), transient=False)
    if _CHART_ALONE.search(text) and "error calling lookup" not in text:
        return HelmError(
            Failure(Code.CHART_INVALID, f"{release}: helm {command} failed: {text}", details), transient=False
        )
    if _LOCKED.search(text):
        message = f"{release}: another Helm operation holds this release: {text}"
        return HelmError(Failure(Code.RELEASE_PENDING, message, details), transient=False)
    if _TOO_LARGE.search(text):
        message = (
            f"{release}: chart and values together are too large for the Secret in which Helm keeps a release (1 MiB, "
            "packed): take out what is no part of the chart (.helmignore), and big files among the values"
        )
        return HelmError(Failure(Code.CHART_INVALID, message, details), transient=False)
    if _SCHEMA.search(text):
        message = f"{release}: the values do not match the chart's schema: {_after_colon(text)}"
        return HelmError(Failure(Code.CHART_INVALID, message, details), transient=False)
    if found := _REGISTRY.search(text):
        return _registry_error(release, found[1], text, details)
    if _UNAUTHORIZED.search(text):
        message = f"{release}: the API server does not accept the credentials (token expired or rejected) for Helm."
        return HelmError(Failure(Code.UNAUTHORIZED, message, details), transient=False)
    if _UNTRUSTED.search(text):
        message = f"{release}: Helm does not trust the API server: {text}"
        return HelmError(Failure(Code.CREDENTIALS, message, details), transient=False)
    if (found := _SSA.search(text)) and "conflict" in text:
        fields = _after_colon(text)
        message = (
            f"{release}: {found[1]} owns fields that the chart sets ({fields}); stop it, or take them back with "
            "release_drift=restore (a service) or force_conflicts (module helm_release)."
        )
        return HelmError(Failure(Code.HELM_FAILED, message, {**details, OWNER: found[1]}), transient=False)
    if _TRANSIENT.search(text):
        message = f"{release}: Helm lost the connection to the Kubernetes API: {text}"
        return HelmError(Failure(Code.UNREACHABLE, message, details), transient=True)
    code = Code.CHART_INVALID if _CHART.search(text) else Code.HELM_FAILED
    return HelmError(Failure(code, f"{release}: helm {command} failed: {text}", details), transient=False)


def skipped_hooks(output: str) -> tuple[str, ...]:
    """What Helm says (standard error) of objects that it left out: their helm.sh/hook, which it does not know."""
    return tuple(re.sub(r"\\(.)", r"\1", text.strip('"')) for text in _SKIPPED.findall(output))


def limit_reached(command: str, release: str, output: str) -> HelmError | None:
    """The error for a Helm that this machine gave no more memory, space or files; None for other failures."""
    found = _EXHAUSTED.search(output)
    if not found:
        return None
    message = f"{_whose(release)}helm {command} has reached a limit of the machine that Ansible runs on: {found[0]}."
    return HelmError(Failure(Code.CONTROLLER_EXHAUSTED, message, {"release": release}), transient=False)


def killed(command: str, release: str, signal: int, *, out_of_memory: bool) -> HelmError:
    """The error for a Helm that a signal ended."""
    code, why = Code.HELM_FAILED, "somebody ended it, or this machine or container is short of memory"
    if out_of_memory:
        code = Code.CONTROLLER_EXHAUSTED
        why = "the kernel ran out of memory, on this machine or in this container: give it more"
    message = f"{_whose(release)}helm {command} was killed by signal {signal}: {why}."
    return HelmError(Failure(code, message, {"release": release, "signal": signal}), transient=False)


def _whose(release: str) -> str:
    return f"{release}: " if release else ""


def _registry_error(release: str, host: str, text: str, details: dict[str, str]) -> HelmError:
    """The error for a chart that cannot be pulled from its registry."""
    what, code, transient = "has no such chart", Code.CHART_INVALID, False
    if _UNTRUSTED.search(text):
        what, code = "has a certificate that is not trusted", Code.REGISTRY_UNREACHABLE
    elif _DENIED.search(text):
        what, code = "denies access (log in with `helm registry login` on this machine)", Code.REGISTRY_DENIED
    elif _TRANSIENT.search(text):
        what, code, transient = "is unreachable", Code.REGISTRY_UNREACHABLE, True
    message = f"{release}: the chart cannot be pulled: registry {host} {what}: {text}"
    return HelmError(Failure(code, message, {**details, "registry": host}), transient=transient)


def _sentence(output: str) -> str:
    """The error in one line, without prefixes and log lines."""
    text = _NOISE.sub("", output).strip() or output.strip()
    text = text.rpartition("Error: ")[2] or text
    text = re.sub(r"^(?:UPGRADE|INSTALLATION|ROLLBACK) FAILED: ", "", text)
    text = text.replace("Use --debug flag to render out invalid YAML", "")
    return re.sub(r"\s+", " ", text).strip()


def _after_colon(text: str) -> str:
    return text.partition(": ")[2] or text
