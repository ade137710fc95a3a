# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """How patiently a rollout is judged."""

    DOCUMENTATION = r"""
options:
  graces:
    description:
      - How many seconds a symptom may last before it dooms a rollout, by class of symptom.
      - V(crash_loop) 0, V(first_crash) 20, V(image_invalid) 0, V(image_pull_final) 15 (the registry says not found or
        denied), V(image_pull) 120 (any other trouble with the registry), V(config_missing) 10, V(container_start) 10,
        V(pod_failed) 0, V(unschedulable) 60, V(volume_mount) 120, V(failed_create) 20 (quota, admission, service
        account), V(probe_failing) 60 (nobody listens where the readiness probe asks; counted from the end of the
        probe's own attempts), V(probe_wrong) 15 (a probe that can't succeed as it is written), V(sidecar_not_ready) 60,
        V(sidecar_missing) 10, V(dependency_down) 60, V(blocked_by_old_pod) 15, V(progress_deadline) 15, V(paused) 15,
        V(not_found) 10.
      - A class that is not named keeps its default. A container that answers and is not ready has until the timeout.
    type: dict
    default: {}
  stability_seconds:
    description:
      - How many seconds pods must have been ready, without a restart, before that counts.
      - Pods with a quick liveness probe are watched until that probe could have killed them (at most 10 seconds), and a
        container that was restarted has to outlive its last run, whatever this says.
      - Pods that have been ready for longer cost no time.
    type: float
    default: 3.0
  log_lines:
    description:
      - How many lines of a failing container's log, of its present and its previous run, are kept as evidence.
    type: int
    default: 30
"""
