# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grace period of each class of symptom, in seconds; after it the rollout fails. See docs/failure-codes.md."""

from __future__ import annotations

from collections.abc import Mapping

WAITS = "waits_for_dependency"
DEFAULT_GRACES: Mapping[str, float] = {
    # A container in CrashLoopBackOff, or terminated after at least one restart.
    "crash_loop": 0.0,
    # A container that terminated once: the kubelet restarts it at once; if that does not happen, something is wrong.
    "first_crash": 20.0,
    # A container that ends because something it needs is not up yet; from the first end on, over its restarts.
    WAITS: 90.0,
    # Image names that no registry can serve.
    "image_invalid": 0.0,
    # "Not found", "denied", "unauthorized": pull secrets and registries may lag a little.
    "image_pull_final": 15.0,
    # Registry not reachable, rate limits, timeouts: the kubelet tries again after 10, 20, 40 ... s.
    "image_pull": 120.0,
    # A missing Secret, ConfigMap or key: something else may be about to write it.
    "config_missing": 10.0,
    # The container runtime can't start it (wrong command, bad mount path); 110 s more where it is too busy
    # (its own deadline is over, or the name is taken by the attempt before).
    "container_start": 10.0,
    # Pods that failed for good.
    "pod_failed": 0.0,
    # No node fits: an autoscaler may be adding one.
    "unschedulable": 60.0,
    # Volumes or the pod's network are not set up: a detach from another node takes a while.
    "volume_mount": 120.0,
    # The controller can't create pods: quota, admission, service account.
    "failed_create": 20.0,  # 40 s more for a controller that says nothing
    # Runs, was never ready, and nothing listens on the readiness probe's port; counts from the end of the probe's own
    # attempts (initialDelaySeconds + periodSeconds * failureThreshold of readiness or liveness, the longer one).
    "probe_failing": 60.0,
    # A probe that cannot succeed as configured: a port name that does not exist, TLS where the server uses plain HTTP.
    "probe_wrong": 15.0,
    # All app containers are ready, a sidecar is not.
    "sidecar_not_ready": 60.0,
    # A pod that asks for Dapr's sidecar was created without it: Dapr's watchdog, if enabled, may replace the pod.
    "sidecar_missing": 10.0,
    # New pods and pods of the old revision are both unready.
    "dependency_down": 60.0,
    # A broken pod of the old revision blocks an ordered StatefulSet.
    "blocked_by_old_pod": 15.0,
    # The controller's own progress deadline, when it was set before the wait began (else at once).
    "progress_deadline": 15.0,
    # A paused Deployment with a change pending.
    "paused": 15.0,
    # A custom resource whose status says that it failed: operators try again.
    "resource_failed": 30.0,
    # A custom resource whose status nobody has written since its last change: maybe nobody ever will.
    "no_status": 30.0,
    # An object that does not exist when the wait begins.
    "not_found": 10.0,
}
# A container that runs and is not ready has no grace period while its probe gets some response: slow starts are
# legitimate, the timeout decides.
NEVER = float("inf")


def grace_of(kind: str, overrides: Mapping[str, float]) -> float:
    """Grace period of a class of symptom in seconds."""
    return float(overrides.get(kind, DEFAULT_GRACES.get(kind, NEVER)))
