# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May a container that runs, and never was ready, still be starting? By its probes' arithmetic and the kubelet's words.

A slow start is legitimate, so only two things count against it: nobody listens where the probe asks, long after the
probe's own attempts are used up; or the probe can't succeed as it is written. An app that answers is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..failure import Code
from .evidence import event_time, is_about
from .fields import Object, number, timestamp, uid
from .pods import Container, containers, is_ready, was_ready
from .symptoms import UNREADY, Symptom
from .tree import Tree

# What the kubelet's HTTP and TCP probers say when no socket listens, and the gRPC prober when it gets no connection.
_NOBODY = re.compile(r"connection refused|failed to connect service", re.IGNORECASE)
# What Go's HTTP client says of a server that listens and speaks something else than the probe.
_OTHER_PROTOCOL = re.compile(r"server gave HTTP response to HTTPS client|malformed HTTP response", re.IGNORECASE)
NO_ANSWER = "NoAnswer"
# An event this much older than the probe's period and timeout says nothing of now.
_SLACK_SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """A container whose readiness probe was refused as long as the kubelet told of it: does anybody listen by now?

    ``since``: start of its present run, in seconds since the epoch on the server.
    """

    pod: Object
    container: str
    port: int
    path: str
    tls: bool
    since: float

    def refused(self, text: str, now: float) -> Object | None:
        """An answer that nobody listens, as the kubelet would have told it; None if that is not what it says."""
        if not _NOBODY.search(text):
            return None
        about = {"uid": uid(self.pod), "fieldPath": f"spec.containers{{{self.container}}}"}
        when = datetime.fromtimestamp(now, UTC).isoformat()
        message = f"Readiness probe failed: {text}"
        return {"involvedObject": about, "reason": "Unhealthy", "message": message, "lastTimestamp": when}


def without_excuse(tree: Tree, symptoms: Sequence[Symptom], events: Sequence[Object], now: float) -> list[Symptom]:
    """``symptoms``, where "not ready" became "its probe fails" for containers that no slow start explains.

    Not when a pod of the newest revision is or was ready (then the probe is right), nor when what old and new pods need
    is down. ``now``: the server's clock. Without the right to read events only what the pod itself shows is seen.
    """
    if _excused(tree, symptoms):
        return list(symptoms)
    views = {(uid(pod), view.name): view for pod in tree.new_pods for view in containers(pod)}
    return [
        _judged(symptom, views[symptom.pod_uid, symptom.container], events, now)
        if symptom.code is Code.NOT_READY and (symptom.pod_uid, symptom.container) in views
        else symptom
        for symptom in symptoms
    ]


def open_question(tree: Tree, symptoms: Sequence[Symptom], events: Sequence[Object], now: float) -> Question | None:
    """The first container that was refused, and that the kubelet has fallen silent about. For HTTP probes only.

    It is open some seconds before what is known stops to count.
    """
    if _excused(tree, symptoms):
        return None
    pods = {uid(pod): pod for pod in tree.new_pods}
    for symptom in symptoms:
        if (symptom.code, symptom.reason) not in ((Code.NOT_READY, UNREADY), (Code.PROBE_FAILING, NO_ANSWER)):
            continue
        view = next(view for view in containers(pods[symptom.pod_uid]) if view.name == symptom.container)
        since = timestamp((view.running or {}).get("startedAt"))
        probe = view.definition.get("readinessProbe") or {}
        http, said = probe.get("httpGet") or {}, _newest_event(symptom.pod_uid, view, events)
        port = _port_number(http.get("port"), view)
        if port is None or http.get("host") or said is None or since is None:
            continue
        if now - event_time(said) <= _freshness(probe) - _SLACK_SECONDS / 2:
            continue
        if _NOBODY.search(str(said.get("message") or "")):
            tls = http.get("scheme") == "HTTPS"
            return Question(pods[symptom.pod_uid], view.name, port, str(http.get("path") or "/"), tls, since)
    return None


def _excused(tree: Tree, symptoms: Sequence[Symptom]) -> bool:
    """True if a pod of the newest revision is or was ready, or what old and new pods need is down."""
    if any(is_ready(pod) or was_ready(pod) for pod in tree.new_pods):
        return True
    return any(symptom.code is Code.DEPENDENCY_DOWN for symptom in symptoms)


def restart_announced(pod: Object, events: Sequence[Object]) -> bool:
    """True if the kubelet ends a running container of this pod because a probe failed.

    Until the container obeys, or its grace is over, it still counts as running and ready.
    """
    for view in containers(pod):
        began = timestamp((view.running or {}).get("startedAt"))
        said = (event for event in events if is_about(event, uid(pod), view.name, "Killing", "will be restarted"))
        # Times are whole seconds: in the second in which a container was ended it may have been started again.
        ended = timestamp(view.last_end.get("finishedAt")) or 0.0
        if began is not None and any(event_time(event) >= began and event_time(event) > ended for event in said):
            return True
    return False


def _judged(symptom: Symptom, view: Container, events: Sequence[Object], now: float) -> Symptom:
    kind = "readinessProbe" if symptom.reason == UNREADY else "startupProbe"
    probe = view.definition.get(kind)
    if not probe:
        return symptom
    if port := _port_nobody_has(probe, view):
        text = f"the container has no port named {port!r}"
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_wrong", reason="NoSuchPort", message=text)
    if kind == "startupProbe":
        return symptom  # the kubelet ends it when its time is over
    text = _newest_words(symptom, view, probe, events, now)
    if _OTHER_PROTOCOL.search(text):
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_wrong", reason="WrongProtocol", message=text)
    if _NOBODY.search(text):
        # Nothing says when a startup probe passed: then the time counts from the first sighting.
        since = None if view.definition.get("startupProbe") else symptom.since
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_failing", reason=NO_ANSWER, message=text,
                       since=since, patience=seconds_of_attempts(view))  # fmt: skip
    return symptom


def seconds_of_attempts(view: Container) -> float:
    """Seconds from its start until the probes, as they are written, have had all their attempts.

    ``initialDelaySeconds + periodSeconds * failureThreshold`` of the readiness or the liveness probe, the longer one.
    """
    probes = (view.definition.get(key) for key in ("readinessProbe", "livenessProbe"))
    return max((_attempts(probe) for probe in probes if probe), default=0.0)


def _attempts(probe: Object) -> float:
    attempts = number(probe, "failureThreshold", 3) * number(probe, "periodSeconds", 10)
    return float(number(probe, "initialDelaySeconds") + attempts)


def _port_nobody_has(probe: Object, view: Container) -> str:
    """The port's name, if the probe asks by a name that its container does not define; empty otherwise."""
    asked: Any = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
    if not isinstance(asked, str) or asked.isdigit():
        return ""
    named = (port.get("name") for port in view.definition.get("ports") or [])
    return "" if asked in named else asked


def _port_number(asked: object, view: Container) -> int | None:
    """A probe's port as a number, also where it is asked for by name."""
    if isinstance(asked, str) and not asked.isdigit():
        named = {port.get("name"): port.get("containerPort") for port in view.definition.get("ports") or []}
        asked = named.get(asked)
    return None if asked is None else int(str(asked))


def _newest_words(symptom: Symptom, view: Container, probe: Object, events: Sequence[Object], now: float) -> str:
    """What the kubelet said last of this container's readiness probe, empty unless it said so just now.

    Kubelets fall silent after 25 events of one pod (client-go's event spam filter), so old words prove nothing.
    """
    newest = _newest_event(symptom.pod_uid, view, events)
    if newest is None or now - event_time(newest) > _freshness(probe):
        return ""
    return " ".join(str(newest.get("message") or "").split())


def _newest_event(pod_uid: str, view: Container, events: Sequence[Object]) -> Object | None:
    """The kubelet's last word of the readiness probe in the container's present run."""
    began = timestamp((view.running or {}).get("startedAt")) or 0.0
    asked = (event for event in events if is_about(event, pod_uid, view.name, "Unhealthy", "Readiness probe"))
    said = [event for event in asked if event_time(event) >= began - 1.0]
    # Times are whole seconds: of two words in the same second the milder one counts.
    return max(said, key=lambda one: (event_time(one), not _NOBODY.search(str(one.get("message")))), default=None)


def _freshness(probe: Object) -> float:
    """How old, in seconds, the kubelet's last word of a probe may be to count."""
    return number(probe, "periodSeconds", 10) + number(probe, "timeoutSeconds", 1) + _SLACK_SECONDS
