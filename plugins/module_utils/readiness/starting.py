# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides whether a container that runs but was never ready may still be starting, by its probes and events.

A slow start is legitimate: until their app or model is loaded, servers answer 503, but also 404 (Tomcat, TensorFlow
Serving) or 400 (Triton). Only three things are failures: nothing listens on the probe's port long after the probe's own
attempts; the probe cannot succeed as configured; or the startup probe was answered 4xx until the kubelet killed the
container. Any other app that answers may go on until the timeout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..failure import Code
from .evidence import event_time, is_about
from .fields import Object, condition, number, spec, timestamp, uid
from .pods import Container, containers, is_ready, never_served, was_ready
from .symptoms import KILLED_AT_START, UNREADY, Symptom
from .tree import Tree

# Messages of the kubelet's HTTP and TCP probers when nothing listens, and of the gRPC prober without a connection.
_NOT_LISTENING = re.compile(r"connection refused|failed to connect service", re.IGNORECASE)
# Messages of Go's HTTP client about a server that uses another protocol than the probe.
_OTHER_PROTOCOL = re.compile(r"server gave HTTP response to HTTPS client|malformed HTTP response", re.IGNORECASE)
# Messages of container runtimes about a command that an image does not have.
_NO_COMMAND = re.compile(r'exec: "([^"]+)": (?:executable file not found|stat [^:]+: no such file)')
# Message of the kubelet's HTTP prober about a response that is no success.
_STATUS = re.compile(r"statuscode: (\d{3})\b")
# Answers of a server that is up and has no such path; those that say "later" are left out.
_NO_SUCH_PATH = re.compile(r"HTTP 4(?!08|25|29)\d\d")
NO_ANSWER = "NoAnswer"
# Of the time that the old pods took to be ready, a new one may take on a busy node.
_TIMES_USUAL = 2.0
# An event this much older than the probe's period and timeout is outdated.
_SLACK_SECONDS = 10.0


@dataclass(frozen=True)
class ProbeTarget:
    """A container whose readiness probe was refused when the kubelet last reported it, and may listen by now.

    ``since``: start of its current run, in seconds since the epoch on the server.
    """

    pod: Object
    container: str
    port: int
    path: str
    tls: bool
    since: float

    def refusal_event(self, text: str, now: float) -> Object | None:
        """A refused connection as the kubelet's event; None if ``text`` says something else."""
        if not _NOT_LISTENING.search(text):
            return None
        about = {"uid": uid(self.pod), "fieldPath": f"spec.containers{{{self.container}}}"}
        when = datetime.fromtimestamp(now, UTC).isoformat()
        message = f"Readiness probe failed: {text}"
        return {"involvedObject": about, "reason": "Unhealthy", "message": message, "lastTimestamp": when}


def with_failing_probes(tree: Tree, symptoms: Sequence[Symptom], events: Sequence[Object], now: float) -> list[Symptom]:
    """``symptoms``, with "not ready" replaced by "its probe fails" for containers that a slow start does not explain.

    Unchanged when a pod of the newest revision is or was ready (then the probe works), or when a dependency of old and
    new pods is down. ``now``: the server's clock. Without the right to read events only the pod's status is used.
    """
    if _explained(tree, symptoms):
        return list(symptoms)
    views = {(uid(pod), view.name): (pod, view) for pod in tree.new_pods for view in containers(pod)}
    return [
        _judged(symptom, *views[symptom.pod_uid, symptom.container], events, now, _usual_start(tree, symptom.container))
        if symptom.code is Code.NOT_READY and (symptom.pod_uid, symptom.container) in views
        else symptom
        for symptom in symptoms
    ]


def unreported_probe(
    tree: Tree, symptoms: Sequence[Symptom], events: Sequence[Object], now: float
) -> ProbeTarget | None:
    """The first container whose probe was refused and that the kubelet no longer reports. For HTTP probes only.

    It is returned some seconds before the last event is outdated.
    """
    if _explained(tree, symptoms):
        return None
    pods = {uid(pod): pod for pod in tree.new_pods}
    for symptom in symptoms:
        if symptom.pod_uid not in pods:
            continue
        if (symptom.code, symptom.reason) not in ((Code.NOT_READY, UNREADY), (Code.PROBE_FAILING, NO_ANSWER)):
            continue
        view = next(view for view in containers(pods[symptom.pod_uid]) if view.name == symptom.container)
        since = timestamp((view.running or {}).get("startedAt"))
        probe = view.definition.get("readinessProbe") or {}
        http, last = probe.get("httpGet") or {}, _newest_event(symptom.pod_uid, view, events)
        port = _port_number(http.get("port"), view)
        if port is None or http.get("host") or last is None or since is None:
            continue
        if now - event_time(last) <= _freshness(probe) - _SLACK_SECONDS / 2:
            continue
        if _NOT_LISTENING.search(str(last.get("message") or "")):
            tls = http.get("scheme") == "HTTPS"
            return ProbeTarget(pods[symptom.pod_uid], view.name, port, str(http.get("path") or "/"), tls, since)
    return None


def _explained(tree: Tree, symptoms: Sequence[Symptom]) -> bool:
    """True if a pod of the newest revision is or was ready, or a dependency of old and new pods is down."""
    if any(is_ready(pod) or was_ready(pod) for pod in tree.new_pods):
        return True
    return any(symptom.code is Code.DEPENDENCY_DOWN for symptom in symptoms)


def restart_announced(pod: Object, events: Sequence[Object]) -> bool:
    """True if the kubelet is killing a running container of this pod because a probe failed.

    Until the container exits, or its termination grace period is over, it still counts as running and ready.
    """
    for view in containers(pod):
        began = timestamp((view.running or {}).get("startedAt"))
        killings = (event for event in events if is_about(event, uid(pod), view.name, "Killing", "will be restarted"))
        # Times are whole seconds: a container may be killed and started again within the same second.
        ended = timestamp(view.last_end.get("finishedAt")) or 0.0
        if began is not None and any(event_time(event) >= began and event_time(event) > ended for event in killings):
            return True
    return False


def _usual_start(tree: Tree, container: str) -> float:
    """Seconds that each ready pod of the old revision took at least, from the start of this container on."""
    times = []
    for pod in filter(is_ready, tree.old_pods):
        ready = timestamp(condition(pod, "Ready").get("lastTransitionTime"))
        starts = [
            timestamp((view.running or {}).get("startedAt")) for view in containers(pod) if view.name == container
        ]
        times += [ready - start for start in starts if ready is not None and start is not None]
    return max(0.0, min(times, default=0.0))


def _judged(
    symptom: Symptom, pod: Object, view: Container, events: Sequence[Object], now: float, usual: float
) -> Symptom:
    kind = "readinessProbe" if symptom.reason == UNREADY else "startupProbe"
    probe = view.definition.get(kind)
    if not probe:
        return symptom
    if port := _undefined_port(probe, view):
        text = f"the container has no port named {port!r}"
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_wrong", reason="NoSuchPort", message=text)
    if kind == "startupProbe":  # the kubelet kills it when its attempts are over
        return _not_started(symptom, pod, view, events)
    text = _newest_message(symptom, view, probe, events, now)
    if absent := _NO_COMMAND.search(text):
        text = f"the image has no command {absent[1]!r}"
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_wrong", reason="NoSuchCommand", message=text)
    if _OTHER_PROTOCOL.search(text):
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_wrong", reason="WrongProtocol", message=text)
    if _NOT_LISTENING.search(text):
        # No field says when a startup probe passed: then the time counts from when the symptom was first seen.
        since = None if view.definition.get("startupProbe") else symptom.since
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_failing", reason=NO_ANSWER, message=text,
                       since=since, patience=max(seconds_of_attempts(view), _TIMES_USUAL * usual))  # fmt: skip
    last = _STATUS.search(str((_newest_event(symptom.pod_uid, view, events) or {}).get("message")))
    answer = f"HTTP {last[1]}" if last else ""
    return replace(symptom, message=answer) if _NO_SUCH_PATH.fullmatch(answer) else symptom


def _not_started(symptom: Symptom, pod: Object, view: Container, events: Sequence[Object]) -> Symptom:
    """With what was answered last. Killed once, it may start the next time, unless there is nothing at that path."""
    answer = _answer(symptom.pod_uid, view, events)
    if not _killed_at_start(pod, view, events):
        return replace(symptom, message=answer)
    end = view.previous.get("exitCode")
    killed = replace(symptom, reason=KILLED_AT_START, message=answer, exit_code=end)
    return replace(killed, code=Code.PROBE_KILLED, grace="crash_loop") if _NO_SUCH_PATH.fullmatch(answer) else killed


def _killed_at_start(pod: Object, view: Container, events: Sequence[Object]) -> bool:
    """Whether the run before was ended because its startup probe failed: by the kubelet's event, else by its status.

    The event is missing where the kubelet had no more to spare for this pod. Then: it was killed when the attempts were
    over, and the pod was never ready.
    """
    began, lived = timestamp(view.previous.get("startedAt")), view.seconds_lived()
    if began is None or lived is None or view.previous.get("reason") == "OOMKilled":
        return False
    ours = [event for event in events if is_about(event, uid(pod), view.name, "Killing", "will be restarted")]
    kill = max((event for event in ours if event_time(event) >= began), key=event_time, default=None)
    if kill is not None:
        return "startup probe" in str(kill.get("message"))
    probe = view.definition["startupProbe"]
    slowest = _attempts(
        {**probe, "periodSeconds": max(number(probe, "periodSeconds", 10), number(probe, "timeoutSeconds"))}
    )
    grace = number(probe, "terminationGracePeriodSeconds", number(spec(pod), "terminationGracePeriodSeconds", 30))
    in_time = _attempts(probe) - number(probe, "periodSeconds", 10) - 2.0 <= lived <= slowest + grace + _SLACK_SECONDS
    return view.previous.get("exitCode") in (137, 143) and in_time and never_served(pod)


def seconds_of_attempts(view: Container) -> float:
    """Seconds from its start until its probes have had all their attempts.

    ``initialDelaySeconds + periodSeconds * failureThreshold`` of the readiness or the liveness probe, the longer one.
    """
    probes = (view.definition.get(key) for key in ("readinessProbe", "livenessProbe"))
    return max((_attempts(probe) for probe in probes if probe), default=0.0)


def _attempts(probe: Object) -> float:
    attempts = number(probe, "failureThreshold", 3) * number(probe, "periodSeconds", 10)
    return float(number(probe, "initialDelaySeconds") + attempts)


def _undefined_port(probe: Object, view: Container) -> str:
    """The name of the probe's port, if its container does not define it; empty otherwise."""
    asked: Any = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
    if not isinstance(asked, str) or asked.isdigit():
        return ""
    named = (port.get("name") for port in view.definition.get("ports") or [])
    return "" if asked in named else asked


def _port_number(asked: object, view: Container) -> int | None:
    """A probe's port as a number, also where it is given by name."""
    if isinstance(asked, str) and not asked.isdigit():
        named = {port.get("name"): port.get("containerPort") for port in view.definition.get("ports") or []}
        asked = named.get(asked)
    return None if asked is None else int(str(asked))


def _newest_message(symptom: Symptom, view: Container, probe: Object, events: Sequence[Object], now: float) -> str:
    """The kubelet's last message about this container's readiness probe; empty when it is outdated.

    Kubelets report at most 25 events per pod (client-go's event spam filter), so an old event is no evidence.
    """
    newest = _newest_event(symptom.pod_uid, view, events)
    if newest is None or now - event_time(newest) > _freshness(probe):
        return ""
    return " ".join(str(newest.get("message") or "").split())


def _answer(pod_uid: str, view: Container, events: Sequence[Object]) -> str:
    """What the app answered to the startup probe last, in this run or that before, such as ``HTTP 404``; else empty."""
    began = timestamp((view.previous or view.running or {}).get("startedAt")) or 0.0
    about = [event for event in events if is_about(event, pod_uid, view.name, "Unhealthy", "Startup probe")]
    answers = [(event_time(event), found[1]) for event in about if (found := _STATUS.search(str(event.get("message"))))]
    last = max((answer for answer in answers if answer[0] >= began - 1.0), default=None)
    return f"HTTP {last[1]}" if last else ""


def _newest_event(pod_uid: str, view: Container, events: Sequence[Object]) -> Object | None:
    """The kubelet's last event about the readiness probe in the container's current run."""
    began = timestamp((view.running or {}).get("startedAt")) or 0.0
    about = (event for event in events if is_about(event, pod_uid, view.name, "Unhealthy", "Readiness probe"))
    current = [event for event in about if event_time(event) >= began - 1.0]
    # Times are whole seconds: of two events in the same second the less severe one counts.
    return max(
        current, key=lambda one: (event_time(one), not _NOT_LISTENING.search(str(one.get("message")))), default=None
    )


def _freshness(probe: Object) -> float:
    """Seconds after which the kubelet's last event about a probe is outdated."""
    return number(probe, "periodSeconds", 10) + number(probe, "timeoutSeconds", 1) + _SLACK_SECONDS
