# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Diagnoses a failed target: a failure with evidence. Reads logs where it may, and lists what it could not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from ..dependencies.components import backends, uninitialized
from ..failure import Code, Failure, one_or_many
from ..known_secrets import KNOWN, secrets_of
from ..kube.api import KubeObserver, Object
from ..kube.deadline import Deadline
from ..kube.errors import Forbidden, KubeError
from ..kube.resources import RESOURCE_QUOTA, SECRET
from ..kube.secret_data import texts_of
from ..masking import hidden_across_lines, masked
from ..neutral import shortened, without_colours
from ..observing.kept import STORE, KeptLogs, LogStore
from ..readiness.daprd import APP_ID, awaited_port, explained
from ..readiness.evidence import describe_probe, event_time, relevant_events, short_cause
from ..readiness.fields import metadata, name, spec, status, uid
from ..readiness.log_lines import decisive_line, is_error
from ..readiness.pods import Container, Role, containers, created
from ..readiness.sentences import container_of, sentence
from ..readiness.symptoms import KILLED_AT_START, Symptom
from ..readiness.tree import Tree, unready_old_pods
from .targets import Target

# Symptoms whose container has run, so that its log may have the cause.
_WITH_LOG = frozenset({Code.CRASH_LOOP, Code.OOM_KILLED, Code.PROBE_KILLED, Code.POD_FAILED, Code.NOT_READY,
                       Code.PROBE_FAILING, Code.SIDECAR_NOT_READY, Code.DEPENDENCY_DOWN,
                       Code.BLOCKED_BY_OLD_POD})  # fmt: skip
# Symptoms whose cause is in the log: its decisive line becomes part of the message.
_LOG_DECIDES = frozenset({Code.CRASH_LOOP, Code.POD_FAILED, Code.SIDECAR_NOT_READY})
_NOT_HELMS = "type!=helm.sh/release.v1"  # those are large, and hold no values that apps read
_MARGIN_SECONDS = 600.0  # before the wait, for lines of pods that are older
_JOB_NAME = "batch.kubernetes.io/job-name"
_LONGEST_READ = 16_384  # characters of a line that are looked at
_PROBES = {"Readiness": "readinessProbe", "Liveness": "livenessProbe", "Startup": "startupProbe"}


class Diagnosis:
    """Collects evidence for the failures of one wait. All reads end within ``seconds``, whatever the API does; what the
    ``store`` has of logs that are gone may take some more. ``logs``: what was read before, by a pod's uid and a
    container's name.
    """

    def __init__(
        self,
        kube: KubeObserver,
        log_lines: int,
        since: float,
        seconds: float = 15.0,
        store: LogStore | None = None,
        logs: Mapping[tuple[str, str], str] = MappingProxyType({}),
    ) -> None:
        self._kube = kube
        self._log_lines = log_lines
        self._since = since
        self._deadline = Deadline.after(seconds)
        self._kept, self._logs = KeptLogs(kube, store), logs
        self._unreadable: dict[str, None] = {}
        self._secrets_of: set[str] = set()

    def failure(
        self,
        target: Target,
        tree: Tree | None,
        symptom: Symptom,
        events: Sequence[Object],
        denied: Sequence[str],
        suffix: str = "",
    ) -> Failure:
        """The failure of ``target`` because of ``symptom``. ``denied``: what the watches were not allowed to read."""
        self._unreadable = dict.fromkeys(denied)
        if symptom.code is Code.JOB_FAILED and tree is not None:
            symptom = _with_failed_pod(tree, symptom)
        pod: Any = next((pod for pod in tree.pods if uid(pod) == symptom.pod_uid), None) if tree else None
        view = container_of(pod, symptom.container)
        details: dict[str, Any] = {
            "release": target.release,
            "kind": target.kind,
            "namespace": target.namespace,
            "workload": target.name,
            "pod": symptom.pod,
            "container": symptom.container,
            "container_role": symptom.role.value if symptom.role else "",
            "reason": symptom.reason,
            "exit_code": symptom.exit_code,
            "signal": symptom.signal,
            "restarts": symptom.restarts,
            "api_message": masked(symptom.message),
        }
        probe_message = self._probe_evidence(view, symptom, events, details)
        cause = self._log_evidence(target, tree, pod, view, symptom, details)
        details["events"] = self._events(target, tree, symptom, events)
        if symptom.code is Code.TIMEOUT and details["events"]:
            last = details["events"][-1]
            cause = shortened(f"{last['reason']}: {last['message']}", limit=300)
        if symptom.code is Code.QUOTA_EXCEEDED:
            details["quota"] = self._quota(target.namespace)
        details["could_not_read"] = list(self._unreadable)
        text = sentence(symptom, target.label, pod, cause, probe_message)
        return _blamed(Failure(symptom.code, f"{text}{suffix}", details), target, tree)

    def _probe_evidence(
        self, view: Container | None, symptom: Symptom, events: Sequence[Object], details: dict[str, Any]
    ) -> str:
        """The probe's last message (from events); its definition goes into the details."""
        if view is None:
            return ""
        defined = {key: view.definition[key] for key in _PROBES.values() if key in view.definition}
        if defined:
            details["probes"] = {key: describe_probe(probe) for key, probe in defined.items()}
        about = [
            event
            for event in events
            if (event.get("involvedObject") or {}).get("uid") == symptom.pod_uid
            and str((event.get("involvedObject") or {}).get("fieldPath")).endswith(f"ontainers{{{view.name}}}")
            and event.get("reason") == "Unhealthy"
        ]
        message = str(max(about, key=event_time).get("message") or "") if about else ""
        kind, text = message.split(" probe failed: ", 1) if " probe failed: " in message else ("", "")
        if kind in _PROBES:
            details["failing_probe"] = {"probe": _PROBES[kind], "message": masked(text.strip())}
        return " ".join(text.split())[:160]

    def _log_evidence(
        self,
        target: Target,
        tree: Tree | None,
        pod: Object | None,
        view: Container | None,
        symptom: Symptom,
        details: dict[str, Any],
    ) -> str:
        """Adds log tails to the details; returns the decisive line for the message."""
        if symptom.code not in _WITH_LOG | {Code.JOB_FAILED} or not self._log_lines:
            return ""
        if pod is None or view is None:
            kept = self._kept_log(target, tree, pod, symptom, details)
            return decisive_line(kept) if symptom.code in _LOG_DECIDES | {Code.JOB_FAILED} else ""
        current = self._log(target.namespace, name(pod), view.name, previous=False)
        before = self._log(target.namespace, name(pod), view.name, previous=True) if view.restarts else ""
        if not current and not before:
            read = hidden_across_lines(without_colours(self._logs.get((uid(pod), view.name), "")))
            current = read or self._kept_log(target, tree, pod, symptom, details)
        details["log_tail"] = _tail(current or before, self._log_lines)
        if before and before != current:
            details["previous_log_tail"] = _tail(before, self._log_lines)
        if symptom.code in _LOG_DECIDES or symptom.code is Code.JOB_FAILED:
            if symptom.code is Code.SIDECAR_NOT_READY and (port := awaited_port(current)):
                return f"it waits for the app to listen on port {port}"
            # The terminated run has the cause; the current one may have just started.
            sidecar = view.role is Role.SIDECAR
            last = before if view.running is not None and before else current or before
            cause = decisive_line(last, warns_at_start=sidecar)
            if sidecar:
                return self._with_components(explained(cause, pod), pod, before or current, current)
            self._sidecar_evidence(target, pod, details)
            return cause or _start_error(view)
        if view.role is Role.INIT:  # it may wait for something, and say so
            return decisive_line(current)
        unready = symptom.code in (Code.NOT_READY, Code.PROBE_FAILING, Code.DEPENDENCY_DOWN)
        if unready or symptom.reason == KILLED_AT_START:
            return self._sidecar_evidence(target, pod, details)
        return ""

    def _kept_log(
        self, target: Target, tree: Tree | None, pod: Object | None, symptom: Symptom, details: dict[str, Any]
    ) -> str:
        """What the store has of a container whose log can't be read; of a Job whose pods are gone, of these."""
        of: dict[str, Any] = {"namespace": target.namespace}
        if symptom.pod:
            since = self._since - _MARGIN_SECONDS
            of |= {"pod": symptom.pod, "container": symptom.container or _first_container(spec(pod or {}))}
        elif target.kind == "Job":
            since = created(tree.workload) if tree else self._since  # there may have been others of its name
            template = (spec(tree.workload if tree else {}).get("template") or {}).get("spec") or {}
            of |= {"labels": {_JOB_NAME: target.name}, "container": _first_container(template)}
        else:
            return ""
        self._learn_secrets(target.namespace)
        log = self._kept.tail(of, self._kube.server_now() - since, self._log_lines)
        if self._kept.trouble:
            self._unreadable[f"logs: {masked(self._kept.trouble)}"] = None
        if log:
            log = hidden_across_lines(without_colours(log))
            details |= {"log_source": STORE, "log_tail": _tail(log, self._log_lines)}
        return log

    def _sidecar_evidence(self, target: Target, pod: Object, details: dict[str, Any]) -> str:
        """An app that is not ready may be waiting for its sidecar: then the sidecar's log has the cause."""
        for view in containers(pod):
            if view.role is not Role.SIDECAR or view.ready:
                continue
            log = self._log(target.namespace, name(pod), view.name, previous=False)
            details["sidecar"] = {"container": view.name, "log_tail": _tail(log, self._log_lines)}
            if port := awaited_port(log):
                return f"sidecar {view.name} waits for the app to listen on port {port}"
            cause = self._with_components(decisive_line(log) if is_error(log) else "", pod, log)
            return f"sidecar {view.name} is not ready either: {cause}" if cause else ""
        return ""

    def _with_components(self, cause: str, pod: Object, *logs: str) -> str:
        """``cause``, and the components that a sidecar waits for, by their names and brokers."""
        app_id = str((metadata(pod).get("annotations") or {}).get(APP_ID) or "")
        namespace = str(metadata(pod).get("namespace") or "")
        try:
            known = backends(self._kube, namespace, app_id, self._deadline) if any(logs) else []
        except KubeError:
            known = []
        waits = next((found for log in logs if (found := uninitialized(log, known))), [])
        text = "; ".join(f"it has not got through to {each}" for each in waits)
        return "; ".join(filter(None, (cause, masked(text))))

    def _log(self, namespace: str, pod: str, container: str, *, previous: bool) -> str:
        self._learn_secrets(namespace)
        try:
            log = self._kube.logs(
                namespace, pod, container, previous=previous, tail=self._log_lines, deadline=self._deadline
            )
            # The kubelet returns this with status 200 when a container's log no longer exists.
            if log.startswith("unable to retrieve container logs"):
                return ""
            return hidden_across_lines(without_colours(log))
        except Forbidden as exc:
            self._unreadable[f"logs: {exc.failure.message}"] = None
        except KubeError as exc:
            if exc.status not in (400, 404):  # 400: there is no such run, or the container has not started
                self._unreadable[f"logs: {exc.failure.message}"] = None
        return ""

    def _learn_secrets(self, namespace: str) -> None:
        """The values of the namespace's Secrets, so that a log that shows one is masked. One request, where allowed."""
        if namespace in self._secrets_of:
            return
        self._secrets_of.add(namespace)
        with suppress(KubeError):
            for secret in self._kube.list_(SECRET, namespace, field_selector=_NOT_HELMS, deadline=self._deadline)[0]:
                KNOWN.add(secrets_of(texts_of(secret)))

    def _events(
        self, target: Target, tree: Tree | None, symptom: Symptom, events: Sequence[Object]
    ) -> list[dict[str, Any]]:
        if tree is None:
            return []
        uids = {symptom.pod_uid} if symptom.pod_uid else {uid(pod) for pod in tree.new_pods}
        began = min([self._since, *(created(pod) for pod in tree.new_pods if created(pod))])
        uids |= {uid(tree.workload), *([uid(tree.newest)] if tree.newest else [])}
        return relevant_events(events, uids, began - 5.0)

    def _quota(self, namespace: str) -> list[dict[str, Any]]:
        """Limits and usage of each quota of the namespace."""
        try:
            quotas = self._kube.list_(RESOURCE_QUOTA, namespace, deadline=self._deadline)[0]
        except KubeError as exc:
            self._unreadable[f"quotas: {exc.failure.message}"] = None
            return []
        return [{"name": name(quota), **{key: status(quota).get(key) for key in ("hard", "used")}} for quota in quotas]


def _blamed(failure: Failure, target: Target, tree: Tree | None) -> Failure:
    """What new pods fail of is not their fault if the old ones are down too. A missing sidecar can be repaired."""
    old = unready_old_pods(tree) if tree else ()
    if not old or failure.code in (Code.DEPENDENCY_DOWN, Code.SIDECAR_MISSING):
        return failure
    names = sorted(name(pod) for pod in old)
    pods = one_or_many(names, "the old pod ({}) is", "the old pods ({}) are")
    text = f"{pods} unready too, so something it depends on is down: {failure.message}"
    details = {**failure.details, "cause": failure.code.value}
    return Failure(Code.DEPENDENCY_DOWN, f"{target.release or target.label}: {text}", details)


def _with_failed_pod(tree: Tree, symptom: Symptom) -> Symptom:
    """A failed Job's symptom with the failed container of its newest pod."""
    for pod in sorted(tree.new_pods, key=created, reverse=True):
        for view in containers(pod):
            end = view.last_end
            if end.get("exitCode"):
                return Symptom(symptom.code, symptom.grace, symptom.reason, symptom.message, name(pod), uid(pod),
                               view.name, view.role, end.get("exitCode"), view.restarts)  # fmt: skip
    return symptom


def _start_error(view: Container) -> str:
    """Why a container has not even started, and so has no log."""
    end = view.last_end
    return short_cause(str(end.get("message") or "")) if end.get("reason") == "StartError" else ""


def _first_container(of: Mapping[str, Any]) -> str:
    """Of a pod's spec: the app's, since sidecars are added behind it."""
    return str(next((each.get("name") for each in of.get("containers") or ()), ""))


def _tail(log: str, lines: int) -> list[str]:
    return [shortened(masked(line[:_LONGEST_READ]), len(line)) for line in log.splitlines()[-lines:]]
