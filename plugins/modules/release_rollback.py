#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_rollback
short_description: Roll an environment's set of Helm releases back to a verified state
version_added: 0.1.0
description:
  - Rolls all releases of an environment, or some, back to a verified release set, components first, then the services
    in parallel, and verifies them again.
  - The target is read and checked before anything is written. Its revisions must exist, or be redeployable from the
    release set, and so must every key of a Secret that it refers to.
  - The target is recorded before the first write. A rollback that was killed continues to the same target.
  - Sets that are newer than the target are marked withdrawn, so a second rollback goes further back and not forward.
  - Secrets are never rolled back. Hooks and database migrations are not undone; a release that declares a
    C(rollback_floor) is not rolled back below it. A release that was not part of the set is left as it is.
options:
  to:
    description:
      - With V(verified), the newest verified set that differs from the running state.
      - Otherwise the number of a set, or the commit that it was made from (at least seven characters).
    type: str
    default: verified
  names:
    description:
      - Releases to roll back. Empty means all of the set.
    type: list
    elements: str
    default: []
  image:
    description:
      - Instead of going back to a set, deploy any image of the one release in O(names), verified or not. A tag or a
        digest of its present image, or a full reference.
      - Chart and values are the ones verified last. The tag is resolved to a digest by O(registries).
      - The image is verified like any change. If it fails, the release goes back to its last verified revision.
    type: str
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_set_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.announce
  - todo.cloud.release_options.cluster
  - todo.cloud.release_options.changes
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
    details: Chooses and checks the target, and reports what would be rolled back. Nothing is written.
  diff_mode:
    support: full
    details: The values of Secrets are hidden.
  idempotent:
    support: partial
    details:
      - With O(to=verified) each run goes one verified state further back. With a set or a commit, a second run changes
        nothing.
"""

EXAMPLES = r"""
- name: Roll staging back to the last verified state
  todo.cloud.release_rollback:
    environment: staging
    namespace: todo-staging

- name: Roll one service back to release set 7
  todo.cloud.release_rollback:
    environment: staging
    namespace: todo-staging
    to: "7"
    names: [backend-api]

- name: Deploy an earlier image of one service
  todo.cloud.release_rollback:
    environment: staging
    namespace: todo-staging
    names: [backend-api]
    image: sha-1f3c5a7
"""

RETURN = r"""
releases:
  description: The result of each release. C(from), C(tried) and C(to) are revisions, 0 for none.
  returned: success or failure after the target was chosen
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
    - {name: backend-api, action: rollback, from: 4, tried: 5, to: 5, outcome: restored, detail: as in set 3}
failures:
  description: Each failure with its code, message and evidence.
  returned: success or failure after the target was chosen
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
  description: The first failure.
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
  sample: {code: no_verified_set, message: "Environment 'staging' has no verified release set.", details: {}}
preflight:
  description: What stands in the way of going back.
  returned: in check mode with O(image)
  type: list
  elements: dict
  contains:
    release:
      description: Name of the release.
      type: str
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: What is wrong, and where.
      type: str
    remedy:
      description: What to do about it.
      type: str
    certain:
      description: Whether the deployment would be refused; otherwise it may go well all the same.
      type: bool
  sample:
    - release: backend-api
      code: config_missing
      message: Deployment backend-api needs key 'url' of Secret 'database', which is not there
      remedy: create it, or add it to environment_secrets
      certain: true
set:
  description: Number of the verified release set that the environment is at.
  returned: success or failure after the target was chosen
  type: int
  sample: 5
table:
  description: RV(releases) as lines of text.
  returned: success or failure after the target was chosen
  type: list
  elements: str
  sample:
    - release      action    was  tried  now  verdict
    - backend-api  rollback  4    5      5    verified, as in set 3
plan:
  description: With O(image), as of M(todo.cloud.release_apply); else empty.
  returned: success or failure after the target was chosen
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
  returned: success or failure after the target was chosen
  type: list
  elements: str
  sample: []
timeline:
  description: When the run did what, by the clock of this machine; 200 entries at most.
  returned: success or failure after the target was chosen
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
  description: Helm processes that were started.
  returned: success or failure after the target was chosen
  type: int
  sample: 1
api:
  description: Requests to the Kubernetes API, retries and repeated lists.
  returned: success or failure after the target was chosen
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
  sample: {requests: 40, retries: 0, relists: 0}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ANNOUNCE,
    CHANGE_RULES,
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
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback
from ansible_collections.todo.cloud.plugins.module_utils.releases.rollback import Rollback
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **ANNOUNCE,
    **CLUSTER,
    **CHANGE_RULES,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "to": {"type": "str", "default": "verified"},
    "names": {"type": "list", "elements": "str", "default": []},
    "image": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        helm = HelmCli(kube.kubeconfig, module.params["helm_binary"])
        run = Run(kube, helm, settings_from(module), live_progress(), "release_rollback")
        names, image = module.params["names"], module.params["image"]
        to = module.params["to"]
        report = ImageRollback(run, names, image).run() if image else Rollback(run, to, names).run()
    finish(module, report)


if __name__ == "__main__":
    main()
