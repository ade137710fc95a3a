# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status of a custom resource that no rule knows, by the conventions of the field; pure.

Each convention says what it sees (a :class:`Status`) or nothing. A failure counts most, then progress, then a pause; an
object is Current if something says that it is ready and nothing says otherwise.

Sources: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
(conditions, observedGeneration), https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus (Reconciling,
Stalled, Ready), https://gateway-api.sigs.k8s.io/guides/implementers/ (conditions per parent, ancestor and listener),
https://cluster-api.sigs.k8s.io/developer/architecture/controllers/conditions (severity of a condition).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .fields import Object, metadata, spec, status
from .status import State, Status

CURRENT, IN_PROGRESS, FAILED, SUSPENDED = State.CURRENT, State.IN_PROGRESS, State.FAILED, State.SUSPENDED

# Summaries: where an object has one of these, its other conditions are details.
_SUMMARIES = ("Ready", "Available", "Healthy", "Succeeded", "Complete", "Completed")
# Types of conditions by their polarity. True is good:
_GOOD = re.compile(
    r"^(Accepted|Admitted|Applied|Compliant|Deployed|Established|Installed|Programmed|Promoted|Reconciled|Successful|Synced"
    r"|Synchronized|Valid|Validated)$"
    r"|(?<!Partially)(Accepted|Applied|Available|Completed|Deployed|Healthy|Installed|Ready|Reconciled|ResolvedRefs"
    r"|Succeeded|Success|Synced|Synchronized|UpToDate|Valid|Verified)$"
)
# A step on the way: True alone says nothing.
_STEP = re.compile(r"^(Bound|Initialized|Joined|Launched|Loaded|Registered|Scheduled)$|^Partially|Created$")
# True is bad:
_BAD = re.compile(
    r"^(Conflicted|Degraded|Failed|Failing|Invalid|NotReady|Orphan|Stalled|Terminal|Unhealthy)$"
    r"|(Degraded|Error|Errors|ErrorOccurred|Exceeded|Failed|Failing|Failure|Invalid|Terminal|Unhealthy)$|^(Failed|Invalid)[A-Z]"
)
# True is under way:
_MOVING = re.compile(
    r"^(Creating|Deleting|Deploying|In-?[Pp]rogress|Initializing|Installing|Issuing|Migrating|Pending|Processing"
    r"|Progressing|Provisioning|Reconciling|Rolling|RollingUpdate|Running|Scaling|Terminating|Updating|Upgrading)$"
    r"|(Creating|InProgress|Progressing|Updating|Upgrading)$"
)
_HALTED = re.compile(r"^(Hibernated|Ignored|Paused|Stopped|Suspended|Waiting)$|hibernation$")
# Reasons (or, without one, messages) of a condition that is False for good, and of one that is False for the moment.
_FINAL = re.compile(
    r"fail|error|invalid|denied|forbidden|reject|unauthori[sz]ed|exceeded|abort|unable|cannot", re.IGNORECASE
)
_SOON = re.compile(
    r"progress|pending|wait|creating|provisioning|reconciling|initiali[sz]ing|starting|updating|upgrading|scaling"
    r"|deploying|installing|issuing|running|doesnotexist|cloning|rolling|settingup|bootstrapping|unknown|requested|transferr?ing"
    r"|unpacking|^init$|not[ _]?yet|not[ _]?all"
    r"|not\s?\w*(ready|complete|available|started|synced|applied|observed|scheduled)"
    r"|\bno[ _]?\w*available|missing$",
    re.IGNORECASE,
)
# Fields with a phase: of the first list only one counts, of the others each.
_PHASES = (
    "phase",
    "state",
    "status",
    "currentState",
    "currentPhase",
    "currentStatus",
    "overallStatus",
    "lifecycleState",
)
_OTHER_PHASE = re.compile(r"^(?!desired|previous|target|requested|old|current)\w*(Phase|State|Status|[hH]ealth)$")
# Words of a phase in lower case, without blanks; looked for in this order.
_WORDS: tuple[tuple[State, re.Pattern[str]], ...] = (
    (
        FAILED,
        re.compile(
            r"fail|error|degraded|unhealthy|invalid|rejected|denied|crash|broken|lost|aborted|misconfigured|unschedulable"
            r"|unrecoverable|conflict|limitreached|faulted|^cancell?ed$|^red$|^dead$|^bad$|(?<!in)stalled|timedout|expired|unreachable"
        ),
    ),
    (SUSPENDED, re.compile(r"^(paused|suspended|hibernated|hibernating|stopped|shutdown|disabled|inactive)$")),
    (
        IN_PROGRESS,
        re.compile(
            r"progress|pending|waiting|creating|provisioning|initiali[sz]ing|starting|updating|upgrading|scaling|reconcil"
            r"|deploying|installing|migrating|applying|restoring|rolling|stopping|terminating|deleting|settingup|joining"
            r"|bootstrap|recover|notready|promoting|finali|scheduled|queued|submitted|requested|importing|unknown"
            r"|unavailable|uninitiali|^yellow$|^new$|^init$|switchover|notsynced|outofsync"
        ),
    ),
    (
        CURRENT,
        re.compile(
            r"ready|running|healthy|^active|available|succe(ss|ed)|complete|^bound$|online|^ok$|synced|valid|established"
            r"|deployed|provisioned|^green$|accepted|^normal$|finished|installed|applied|compliant|^open$|^up$|created"
            r"|registered|operational|^exists$|^done$|attached|stable|enabled|^protected$|^in-?use$|initiali[sz]ed$"
        ),
    ),
)
# Kinds that run to an end: "Running" is under way for them.
_RUNS_TO_AN_END = re.compile(
    r"(Job|Run|Task|Workflow|Backup|Restore|Experiment|Analysis|Migration|Import|Snapshot|Build|Evaluation|Test)$"
)
_FLAGS = ("ready", "readyToUse", "healthy")
_FAILURE_TEXTS = ("failureMessage", "failureReason", "errorMessage", "errMsg", "error")


def by_convention(obj: Object) -> Status | None:
    """What the conventions make of an object; None if it says nothing about itself."""
    if any(spec(obj).get(key) is True for key in ("suspend", "suspended", "paused")):
        return Status(SUSPENDED, "suspended by its spec", asked=True)
    looks = (_failure_text, kstatus, _conditions, _phase, _ready_flag, _replicas)
    found = [one for look in looks if (one := look(obj)) is not None]
    if not found and status(obj).get("conditions") == []:
        return Status(IN_PROGRESS, "no condition yet")
    if not found and set(status(obj)) == {"observedGeneration"}:
        return Status(CURRENT, "observed by its controller")
    return worst(found)


def reports_nothing(obj: Object) -> bool:
    """True for a status that is empty, or has only empty fields."""
    return not any(value not in (None, "", [], {}, 0) for value in status(obj).values())


def observed(obj: Object) -> bool:
    """Whether its status names the generation that it is about, for itself or in a condition."""
    entries = [status(obj), *conditions(obj)]
    for key in ("parents", "ancestors", "listeners"):
        entries += [one for entry in _entries(status(obj).get(key)) for one in _entries(entry.get("conditions"))]
    return any("observedGeneration" in entry for entry in entries)


def worst(found: Iterable[Status]) -> Status | None:
    """The one that counts: failed before in progress before suspended before ready."""
    order = (FAILED, IN_PROGRESS, SUSPENDED, CURRENT)
    return min(found, key=lambda one: order.index(one.state), default=None)


def conditions(obj: Object) -> list[Mapping[str, Any]]:
    """``status.conditions``, or those of ``status.conditionedStatus``; entries that are no objects are left out."""
    inner = status(obj).get("conditionedStatus")
    return _entries(status(obj).get("conditions") or (inner.get("conditions") if isinstance(inner, Mapping) else None))


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _failure_text(obj: Object) -> Status | None:
    """A field with the text of a failure, as Cluster API's ``failureMessage``; or with such a text in it."""
    fields = status(obj)
    found = (value.get("message") if isinstance(value := fields.get(key), Mapping) else value for key in _FAILURE_TEXTS)
    text = next((one for one in found if isinstance(one, str) and one), "")
    return Status(FAILED, " ".join(text.split())) if text else None


def kstatus(obj: Object) -> Status | None:
    """kstatus: Stalled counts more than Reconciling, and that more than Ready. Flux retries while it says why not."""
    entries = {str(entry.get("type")): entry for entry in conditions(obj)}
    if _is(entries.get("Stalled"), "true"):
        return Status(FAILED, describe(entries["Stalled"]))
    if _is(entries.get("Reconciling"), "true"):
        ready = entries.get("Ready")
        if ready and _is(ready, "false") and entries["Reconciling"].get("reason") == "ProgressingWithRetry":
            return Status(FAILED, describe(ready))
        return Status(IN_PROGRESS, describe(entries["Reconciling"]))
    return None


def _is(entry: Mapping[str, Any] | None, value: str) -> bool:
    return entry is not None and str(entry.get("status")).lower() == value


def _conditions(obj: Object) -> Status | None:
    own = _judged(obj, conditions(obj))
    nested = []
    for key in ("parents", "ancestors", "listeners"):
        for entry in _asked_for(obj, key):
            entries = _entries(entry.get("conditions"))
            nested.append(_judged(obj, entries, _part(entry)) or Status(IN_PROGRESS, f"{_part(entry)}no condition yet"))
    return worst([one for one in (own, *nested) if one is not None])


def _asked_for(obj: Object, key: str) -> list[Mapping[str, Any]]:
    """Entries of a list in the status; of a route's parents those that its spec still names."""
    found = _entries(status(obj).get(key))
    wanted = {_reference(one) for one in _entries(spec(obj).get("parentRefs"))}
    named = [one for one in found if _reference(one.get("parentRef")) in wanted]
    newest: dict[str, int] = {}
    for one in found:
        controller = str(one.get("controllerName"))
        newest[controller] = max(newest.get(controller, 0), _generation(one))
    # A controller writes all its entries at once: one that is older than its others is a leftover.
    current = [one for one in found if _generation(one) == newest[str(one.get("controllerName"))]]
    return current if len(current) < len(found) else named if key == "parents" and named else found


def _generation(entry: Mapping[str, Any]) -> int:
    seen = [one.get("observedGeneration") for one in _entries(entry.get("conditions"))]
    return max((one for one in seen if isinstance(one, int)), default=0)


def _reference(entry: Any) -> tuple[str, ...]:
    fields = entry if isinstance(entry, Mapping) else {}
    return tuple(str(fields.get(key) or "") for key in ("namespace", "name", "sectionName", "port"))


def _part(entry: Mapping[str, Any]) -> str:
    """Which parent, ancestor or listener of Gateway API's."""
    reference = entry.get("parentRef") or entry.get("ancestorRef") or entry
    name = reference.get("name") if isinstance(reference, Mapping) else ""
    return f"{name}: " if name else ""


def _judged(obj: Object, entries: list[Mapping[str, Any]], part: str = "") -> Status | None:
    """Status by a list of conditions; None without one whose type is known."""
    if late := not_observed(obj, entries, part):
        return late
    summaries = [entry for entry in entries if entry.get("type") in _SUMMARIES]
    found, steps = [], []
    for entry in entries:
        one = _of_condition(entry, detail=bool(summaries) and entry not in summaries)
        if one is not None:
            found.append(Status(one, part + describe(entry)))
        elif _STEP.search(str(entry.get("type"))) and not summaries:
            steps.append(Status(IN_PROGRESS, part + describe(entry)))
    return worst(found) or (steps[-1] if steps else None)


def not_observed(obj: Object, entries: list[Mapping[str, Any]], part: str = "") -> Status | None:
    """In progress if the summary (without one, any condition) is about an older generation."""
    generation = metadata(obj).get("generation")
    counting = [entry for entry in entries if entry.get("type") in _SUMMARIES] or entries
    seen = [entry.get("observedGeneration") for entry in counting]
    if isinstance(generation, int) and any(isinstance(one, int) and one < generation for one in seen):
        return Status(IN_PROGRESS, f"{part}generation {generation} not yet observed by its controller")
    return None


def _of_condition(entry: Mapping[str, Any], detail: bool) -> State | None:
    """What one condition says. ``detail``: another one is the object's summary."""
    kind, holds = str(entry.get("type") or ""), str(entry.get("status") or "").lower()
    reason = str(entry.get("reason") or "")
    if _BAD.search(kind):
        return FAILED if holds == "true" else None
    if _HALTED.search(kind):
        return SUSPENDED if holds == "true" else None
    if _MOVING.search(kind):
        if holds == "false":
            return FAILED if _FINAL.search(reason) else None
        return IN_PROGRESS if holds == "true" and not _is_over(reason) else None
    step = bool(_STEP.search(kind))
    if not step and kind not in _SUMMARIES and not _GOOD.search(kind):
        return None
    if holds == "true":
        if step:
            return IN_PROGRESS if kind.startswith("Partially") and not detail else None
        return FAILED if re.search(r"(Failed|Error)$", reason) else CURRENT
    if detail and not (holds == "false" and entry.get("severity") == "Error"):
        return None
    return FAILED if holds == "false" and _is_final(entry) else IN_PROGRESS


def _is_over(reason: str) -> bool:
    """Deployments and their likes keep Progressing True once they are done."""
    return bool(
        re.search(r"(Available|Complete|Completed|Succeeded|Success|Successful|Ready|Done|Finished|Deployed)$", reason)
    )


def _is_final(entry: Mapping[str, Any]) -> bool:
    """Whether a condition that is False will hardly become True by itself: by its severity, reason, message."""
    severity = entry.get("severity")
    if severity:
        return bool(severity == "Error")
    words = str(entry.get("reason") or entry.get("message") or "")
    return bool(words) and (bool(_FINAL.search(words)) or not _SOON.search(words))


def _phase(obj: Object) -> Status | None:
    fields, kind = status(obj), str(obj.get("kind") or "")
    words = {key: word for key, value in fields.items() if (word := _word(value))}
    first = next((key for key in _PHASES if key in words), None)
    keys = [key for key in words if key == first or (key not in _PHASES and _OTHER_PHASE.search(key))]
    found = worst(Status(state_of_word(words[key], kind), words[key]) for key in keys)
    text = next((" ".join(words[key].split()) for key in ("message", "reason") if key in words), "")
    return replace(found, message=f"{found.message}: {text}") if found and text and text != found.message else found


def _word(value: Any) -> str:
    """A field's word; where it is a map, that of its phase, as in Volcano's ``state: {phase: Completed}``."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in _PHASES[:3] if isinstance(value.get(key), str)), "")
    return value if isinstance(value, str) else ""


def state_of_word(word: str, kind: str = "") -> State:
    """State by a phase's word; a word that nobody knows is under way."""
    text = re.sub(r"[\s_]+", "", word).lower()
    if text == "running" and _RUNS_TO_AN_END.search(kind):
        return IN_PROGRESS
    return next((state for state, pattern in _WORDS if pattern.search(text)), IN_PROGRESS)


def _ready_flag(obj: Object) -> Status | None:
    """``status.ready`` and its like, as true or false, also as text; or as ``2/3``."""
    flags = {key: (value, holds) for key in _FLAGS if (holds := _holds(value := status(obj).get(key))) is not None}
    key = next((key for key, (_value, holds) in flags.items() if not holds), next(iter(flags), ""))
    return Status(CURRENT if flags[key][1] else IN_PROGRESS, f"{key}: {str(flags[key][0]).lower()}") if key else None


def _holds(value: Any) -> bool | None:
    """What a flag says; None if it is none."""
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if counts := re.fullmatch(r"(\d{1,9})/(\d{1,9})", text):
        return int(counts[1]) >= int(counts[2])
    return {"true": True, "false": False}.get(text)


def _replicas(obj: Object) -> Status | None:
    """Counts as workloads have them; a partition and a pause of the update strategy are respected."""
    counts = status(obj)
    asked = [spec(obj).get(key) for key in _WANTED]
    wanted = next((value for value in asked if isinstance(value, int) and not isinstance(value, bool)), None)
    if wanted is None:
        wanted = counts.get("desiredNumberScheduled")
        if wanted == 0:
            return Status(IN_PROGRESS, "no node wanted yet")
    present = {
        key: value for key, value in counts.items() if key in (*_UPDATED, *_AVAILABLE) and isinstance(value, int)
    }
    if not isinstance(wanted, int) or not (present or isinstance(counts.get("replicas"), int)):
        return None
    strategy = spec(obj).get("updateStrategy")
    strategy = strategy if isinstance(strategy, Mapping) else {}
    inner = strategy.get("rollingUpdate")
    rolling: Mapping[str, Any] = inner if isinstance(inner, Mapping) else strategy
    if rolling.get("paused") is True or strategy.get("paused") is True:
        return Status(SUSPENDED, "its update is paused", asked=True)
    updated = min((present[key] for key in _UPDATED if key in present), default=None)
    available = min((present[key] for key in _AVAILABLE if key in present), default=updated or 0)
    held = _partition(rolling.get("partition"), wanted)
    if held and updated is not None and wanted > updated >= wanted - held:
        return Status(SUSPENDED, f"{updated}/{wanted} updated, the others held back by its partition", asked=True)
    if updated is not None and updated < wanted:
        return Status(IN_PROGRESS, f"{updated}/{wanted} updated")
    state = CURRENT if available >= wanted else IN_PROGRESS
    return Status(state, f"{available}/{wanted} {'available' if 'availableReplicas' in present else 'ready'}")


_WANTED = ("replicas", "instances", "members")
_UPDATED = ("updatedReplicas", "updatedReadyReplicas", "updatedAvailableReplicas", "updatedNumberScheduled")
_AVAILABLE = (
    "readyReplicas", "availableReplicas", "numberReady", "numberAvailable", "readyInstances", "readyMembers",
)  # fmt: skip


def _partition(value: Any, wanted: int) -> int:
    """Replicas that a partition holds back: a number, or a percentage."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return wanted * int(value[:-1]) // 100
    return value if isinstance(value, int) else 0


def describe(entry: Mapping[str, Any]) -> str:
    """``reason: message`` of a condition, or its type where it has neither."""
    text = " ".join(str(entry.get("message") or "").split())
    reason = str(entry.get("reason") or ("" if text else entry.get("type")) or "")
    if not reason or text == reason:
        return text
    return f"{reason}: {text}" if text else reason
