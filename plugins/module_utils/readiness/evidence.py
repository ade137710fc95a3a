# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence as text: masked messages, relevant events, a readable probe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..failure import Code
from ..masking import masked
from ..neutral import shortened
from .fields import Object, metadata, number, timestamp
from .symptoms import CREATING, HOOK_FAILED, MISSING_CONFIG, Symptom, creation_failure

# Normal events that explain something; all others of that type are irrelevant.
_INFORMATIVE = frozenset({"Killing", "BackOff", "TriggeredScaleUp", "NotTriggerScaleUp", "Preempted"})
# A kubelet reports about this many events per pod, then no more (client-go's spam filter).
_EVENT_BUDGET = 20
_CLASS = re.compile(r"(?:: unknown)+$")
_OF_THE_SYSTEM = re.compile(
    r"(?:no such file or directory|permission denied|not a directory|is a directory|file exists|operation not permitted"
    r"|invalid argument|read-only file system|device or resource busy|no space left on device)"
)
_NODE_SECONDS = 540.0  # that a cloud may take for a node, on top of the grace period


def relevant_events(events: Iterable[Object], uids: set[str], since: float, limit: int = 10) -> list[dict[str, Any]]:
    """Warnings (and the few informative Normal events) about these objects since then, newest last, as plain JSON."""
    found = []
    for event in events:
        about = event.get("involvedObject") or {}
        if about.get("uid") not in uids or event_time(event) < since:
            continue
        if event.get("type") != "Normal" or event.get("reason") in _INFORMATIVE:
            found.append(event)
    found.sort(key=event_time)
    return [
        {
            "object": f"{event['involvedObject'].get('kind', '')}/{event['involvedObject'].get('name', '')}",
            "reason": event.get("reason", ""),
            "message": shortened(masked(" ".join(str(event.get("message") or "")[:4000].split())), limit=1000),
            "count": event_count(event),
            "last_seen": _last_seen(event),
        }
        for event in found[-limit:]
    ]


def event_time(event: Object) -> float:
    """When it was last seen, by the server's clock."""
    return timestamp(_last_seen(event)) or 0.0


def event_count(event: Object) -> int:
    """How often it was seen."""
    return number(event, "count") or number(event.get("series") or {}, "count", 1)


def _last_seen(event: Object) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    times = (series, event.get("lastTimestamp"), event.get("eventTime"), metadata(event).get("creationTimestamp"))
    return str(next((time for time in times if time), ""))


def refined(symptom: Symptom, events: Sequence[Object], workload_uid: str) -> Symptom:
    """The symptom, made more precise by the newest event where the objects alone are vague."""
    if symptom.code is Code.VOLUME_MOUNT:
        text = _newest(events, symptom.pod_uid, ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"))
        if MISSING_CONFIG.search(text):
            return replace(symptom, code=Code.CONFIG_MISSING, grace="config_missing", message=text)
        return replace(symptom, message=text) if text else symptom
    if symptom.reason == CREATING:
        text = _newest(events, symptom.pod_uid, ("Pulling", "Pulled"))
        pulls = text.startswith("Pulling image")
        return replace(symptom, message=f"its {text.removeprefix('Pulling ')} is being pulled") if pulls else symptom
    if symptom.code is Code.UNSCHEDULABLE and _node_is_coming(events, symptom.pod_uid):
        return replace(symptom, patience=_NODE_SECONDS)
    if symptom.code is Code.FAILED_CREATE:
        text = _newest(events, workload_uid, ("FailedCreate",))
        return replace(symptom, code=creation_failure(text), message=text, patience=0.0) if text else symptom
    if symptom.code is Code.CRASH_LOOP and symptom.signal in (9, 15):
        hooks = [e for e in events if is_about(e, symptom.pod_uid, symptom.container, "FailedPostStartHook", "")]
        return replace(symptom, code=Code.CONTAINER_START, reason=HOOK_FAILED, message="") if hooks else symptom
    if symptom.code is Code.PROBE_KILLED and symptom.exit_code == 0 and _exited_by_itself(symptom, events):
        return replace(symptom, code=Code.CRASH_LOOP)
    return symptom


def _node_is_coming(events: Sequence[Object], pod_uid: str) -> bool:
    """Whether an autoscaler (the cluster autoscaler, Karpenter) says of a pod that it adds a node for it."""
    said = [one for one in events if (one.get("involvedObject") or {}).get("uid") == pod_uid]
    said = [one for one in said if one.get("reason") in ("TriggeredScaleUp", "NotTriggerScaleUp", "Nominated")]
    return bool(said) and max(said, key=event_time)["reason"] != "NotTriggerScaleUp"


def _exited_by_itself(symptom: Symptom, events: Sequence[Object]) -> bool:
    """True if events of the pod can be read, the limit of events is not reached, and none says that it was killed.

    In the status, a program that exits cleanly on SIGTERM looks the same as one that exits by itself. A failed liveness
    probe is no evidence: a probe at the moment of the exit fails too.
    """
    ours = [event for event in events if (event.get("involvedObject") or {}).get("uid") == symptom.pod_uid]
    complaints = sum(event_count(event) for event in ours if event.get("reason") == "Unhealthy")
    killed = any(is_about(event, symptom.pod_uid, symptom.container, "Killing", "will be restarted") for event in ours)
    return bool(ours) and not killed and complaints < _EVENT_BUDGET


def is_about(event: Object, pod_uid: str, container: str, reason: str, words: str) -> bool:
    """True for a kubelet's event about this container, for this reason, with these words in its message."""
    about = event.get("involvedObject") or {}
    return (
        event.get("reason") == reason
        and about.get("uid") == pod_uid
        and str(about.get("fieldPath")).endswith(f"ontainers{{{container}}}")  # of containers or initContainers
        and words in str(event.get("message") or "")
    )


def _newest(events: Sequence[Object], about: str, reasons: tuple[str, ...]) -> str:
    ours = [e for e in events if (e.get("involvedObject") or {}).get("uid") == about and e.get("reason") in reasons]
    return " ".join(str(max(ours, key=event_time).get("message") or "").split()) if ours else ""


def describe_probe(probe: Object | None) -> str:
    """A probe as text: ``GET :8080/ready every 5 s, 3 failures``."""
    if not probe:
        return ""
    if http := probe.get("httpGet"):
        what = f"GET :{http.get('port')}{http.get('path') or '/'}"
    elif tcp := probe.get("tcpSocket"):
        what = f"TCP :{tcp.get('port')}"
    elif grpc := probe.get("grpc"):
        what = f"gRPC :{grpc.get('port')}"
    else:
        what = "command " + masked(" ".join(map(str, (probe.get("exec") or {}).get("command") or [])))[:80]
    threshold = number(probe, "failureThreshold", 3)
    return f"{what} every {number(probe, 'periodSeconds', 10)} s, {threshold} failure{'' if threshold == 1 else 's'}"


def short_cause(text: str) -> str:
    """The last part of a chain of wrapped errors, where Go programs put the cause; masked.

    Without the class of error that containerd 1 adds. What x509 says is one part, and an error of the system's comes
    with what it is about.
    """
    words = _CLASS.sub("", " ".join(text.split()))
    before, _colon, last = words.rpartition(": ")
    if "x509: " in words:
        last = words.rpartition("x509: ")[2]
    elif _OF_THE_SYSTEM.fullmatch(last):
        about = before.rpartition(": ")[2]
        last = f"{about}: {last}" if about[:1] != '"' and ("/" in about or " " in about) else last
    return masked(last)[:200]
