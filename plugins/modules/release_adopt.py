#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_adopt
short_description: Adopt existing Helm releases without restarting a pod
version_added: 0.1.0
description:
  - Finds the given releases that already run but were installed manually or by another tool. Compares each one with its
    specification, verifies its workloads, and records it as verified. From then on M(todo.cloud.release_apply) and
    M(todo.cloud.release_rollback) manage it.
  - Only metadata is written; labels of Helm's newest Secret of each release, the namespace's label where it has none,
    and the release set. No Helm release gets a new revision, and no workload is changed.
  - A release whose manifest equals its specification needs no further change. A release that differs is recorded as it
    is. The next run of M(todo.cloud.release_apply) would change it; a rollback would restore it from Helm's history.
  - Unhealthy releases are not adopted; the module fails with the diagnosis, and nothing is written.
  - Objects that are not part of a Helm release cannot be adopted.
options:
  waves:
    description:
      - The releases, as in M(todo.cloud.release_apply).
    type: list
    elements: list
    required: true
  all_releases:
    description:
      - Names of all releases of the environment, including those that are not part of this run.
      - The alias O(known) is deprecated and will be removed in version 2.0.0.
    type: list
    elements: str
    default: []
    aliases: [known]
  commit:
    description:
      - Commit that is deployed, for the release set.
    type: str
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_rollback
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.cluster
  - todo.cloud.release_options.helm
  - todo.cloud.release_options.dapr
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  action_group:
    membership:
      - todo.cloud.k8s
      - todo.cloud.releases
  check_mode:
    support: full
    details: Compares, and reports what would be adopted. Nothing is written.
  diff_mode:
    support: full
    details: Shows what the next run of M(todo.cloud.release_apply) would change. The values of Secrets are hidden.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Adopt the releases that run in staging
  todo.cloud.release_adopt:
    environment: staging
    namespace: todo-staging
    waves:
      - - name: backend-api
          namespace: todo-staging
          chart: "{{ playbook_dir }}/../charts/service"
          values:
            image: ghcr.io/todo-app/backend-api:v1.1.0
"""

RETURN = r"""
releases:
  description: The result of each release. C(from) and C(to) are revisions, 0 for none; C(tried) is always 0.
  returned: success or failure after comparing
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    action:
      description: What was done, as in the plan.
      type: str
    from:
      description: Revision before the run, 0 for none.
      type: int
    tried:
      description: Revision that the run made, 0 for none.
      type: int
    to:
      description: Revision after the run, 0 for none.
      type: int
    outcome:
      description:
        - Outcome; V(applied) means that the run ended before it was verified, V(kept) that it was left as it was.
      type: str
      choices: [unchanged, verified, applied, failed, restored, removed, kept, predicted]
    detail:
      description: Details for people; may be empty.
      type: str
  sample:
    - {name: backend-api, action: adopt, from: 3, tried: 0, to: 3, outcome: verified, detail: as the inventory says}
failures:
  description: Each failure with its code, message and evidence.
  returned: success or failure after comparing
  type: list
  elements: dict
  contains:
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: One sentence.
      type: str
    details:
      description: Evidence.
      type: dict
  sample: []
failure:
  description: The first failure, as in RV(failures).
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: One sentence.
      type: str
    details:
      description: Evidence.
      type: dict
  sample: {code: crash_loop, message: "backend-api: container app exits with code 1", details: {pod: backend-api-6d-x}}
set:
  description: Number of the verified release set that the environment is at, 0 when there is none.
  returned: success or failure after comparing
  type: int
  sample: 1
table:
  description: RV(releases) as lines of text.
  returned: success or failure after comparing
  type: list
  elements: str
  sample:
    - release      action  was  tried  now  verdict
    - backend-api  adopt   3    -      3    adopted, as the inventory says
plan:
  description: Always empty; kept for the same shape as M(todo.cloud.release_apply).
  returned: success or failure after comparing
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    kind:
      description:
        - What it needs; V(verify) is applied but not verified, V(stuck) has to be repaired first, V(busy) is used by
          another run.
      type: str
      choices: [change, new, verify, remove, stuck, busy, unchanged]
    why:
      description: The reason; may be empty.
      type: str
    revisions:
      description: Its revision, and the next one.
      type: str
    state:
      description: Its state.
      type: str
      choices: [absent, verified, unverified, outdated, changed_manually, failed, superseded, stuck, busy, uninstalling,
        uninstalled, corrupt]
    action:
      description: The next action.
      type: str
      choices: [unchanged, verify, install, upgrade, rollback, uninstall, recover, quarantine, finish_uninstall, refuse]
    revision:
      description: Its newest revision, 0 for none.
      type: int
    changes:
      description: What differs.
      type: list
      elements: str
    image:
      description: Its image as it is wanted, with its digest where that is known.
      returned: where its values name one
      type: str
    image_before:
      description: Its image as it is deployed.
      returned: where its values name one
      type: str
  sample: []
notes:
  description: Information that is not a warning.
  returned: success or failure after comparing
  type: list
  elements: str
  sample: []
timeline:
  description: When the run did what, by the clock of this machine; 200 entries at most.
  returned: success or failure after comparing
  type: list
  elements: dict
  contains:
    kind:
      description:
        - What it is; V(pod) is the time from a pod's creation until it is ready, V(sidecar) from the start of its
          sidecar on.
      type: str
      choices: [plan, lock, wave, helm, wait, pod, sidecar, sidecars, rollback, job, bake, verify]
    name:
      description: What it is about, for people.
      type: str
    release:
      description: Name of the release; empty where there are several.
      type: str
    start:
      description: Its start, in seconds since 1970.
      type: float
    seconds:
      description: How long it took.
      type: float
    outcome:
      description: Its end; V(failed) also of a pod that has not become ready.
      type: str
      choices: [ok, failed]
  sample:
    - {kind: helm, name: backend-api revision 4, release: backend-api, start: 1796001201.5, seconds: 1.4, outcome: ok}
helm_calls:
  description: Helm processes that were started to render the manifests.
  returned: success or failure after comparing
  type: int
  sample: 1
api:
  description: Requests to the Kubernetes API, retries and repeated lists.
  returned: success or failure after comparing
  type: dict
  contains:
    requests:
      description: Requests.
      type: int
    retries:
      description: Retries after faults.
      type: int
    relists:
      description: Repeated lists of watches.
      type: int
  sample: {requests: 20, retries: 0, relists: 0}
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ALL_RELEASES,
    CLUSTER,
    DAPR,
    ENVIRONMENT,
    HELM,
    KUBE,
    RECORD_KEYS,
    REGISTRIES,
    WAIT,
)
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import (
    fail_json_on_error,
    finish,
    live_progress,
    module_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.adopt import Adoption
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **CLUSTER,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "waves": {"type": "list", "elements": "list", "required": True},
    **ALL_RELEASES,
    "commit": {"type": "str"},
}


def main() -> None:
    module = module_of(SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        settings = settings_from(module)
        waves = parse_waves(module.params["waves"], settings.namespace)
        helm = HelmCli(kube.kubeconfig, module.params["helm_binary"])
        run = Run(kube, helm, settings, live_progress(), "release_adopt")
        report = Adoption(run, waves).run()
    finish(module, report)


if __name__ == "__main__":
    main()
