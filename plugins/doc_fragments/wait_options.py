# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """How long symptoms are tolerated, and how much evidence is kept."""

    DOCUMENTATION = r"""
options:
  graces:
    description:
      - Grace periods in seconds. A symptom that lasts longer fails the rollout. The keys are classes of symptoms.
      - V(crash_loop) 0, V(first_crash) 20, V(waits_for_dependency) 90 (an app that ends since it got no connection, by
        its last log lines), V(image_invalid) 0, V(image_pull_final) 15 (the registry says not found or
        denied), V(image_pull) 120 (any other problem with the registry), V(config_missing) 10, V(container_start) 10,
        V(pod_failed) 0, V(unschedulable) 60, V(volume_mount) 120, V(failed_create) 20 (quota, admission, service
        account), V(probe_failing) 60 (nothing listens on the readiness probe's port; counted from the end of the
        probe's own attempts), V(probe_wrong) 15 (a probe that cannot succeed as configured), V(sidecar_not_ready) 60,
        V(sidecar_missing) 10, V(dependency_down) 60, V(blocked_by_old_pod) 15, V(progress_deadline) 15, V(paused) 15,
        V(resource_failed) 30 (a custom resource whose status says that it failed), V(no_status) 30 (a
        custom resource whose status nobody has written since its last change; after that it exists, not judged),
        V(not_found) 10.
      - A class that is not named keeps its default. A container that answers but is not ready has until the timeout.
    type: dict
    default: {}
  stability_seconds:
    description:
      - Seconds that pods must have been ready, without a restart, before they count as ready.
      - Pods with a quick liveness probe are watched until that probe could have killed them (at most 10 seconds), and a
        restarted container has to run longer than its last run, regardless of this option.
      - Pods that have been ready for longer cost no time.
    type: float
    default: 3.0
  log_lines:
    description:
      - Number of log lines of a failing container, of its current and its previous run, to keep as evidence.
    type: int
    default: 30
  log_store:
    description:
      - VictoriaLogs that keeps the logs of this cluster. When something has failed and its container's own log can no
        longer be read (the pod is gone, its node does not answer), its last lines are looked for there, for at most two
        seconds.
      - It is asked through the API server, which needs the right to get C(services/proxy) in its namespace. One
        that does not answer changes nothing.
    type: dict
    version_added: 1.0.0
    suboptions:
      namespace:
        description: Namespace of its Service. V(monitoring) if not given.
        type: str
      service:
        description: The Service. V(victoria-logs) if not given.
        type: str
      port:
        description: Port of the Service. V(9428) if not given.
        type: int
      url:
        description: URL of a VictoriaLogs that is asked instead, from where this module runs.
        type: str
"""

    READINESS = r"""
options:
  readiness_rules:
    description:
      - What the status of custom resources means, where neither the collection's own rules nor the usual conventions
        read it right; docs/custom-resources.md lists both.
      - The keys are C(group/Kind); V(*) stands for every kind of a group, V(*.example.org) for every group below it.
      - The values are maps of JMESPath expressions over the object, looked at in this order, V(failed), V(suspended),
        V(progressing), V(ready). The first that holds decides. An object for which none holds is in progress if there
        is a V(ready), else the conventions judge it. V(message) is an expression for what to say about it.
      - V(no_status) true is for a kind whose controller writes no status. It exists, and is not judged.
      - A rule that is malformed is refused before anything is written.
    type: dict
    default: {}
    version_added: 0.1.0
"""
