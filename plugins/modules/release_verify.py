#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_verify
short_description: Verify that releases are rolled out, have their sidecars and serve
version_added: 1.0.0
description:
  - Waits until the workloads of all releases are Current, as M(todo.cloud.rollout_wait) does, checks their Dapr
    sidecars as M(todo.cloud.dapr_sidecar_check) does, and requests the public endpoint (for up to 20 seconds, following
    redirects).
  - All of it in one call. M(todo.cloud.release_apply) does the same with
    O(todo.cloud.release_apply#module:verify=true).
  - With O(environment), the verdict is noted at the release set that runs. One whose verification failed later is not
    promoted until it was verified again as a whole. In what the environment differs from that set is said as well, and
    is a metric for Prometheus where O(announce.metric=true). Nothing else is written.
options:
  environment:
    description:
      - Name of the environment, if its release set is to know of the verdict.
    type: str
  namespace:
    description: Namespace of the releases.
    type: str
    required: true
  releases:
    description: The releases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the release.
        type: str
        required: true
      app_id:
        description:
          - Its Dapr app id, if one of its workloads must have it. Which pods should have a sidecar is read from the
            rendered objects and the pods of every release.
        type: str
  timeout:
    description: Seconds within which the workloads must be Current.
    type: int
    default: 300
seealso:
  - module: todo.cloud.rollout_wait
  - module: todo.cloud.dapr_sidecar_check
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.records
  - todo.cloud.release_options.announce
  - todo.cloud.release_options.dapr
  - todo.cloud.release_options.endpoint
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: The verdict is not noted.
  diff_mode:
    support: N/A
    details: Changes no release.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Verify staging
  todo.cloud.release_verify:
    environment: staging
    namespace: todo-staging
    releases:
      - {name: backend-api, app_id: backend-api}
      - {name: frontend}
    endpoint:
      url: https://staging.todo.example.com/health
"""

RETURN = r"""
verdict:
  description: V(Current) when all workloads are, else V(Failed).
  returned: success or failure after waiting
  type: str
  sample: Current
workloads:
  description: The result of each workload, as M(todo.cloud.rollout_wait) returns it.
  returned: success or failure after waiting
  type: list
  elements: dict
  contains:
    release:
      description: Name of the Helm release.
      type: str
    kind:
      description: Kind of the object.
      type: str
    namespace:
      description: Namespace of the object.
      type: str
    name:
      description: Name of the object.
      type: str
    state:
      description: Its state.
      type: str
      choices: [Current, InProgress, Failed, Terminating, NotFound, Suspended]
    message:
      description: Reason or progress.
      type: str
    judged:
      description: Whether the object says anything about itself. One that does not exists, and is not judged.
      type: bool
    code:
      description: Code of its failure, empty without one.
      type: str
  sample:
    - release: backend-api
      kind: Deployment
      namespace: todo-staging
      name: backend-api
      state: Current
      message: 2/2 available
      judged: true
      code: ''
apps:
  description: The sidecars of each app, as M(todo.cloud.dapr_sidecar_check) returns them.
  returned: success, if pods of a release may ask for a sidecar
  type: list
  elements: dict
  sample: []
asleep:
  description:
    - Releases that M(todo.cloud.environment_sleep) has put to sleep. They have no sidecars, and O(endpoint) is not
      asked while there is one.
  returned: success
  type: list
  elements: str
  sample: []
sidecars:
  description: What was found of the sidecars, in one line for people.
  returned: success
  type: str
  sample: 2 of 2 pods have their Dapr sidecar ready
failures:
  description: Each failure with its code, message and evidence. The codes are listed in docs/failure-codes.md.
  returned: success or failure after waiting
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
  sample:
    code: endpoint_down
    message: "https://staging.todo.example.com/health does not answer: status 503."
    details: {}
differences:
  description:
    - With O(environment), what differs from the newest verified release set, by the name of the release. Somebody
      changed it in the cluster. It fails no verification.
  returned: success, where there is such a set and it may be read
  type: dict
  sample:
    backend-api:
      - "Deployment/backend-api: spec.replicas is 3, the release says 2 (by kubectl-edit at 2026-11-22T10:00:00Z)"
notes:
  description: Observations that did not affect the verdict.
  returned: success or failure after waiting
  type: list
  elements: str
  sample: []
api:
  description: Requests to the Kubernetes API, retries after faults, and repeated lists.
  returned: success or failure after waiting
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
  sample: {requests: 7, retries: 0, relists: 0}
elapsed:
  description: Seconds spent waiting.
  returned: success or failure after waiting
  type: float
  sample: 0.4
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ANNOUNCE,
    DAPR,
    ENDPOINT,
    KUBE,
    RECORD_KEYS,
    WAIT,
)
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.releases.verify import verify_environment, verify_releases
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **DAPR,
    **ENDPOINT,
    **RECORD_KEYS,
    **ANNOUNCE,
    "environment": {"type": "str"},
    "namespace": {"type": "str", "required": True},
    "releases": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, "app_id": {"type": "str"}},
    },
    "timeout": {"type": "int", "default": 300},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        settings = settings_from(module, signs=False)
        run = Run(kube, HelmCli(kube.kubeconfig), settings, live_progress(), "release_verify")
        app_ids = {release["name"]: release["app_id"] or "" for release in module.params["releases"]}
        verify = verify_environment if settings.environment else verify_releases
        result = verify(run, app_ids, settings.endpoint)
    for text in result["notes"]:
        module.warn(text)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
