# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status of any object: a table from kind to status function, and the rules common to all. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import workloads
from .conventions import conditions, not_observed
from .fields import Object, condition, is_true, metadata, number, spec, status, terminating
from .pods import pod_status
from .rules import BUILT_IN, DEFAULT_RULES, Rules, group_of
from .status import State, Status
from .workloads import Context

CURRENT, IN_PROGRESS, FAILED = State.CURRENT, State.IN_PROGRESS, State.FAILED
_AT_MAXIMUM = "it is at its maximum"
_NO_METRICS = "it gets no metrics, so it does not scale"


def status_of(
    obj: Object | None,
    pods: Sequence[Object] = (),
    *,
    wanted: int | None = None,
    idle_nodes: frozenset[str] = frozenset(),
    rules: Rules = DEFAULT_RULES,
    reports: bool = True,
) -> Status:
    """Status of any object; ``pods``, ``wanted`` and ``idle_nodes`` are those of :class:`workloads.Context`.

    Order as in kstatus: deletion, observedGeneration, the kind's own rule, the conventions. ``reports`` False: the kind
    of a custom resource has no status subresource.
    """
    if not obj:
        return Status(State.NOT_FOUND, "not found")
    key = (group_of(obj), str(obj.get("kind", "")))
    if terminating(obj):  # a custom resource goes when its operator lets it: Argo CD's word for it
        return Status(State.TERMINATING if key[0] in BUILT_IN else IN_PROGRESS, "being deleted")
    generation, seen = number(metadata(obj), "generation"), status(obj).get("observedGeneration")
    # Argo Rollouts writes text.
    if seen is not None and number(status(obj), "observedGeneration", generation) < generation:
        return Status(IN_PROGRESS, f"generation {generation} not yet observed by its controller")
    if key in _OWNERS:
        # A workload that its controller has not observed yet has no status, which would read as "no replicas wanted".
        if seen is None and key[0] == "apps":
            return Status(IN_PROGRESS, "not yet observed by its controller")
        return _OWNERS[key](obj, Context(pods, wanted, idle_nodes))
    rule = _RULES.get(key)
    if rule:
        return rule(obj, pods)
    return rules.status_of(obj, reports=reports)


def _ready_condition(obj: Object) -> Status:
    """Ready True is Current, anything else is not."""
    ready = condition(obj, "Ready")
    if not ready:
        return Status(IN_PROGRESS, "no Ready condition yet")
    return Status(CURRENT if ready.get("status") == "True" else IN_PROGRESS, _describe(ready))


def _pod(obj: Object, pods: Sequence[Object]) -> Status:
    return pod_status(obj)


def _service(obj: Object, pods: Sequence[Object]) -> Status:
    """LoadBalancer: it must have an address. Others are always Current."""
    if spec(obj).get("type") != "LoadBalancer" or spec(obj).get("externalIPs"):
        return Status(CURRENT, "exists")
    addresses = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    given = [entry.get("ip") or entry.get("hostname") for entry in addresses]
    return Status(CURRENT, f"address {given[0]}") if any(given) else Status(IN_PROGRESS, "no load balancer address yet")


def _ingress(obj: Object, pods: Sequence[Object]) -> Status:
    """Always Current: some controllers never publish an address (host ports)."""
    addresses = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    given = [entry.get("ip") or entry.get("hostname") for entry in addresses]
    return Status(CURRENT, f"address {given[0]}" if any(given) else "no address published")


def _claim(obj: Object, pods: Sequence[Object]) -> Status:
    """Bound; or Pending with no pod that uses it (storage classes may wait for the first consumer); Lost is Failed."""
    phase = status(obj).get("phase")
    if phase == "Bound":
        resizing = condition(obj, "Resizing") or condition(obj, "FileSystemResizePending")
        return Status(CURRENT, "bound, being resized" if resizing else "bound")
    if phase == "Lost":
        return Status(FAILED, "the volume behind it is lost")
    if phase == "Pending" and not pods:
        return Status(CURRENT, "not bound, no pod uses it yet")
    storage = spec(obj).get("storageClassName")
    return Status(IN_PROGRESS, f"not bound yet (storage class {storage})" if storage else "not bound yet")


def _budget(obj: Object, pods: Sequence[Object]) -> Status:
    """Needs as many healthy pods as it wants (kstatus); that they run is their workload's matter."""
    if status(obj).get("observedGeneration") is None and "currentHealthy" not in status(obj):
        return Status(IN_PROGRESS, "not yet observed by its controller")
    entries = [one for one in status(obj).get("conditions") or () if one.get("reason") == "SyncFailed"]
    if any(one.get("status") == "False" for one in entries):
        return Status(FAILED, _describe(entries[0]))
    healthy, desired = number(status(obj), "currentHealthy"), number(status(obj), "desiredHealthy")
    return Status(CURRENT if healthy >= desired else IN_PROGRESS, f"{healthy} healthy, {desired} needed")


def _autoscaler(obj: Object, pods: Sequence[Object]) -> Status:
    """ScalingActive False for missing metrics (FailedGet...) is temporary; any other reason is Failed (as in krane)."""
    counts = status(obj)
    if str(obj.get("apiVersion")).endswith("/v1"):  # its conditions are in an annotation, as text
        seen = "autoscaling.alpha.kubernetes.io/conditions" in (metadata(obj).get("annotations") or {})
        same = seen and "currentReplicas" in counts and counts.get("currentReplicas") == counts.get("desiredReplicas")
        return Status(CURRENT if same else IN_PROGRESS, f"{number(counts, 'currentReplicas')} replicas")
    active = condition(obj, "ScalingActive")
    able = condition(obj, "AbleToScale")
    if able.get("status") == "False":
        return Status(IN_PROGRESS, _describe(able))
    if not active or not able:
        return Status(IN_PROGRESS, "not yet observed by its controller")
    if active.get("status") == "True":
        limited = condition(obj, "ScalingLimited")
        if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
            most = number(spec(obj), "maxReplicas")
            return Status(CURRENT, f"{_AT_MAXIMUM} of {most} pods, and the load asks for more")
        return Status(CURRENT, f"{number(status(obj), 'currentReplicas')} replicas")
    reason = str(active.get("reason", ""))
    if reason == "ScalingDisabled":
        return Status(CURRENT, "scaling is off: 0 replicas")
    if reason.startswith("FailedGet"):
        return Status(IN_PROGRESS, f"{_NO_METRICS}: {_describe(active)}")
    return Status(FAILED, _describe(active))


def autoscaler_trouble(found: Status) -> str:
    """What keeps an autoscaler with this status from scaling; empty if it scales, or is too new to say."""
    told = found.message.startswith(("Failed", _NO_METRICS, _AT_MAXIMUM))
    return found.message if found.state is FAILED or told else ""


def _crd(obj: Object, pods: Sequence[Object]) -> Status:
    refused = condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Status(FAILED, _describe(refused))
    return Status(CURRENT, "established") if is_true(obj, "Established") else Status(IN_PROGRESS, "not established yet")


def _api_service(obj: Object, pods: Sequence[Object]) -> Status:
    available = condition(obj, "Available")
    if available.get("status") == "True":
        return Status(CURRENT, "available")
    return Status(IN_PROGRESS, _describe(available) if available else "not yet observed by the aggregator")


def _namespace(obj: Object, pods: Sequence[Object]) -> Status:
    if status(obj).get("phase") == "Terminating":
        return Status(State.TERMINATING, "being deleted")
    return Status(CURRENT, "active")


def _certificate(obj: Object, pods: Sequence[Object]) -> Status:
    """Ready. A failed issuance leaves Issuing=False with the reason; cert-manager retries after an hour.

    The generation that is judged stands in each condition: one of the names before says nothing of those now.
    """
    if late := not_observed(obj, conditions(obj)):
        return late
    issuing = condition(obj, "Issuing")
    if not_observed(obj, [issuing]):
        return _ready_condition(obj)
    if not is_true(obj, "Ready") and issuing.get("status") == "False" and number(status(obj), "failedIssuanceAttempts"):
        return Status(FAILED, _describe(issuing))
    ready = condition(obj, "Ready")
    if ready.get("status") == "False" and str(ready.get("reason")).endswith(("Error", "Denied")):
        return Status(FAILED, _describe(ready))
    return _ready_condition(obj)


def _describe(entry: Object) -> str:
    text = " ".join(str(entry.get("message") or "").split())
    reason = str(entry.get("reason") or entry.get("type") or "")
    return f"{reason}: {text}" if text and text != reason else reason


_OWNERS: dict[tuple[str, str], Callable[[Object, Context], Status]] = {
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("", "ReplicationController"): workloads.replica_set,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
}
_RULES: dict[tuple[str, str], Callable[[Object, Sequence[Object]], Status]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Namespace"): _namespace,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("policy", "PodDisruptionBudget"): _budget,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("cert-manager.io", "Certificate"): _certificate,
}
