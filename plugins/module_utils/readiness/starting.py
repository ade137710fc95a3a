# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May a container that runs, and never was ready, still be starting? By its probes' arithmetic and the kubelet's words.

A slow start is legitimate, so only two things count against it: nobody listens where the probe asks, long after the
probe's own attempts are used up; or the probe can't succeed as it is written. An app that answers is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..failure import Code
from .evidence import event_time
from .fields import Object, number, timestamp, uid
from .pods import Container, containers, is_ready, was_ready
from .symptoms import UNREADY, Symptom
from .tree import Tree

# What the kubelet's HTTP and TCP probers say when no socket listens, and the gRPC prober when it gets no connection.
_NOBODY = re.compile(r"connection refused|failed to connect service", re.IGNORECASE)
# What Go's HTTP client says of a server that listens and speaks something else than the probe.
_OTHER_PROTOCOL = re.compile(r"server gave HTTP response to HTTPS client|malformed HTTP response", re.IGNORECASE)
# An event this much older than the probe's period and timeout says nothing of now.
_SLACK_SECONDS = 10.0


def without_excuse(tree: Tree, symptoms: Sequence[Symptom], events: Sequence[Object], now: float) -> list[Symptom]:
    """``symptoms``, where "not ready" became "its probe fails" for containers that no slow start explains.

    Not when a pod of the newest revision is or was ready (then the probe is right), nor when what old and new pods need
    is down. ``now``: the server's clock. Without the right to read events only what the pod itself shows is seen.
    """
    if any(is_ready(pod) or was_ready(pod) for pod in tree.new_pods):
        return list(symptoms)
    if any(symptom.code is Code.DEPENDENCY_DOWN for symptom in symptoms):
        return list(symptoms)
    views = {(uid(pod), view.name): view for pod in tree.new_pods for view in containers(pod)}
    return [
        _judged(symptom, views[symptom.pod_uid, symptom.container], events, now)
        if symptom.code is Code.NOT_READY and (symptom.pod_uid, symptom.container) in views
        else symptom
        for symptom in symptoms
    ]


def restart_announced(pod: Object, events: Sequence[Object]) -> bool:
    """True if the kubelet ends a running container of this pod because a probe failed.

    Until the container obeys, or its grace is over, it still counts as running and ready.
    """
    for view in containers(pod):
        began = timestamp((view.running or {}).get("startedAt"))
        said = (event for event in events if _about(event, uid(pod), view.name, "Killing", "will be restarted"))
        if began is not None and any(event_time(event) >= began for event in said):
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
        return replace(symptom, code=Code.PROBE_FAILING, grace="probe_failing", reason="NoAnswer", message=text,
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


def _newest_words(symptom: Symptom, view: Container, probe: Object, events: Sequence[Object], now: float) -> str:
    """What the kubelet said last of this container's readiness probe, empty unless it said so just now.

    Kubelets fall silent after 25 events of one pod (client-go's event spam filter), so old words prove nothing.
    """
    began = symptom.since or 0.0
    asked = (event for event in events if _about(event, symptom.pod_uid, view.name, "Unhealthy", "Readiness probe"))
    said = [event for event in asked if event_time(event) >= began - 1.0]
    # Times are whole seconds: of two words in the same second the milder one counts.
    newest = max(said, key=lambda one: (event_time(one), not _NOBODY.search(str(one.get("message")))), default=None)
    if newest is None:
        return ""
    fresh = number(probe, "periodSeconds", 10) + number(probe, "timeoutSeconds", 1) + _SLACK_SECONDS
    return " ".join(str(newest.get("message") or "").split()) if now - event_time(newest) <= fresh else ""


def _about(event: Object, pod_uid: str, container: str, reason: str, words: str) -> bool:
    about = event.get("involvedObject") or {}
    return (
        event.get("reason") == reason
        and about.get("uid") == pod_uid
        and str(about.get("fieldPath")).endswith(f"ontainers{{{container}}}")  # of containers or initContainers
        and words in str(event.get("message") or "")
    )
