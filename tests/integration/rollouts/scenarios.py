# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random rollouts from a seed, each with the expected verdict: the oracle knows the injected faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.integration.rollouts.faults import Behaviour
from tests.integration.rollouts.operators import DIALECTS, Operator
from tests.integration.rollouts.shapes import Shape, job, shape

# Grace periods in seconds: one longer than any passing fault, even on a busy machine; a short one; one for faults that
# only an event explains, which may arrive later than the fault.
LONG, SHORT, WITH_EVENT = 900.0, 1.5, 20.0
# Longer than any time for which a container is ready between two terminations.
STEADY = 10.0


@dataclass(frozen=True)
class Scenario:
    """A rollout. ``before``: behaviour of each earlier revision's pods, and whether they settle or show their fault.

    ``act``: the action during the wait. ``code``: the expected failure; None if it must become Current, but only when
    ``settled`` pods of the newest revision are settled.
    """

    title: str
    shape: Shape
    behaviours: tuple[Behaviour, ...] = (Behaviour(),)
    before: tuple[tuple[Behaviour, str], ...] = ()
    act: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    code: Code | None = None
    container: str = ""
    settled: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Fault:
    """A container's fault: its behaviour, the expected code, and its class of grace period (empty: none, or no end)."""

    behaviour: Behaviour
    code: Code
    grace: str = ""
    where: str = "any"


FAULTS = (
    Fault(Behaviour("crash", code=3), Code.CRASH_LOOP),
    Fault(Behaviour("crash", code=1, style="terminated"), Code.CRASH_LOOP),
    Fault(Behaviour("crash", code=0), Code.CRASH_LOOP, where="app"),
    Fault(Behaviour("crash", style="oom"), Code.OOM_KILLED),
    Fault(Behaviour("killed", code=0), Code.PROBE_KILLED, where="only app"),
    Fault(Behaviour("killed", code=137), Code.PROBE_KILLED, where="only app"),
    Fault(Behaviour("killed", code=143), Code.PROBE_KILLED, where="only app"),
    Fault(Behaviour("pull", style="missing"), Code.IMAGE_PULL, "image_pull_final"),
    Fault(Behaviour("pull", style="denied"), Code.IMAGE_PULL, "image_pull_final"),
    Fault(Behaviour("pull", style="down"), Code.IMAGE_PULL, "image_pull"),
    Fault(Behaviour("invalid image"), Code.IMAGE_INVALID),
    Fault(Behaviour("config"), Code.CONFIG_MISSING, "config_missing"),
    Fault(Behaviour("create error"), Code.CONTAINER_START, "container_start"),
    Fault(Behaviour("start error"), Code.CONTAINER_START, "container_start", where="app"),
    Fault(Behaviour("unready"), Code.NOT_READY, where="only app"),
    Fault(Behaviour("unready", style="refused"), Code.PROBE_FAILING, "probe_failing", where="only app"),
    Fault(Behaviour("unready", style="refused, then 503"), Code.NOT_READY, where="only app"),
    Fault(Behaviour("unready"), Code.SIDECAR_NOT_READY, "sidecar_not_ready", where="sidecar"),
    Fault(Behaviour("volume"), Code.VOLUME_MOUNT, "volume_mount", where="pod"),
    Fault(Behaviour("volume", style='secret "absent" not found'), Code.CONFIG_MISSING, "config_missing", where="pod"),
)
_PASSING = tuple(fault for fault in FAULTS if fault.grace and fault.behaviour.kind != "start error")
_HARMLESS = (
    Behaviour("restarted once", until=0.2),
    Behaviour("restarted once", until=0.2, code=143, style="killed"),
    Behaviour("fine", start=0.8, ready=0.8),
    Behaviour("cache", until=0.5),
    Behaviour("fine"),
)


def _hit(rng: Random, fault: Fault, form: Shape) -> tuple[Fault, Shape]:
    """The fault in a container of the shape, which is added if missing."""
    if fault.where == "sidecar":
        if "daprd" not in form.containers:
            form = replace(form, containers=(*form.containers, "daprd"))
        name = "daprd"
    elif fault.where == "pod":
        return replace(fault, behaviour=replace(fault.behaviour, container="")), form
    elif fault.where == "only app":
        name, form = "app", replace(form, alive=form.alive or fault.behaviour.kind == "killed")
    else:
        name = rng.choice(list(form.containers) if fault.where == "app" else form.names)
    return replace(fault, behaviour=replace(fault.behaviour, container=name)), form


def _options(fault: Fault, passing: bool = False) -> dict[str, Any]:
    graces = dict.fromkeys(("first_crash", "volume_mount", "sidecar_not_ready", "failed_create", "unschedulable"), LONG)
    if fault.grace:
        graces[fault.grace] = LONG if passing else SHORT
    options: dict[str, Any] = {"graces": graces}
    if fault.code is Code.NOT_READY:
        options |= {"timeout": 20.0, "graces": graces | {"probe_failing": 10.0}}
    if fault.behaviour.kind in ("crash", "killed"):
        options["stability_seconds"] = STEADY
    return options


def _whole(form: Shape) -> Shape:
    """Without a partition: pods below one would keep their broken first revision."""
    if form.kind != "StatefulSet":
        return form
    return replace(form, spec=form.spec | {"updateStrategy": {"type": "RollingUpdate"}})


def _never_ready(fault: Fault) -> bool:
    """Not even for a moment, in which an ordered StatefulSet would continue."""
    return fault.behaviour.kind != "killed" and fault.behaviour.container != "helper"


def _good_before(rng: Random) -> tuple[tuple[Behaviour, str], ...]:
    return ((Behaviour(), "settled"),) if rng.random() < 0.5 else ()


def goes_well(rng: Random) -> Scenario:
    form = shape(rng)
    before = _good_before(rng)
    if form.updated == form.replicas and not form.ordered and rng.random() < 0.3:
        before = ((Behaviour("crash", code=5), "broken"),)
    behaviours = tuple(rng.choice(_HARMLESS) for _ in range(form.replicas))
    form = replace(form, alive=form.alive or any(behaviour.style == "killed" for behaviour in behaviours))
    settled = form.updated if before else form.replicas
    return Scenario("goes well", form, behaviours, before, options={"graces": {"first_crash": LONG}}, settled=settled)


def fails(rng: Random) -> Scenario:
    fault, form = _hit(rng, rng.choice(FAULTS), shape(rng))
    before = _good_before(rng)
    pods = form.updated if before else form.replicas
    if not pods:
        return Scenario("held back by its partition", form, (fault.behaviour,), before)
    index = rng.randrange(pods) if rng.random() < 0.5 else 0
    if fault.code is Code.PROBE_FAILING:
        index = 0  # a sibling that was ready would show that the probe works
    behaviours = (*(Behaviour() for _ in range(index)), fault.behaviour)
    return Scenario("fails", form, behaviours, before, options=_options(fault), code=fault.code,
                    container=fault.behaviour.container)  # fmt: skip


def fault_disappears(rng: Random) -> Scenario:
    fault, form = _hit(rng, rng.choice(_PASSING), shape(rng))
    before = _good_before(rng)
    behaviour = replace(fault.behaviour, until=rng.choice([1.0, 2.0, 3.0]))
    behaviours = (*(Behaviour() for _ in range(rng.randrange(form.replicas))), behaviour, Behaviour())
    settled = form.updated if before else form.replicas
    return Scenario(
        "the fault disappears", form, behaviours, before, options=_options(fault, passing=True), settled=settled
    )


def pod_is_evicted(rng: Random) -> Scenario:
    form = shape(rng)
    behaviours = (*(Behaviour() for _ in range(rng.randrange(form.replicas))), Behaviour("evicted"), Behaviour())
    return Scenario("a pod is evicted", form, behaviours, settled=form.replicas)


def fixed_meanwhile(rng: Random) -> Scenario:
    fault, form = _hit(rng, rng.choice(_PASSING), _whole(shape(rng)))
    before = _good_before(rng)
    options = _options(fault, passing=True)
    options["graces"] |= {"blocked_by_old_pod": SHORT if form.ordered else LONG}
    if fault.behaviour.kind == "unready":
        form = replace(form, spec={key: value for key, value in form.spec.items() if key != "podManagementPolicy"}
                       | ({"podManagementPolicy": "Parallel"} if form.kind == "StatefulSet" else {}))  # fmt: skip
    code = Code.BLOCKED_BY_OLD_POD if form.ordered else None
    return Scenario("fixed during the wait", form, (fault.behaviour,), before, "fix", options, code,
                    settled=form.replicas)  # fmt: skip


def rolled_back(rng: Random) -> Scenario:
    fault, form = _hit(rng, rng.choice(FAULTS), _whole(shape(rng)))
    if form.ordered and (fault.behaviour.kind == "unready" or not _never_ready(fault)):
        fault, form = _hit(rng, fault, shape(rng, "Deployment"))
    stuck = form.kind == "Deployment" and fault.behaviour.kind in (
        "pull",
        "config",
        "create error",
        "invalid image",
        "volume",
    )
    before = ((Behaviour(), "settled"), (fault.behaviour, "late" if stuck else "broken"))
    code = Code.BLOCKED_BY_OLD_POD if form.ordered else None
    graces = {"blocked_by_old_pod": SHORT if form.ordered else LONG, "progress_deadline": SHORT}
    return Scenario("rolled back", form, (), before, options={"graces": graces}, code=code, settled=form.replicas)


def paused(rng: Random) -> Scenario:
    form, passing = shape(rng, "Deployment"), rng.random() < 0.5
    before = ((Behaviour(), "settled"),)
    graces = {"paused": LONG if passing else SHORT}
    form = replace(form, spec=form.spec | {"paused": True})
    return Scenario("paused", form, (Behaviour(),), before, "resume" if passing else "", {"graces": graces},
                    None if passing else Code.PAUSED, settled=form.replicas)  # fmt: skip


def not_created(rng: Random) -> Scenario:
    form, passing = shape(rng) if rng.random() < 0.8 else job(rng), rng.random() < 0.5
    why, code = rng.choice([("quota", Code.QUOTA_EXCEEDED), ("account", Code.SERVICE_ACCOUNT_MISSING)])
    if why == "account":
        form = replace(form, pod=form.pod | {"serviceAccountName": "NAME"})
    behaviour = Behaviour("done", code=0) if form.kind == "Job" else Behaviour()
    graces = {"failed_create": LONG if passing else WITH_EVENT}
    return Scenario(f"pods are not created: {why}", form, (behaviour,), (), f"{why} freed" if passing else why,
                    {"graces": graces}, None if passing else code, settled=form.replicas)  # fmt: skip


def unschedulable(rng: Random) -> Scenario:
    form, passing = shape(rng, rng.choice(["Deployment", "StatefulSet"])), rng.random() < 0.5
    form = replace(form, pod={"nodeSelector": {"NAME-fits": "yes"}})
    graces = {"unschedulable": LONG if passing else SHORT}
    return Scenario("cannot be scheduled", form, (Behaviour(),), (), "room" if passing else "", {"graces": graces},
                    None if passing else Code.UNSCHEDULABLE, settled=form.replicas)  # fmt: skip


def deleted(rng: Random) -> Scenario:
    form, again = shape(rng), rng.random() < 0.5
    graces = {"not_found": LONG if again else SHORT}
    return Scenario("deleted during the wait", form, (Behaviour("unready"),), (), "recreate" if again else "delete",
                    {"graces": graces}, None if again else Code.DELETED, settled=form.replicas)  # fmt: skip


def scaled(rng: Random) -> Scenario:
    form = shape(rng, rng.choice(["Deployment", "Deployment", "StatefulSet"]))
    how = rng.choice(["up", "up, extras fail", "down"])
    if how == "down":
        form = replace(form, replicas=3)
    slow = tuple(Behaviour(ready=2.5) for _ in range(form.replicas))
    extra = Behaviour("pull", style="missing") if how == "up, extras fail" else Behaviour(ready=2.5)
    graces = {"image_pull_final": SHORT if how == "up, extras fail" else LONG}
    settled = 1 if how == "down" else form.replicas
    return Scenario(
        f"scaled {how}", form, (*slow, extra), (), how.partition(",")[0], {"graces": graces}, settled=settled
    )


def dependency_is_down(rng: Random) -> Scenario:
    form = replace(shape(rng, "Deployment"), containers=("app",))
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    form = replace(form, spec={"strategy": rolling})
    style = rng.choice(["", "refused", "refused, then 503"])
    graces = {"dependency_down": 3.0, "probe_failing": LONG}
    return Scenario("a dependency of old and new pods is down", form, (Behaviour("unready", style=style),),
                    ((Behaviour("falls unready", until=2.5), "broken"),), "", {"graces": graces},
                    Code.DEPENDENCY_DOWN, "app")  # fmt: skip


def blocked_by_old_pod(rng: Random) -> Scenario:
    form = replace(_whole(shape(rng, "StatefulSet")), containers=("app",))
    fault, form = _hit(
        rng, rng.choice([one for one in FAULTS if one.behaviour.kind not in ("unready", "killed")]), form
    )
    code = Code.BLOCKED_BY_OLD_POD if form.ordered else None
    return Scenario("the old revision is broken", form, (Behaviour(),), ((fault.behaviour, "broken"),),
                    options={"graces": {"blocked_by_old_pod": SHORT if form.ordered else LONG}}, code=code,
                    settled=form.replicas)  # fmt: skip


def on_delete(rng: Random) -> Scenario:
    form = shape(rng, rng.choice(["StatefulSet", "DaemonSet"]))
    form = replace(form, spec=form.spec | {"updateStrategy": {"type": "OnDelete"}})
    return Scenario("pods are replaced when they are deleted", form, (Behaviour(),), _good_before(rng))


def job_ends(rng: Random) -> Scenario:
    if rng.random() < 0.5:
        form = job(rng)
        behaviours = tuple(Behaviour("done", code=0, ready=rng.choice([0.2, 2.0])) for _ in range(form.replicas))
        return Scenario("Job is done", form, behaviours, settled=form.replicas)
    form = job(rng, "OnFailure", backoffLimit=4)
    return Scenario("Job is done after a restart", form, (Behaviour("retried", until=1),), settled=form.replicas)


def job_fails(rng: Random) -> Scenario:
    how = rng.choice(["ends with an error", "restarts too often", "takes too long", "fault"])
    if how == "fault":
        choice = [one for one in FAULTS if one.grace in ("image_pull", "image_pull_final", "config_missing")]
        fault = rng.choice([one for one in choice if one.where != "pod"])
        return Scenario("Job has a fault", job(rng), (fault.behaviour,), options=_options(fault), code=fault.code,
                        container="app")  # fmt: skip
    if how == "restarts too often":
        return Scenario("Job restarts too often", job(rng, "OnFailure", backoffLimit=1), (Behaviour("retried"),),
                        code=Code.JOB_FAILED)  # fmt: skip
    if how == "takes too long":
        form = job(rng, activeDeadlineSeconds=2)
        return Scenario("Job takes too long", form, (Behaviour("done", code=0, ready=60.0),), code=Code.JOB_FAILED)
    return Scenario(
        "Job ends with an error", job(rng), (Behaviour("done", code=rng.randint(1, 9)),), code=Code.JOB_FAILED
    )


def job_waits(rng: Random) -> Scenario:
    return Scenario("Job is suspended", job(rng, suspend=True))


def of_a_custom_kind(rng: Random) -> Scenario:
    """A custom resource whose operator makes such a workload: its pods explain, its status decides."""
    scene = rng.choice([goes_well, fails, fails, fault_disappears, pod_is_evicted])(rng)
    while scene.title.startswith("held back"):
        scene = fails(rng)
    dialect = rng.choice([one for one in DIALECTS if one != "silent"])
    form = replace(_whole(scene.shape), operator=Operator(dialect))
    # Without a generation in the status, only time tells whether it is from before the change.
    before = scene.before if dialect != "phase" else ()
    settled = form.replicas if scene.settled else 0
    return replace(scene, title=f"custom: {scene.title}", shape=form, before=before, settled=settled)


def operator_fails(rng: Random) -> Scenario:
    passing = rng.random() < 0.5
    dialect = rng.choice(["ready", "ready of a generation", "kstatus", "phase"])
    form = replace(_whole(shape(rng)), operator=Operator(dialect, 2.0 if passing else LONG))
    graces = {"resource_failed": LONG if passing else SHORT}
    return Scenario("custom: its operator says that it failed", form, (Behaviour(),), options={"graces": graces},
                    code=None if passing else Code.RESOURCE_FAILED, settled=form.replicas)  # fmt: skip


def operator_is_silent(rng: Random) -> Scenario:
    """It exists, and is not judged; pods that fail are."""
    form = replace(_whole(shape(rng, "Deployment")), operator=Operator("silent"))
    if rng.random() < 0.5:
        return Scenario("custom: no status", form, options={"graces": {"no_status": 3.0}})
    fault, form = _hit(rng, rng.choice([one for one in FAULTS if one.code is not Code.NOT_READY]), form)
    options = _options(fault)
    options["graces"] |= {"no_status": LONG}
    return Scenario("custom: no status, and it fails", form, (fault.behaviour,), options=options, code=fault.code,
                    container=fault.behaviour.container)  # fmt: skip


_SCENARIOS: tuple[tuple[Callable[[Random], Scenario], int], ...] = (
    (goes_well, 6), (fails, 14), (fault_disappears, 6), (pod_is_evicted, 2), (fixed_meanwhile, 3), (rolled_back, 4),
    (paused, 1), (not_created, 4), (unschedulable, 2), (deleted, 2), (scaled, 3), (dependency_is_down, 2),
    (blocked_by_old_pod, 2), (on_delete, 1), (job_ends, 2), (job_fails, 3), (job_waits, 1),
    (of_a_custom_kind, 9), (operator_fails, 2), (operator_is_silent, 1),
)  # fmt: skip


def scenario(seed: int) -> Scenario:
    """The rollout of this seed."""
    rng = Random(seed)
    make = rng.choices([each for each, _ in _SCENARIOS], [weight for _, weight in _SCENARIOS])[0]
    return replace(make(rng), seed=seed)
