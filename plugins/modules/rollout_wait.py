#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_wait
short_description: Wait for rollouts on Kubernetes, and fail early with evidence
version_added: 0.1.0
description:
  - Waits in parallel until Helm releases, workloads or any other objects have reached their desired state.
  - Fails within seconds when a rollout can no longer succeed (crash loop, image that cannot be pulled, missing Secret,
    quota, a Dapr sidecar that does not start, and so on). The message is one sentence; pod, container, exit code, log
    lines and events are the evidence.
  - Only pods of the newest revision count. A pod that was ready only for a moment does not.
  - Tolerates API faults until the timeout (429, 5xx, cut and half-open watches, and an API server that is temporarily
    unreachable).
  - Lists each kind once per namespace and then watches it, whatever the number of workloads.
  - Writes nothing.
options:
  releases:
    description:
      - Helm releases whose objects to wait for, as in their newest revision.
      - The release is read directly from the cluster; the Helm program is not needed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the release.
        type: str
        required: true
      namespace:
        description: Namespace of the release.
        type: str
        required: true
  workloads:
    description:
      - Workloads to wait for.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Kind of the workload.
        type: str
        choices: [Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, Pod]
        default: Deployment
      name:
        description: Name of the workload.
        type: str
        required: true
      namespace:
        description: Namespace of the workload.
        type: str
        required: true
  resources:
    description:
      - Any other objects to wait for.
      - Without expressions, well-known kinds have their own rules (docs/custom-resources.md); all others are judged by
        the usual conventions, and by O(readiness_rules).
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: API group and version, as in manifests.
        type: str
        required: true
      kind:
        description: Kind of the object.
        type: str
        required: true
      name:
        description: Name of the object.
        type: str
        required: true
      namespace:
        description: Namespace of the object; empty for cluster-scoped objects.
        type: str
        default: ''
      ready_when:
        description: JMESPath expression over the object that is true when it is ready.
        type: str
        default: ''
      failed_when:
        description:
          - JMESPath expression over the object that is true when it can no longer become ready.
          - Needs O(resources[].ready_when).
        type: str
        default: ''
  timeout:
    description:
      - Seconds after which objects that are not ready have failed. With V(0) they are read once, without waiting.
      - Until then faults of the Kubernetes API are tolerated (docs/api-faults.md).
    type: int
    default: 300
  fail_fast:
    description:
      - Fail as soon as one of them has failed. With V(false), wait for the others first.
    type: bool
    default: true
seealso:
  - module: kubernetes.core.k8s_info
  - module: kubernetes.core.helm
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Wait for two releases
  todo.cloud.rollout_wait:
    releases:
      - {name: backend-api, namespace: todo-staging}
      - {name: frontend, namespace: todo-staging}
    timeout: 180

- name: Wait for a database and its migration
  todo.cloud.rollout_wait:
    workloads:
      - {kind: StatefulSet, name: postgresql, namespace: data}
      - {kind: Job, name: migrate, namespace: data}
    graces:
      unschedulable: 300     # time for the autoscaler to add a node
    stability_seconds: 10

- name: Wait for a topic on the broker
  todo.cloud.rollout_wait:
    resources:
      - api_version: kafka.strimzi.io/v1
        kind: KafkaTopic
        name: task-events
        namespace: kafka
        ready_when: "status.conditions[?type=='Ready' && status=='True']"
        failed_when: "status.conditions[?type=='NotReady' && reason=='KafkaStorageException']"
"""

RETURN = r"""
verdict:
  description: V(Current) when everything is ready, else V(Failed).
  returned: success or failure after waiting
  type: str
  choices: [Current, Failed]
  sample: Current
workloads:
  description: The result for each object.
  returned: success or failure after waiting
  type: list
  elements: dict
  contains:
    release:
      description: Name of the Helm release; may be empty.
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
failures:
  description: Each failure with its code, message and evidence; docs/failure-codes.md lists the codes.
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
    code: crash_loop
    message: "backend-api: container backend-api exits with code 1 (Error, 2 restarts): KeyError: 'SECRET_KEY'"
    details: {pod: backend-api-6d5f-x2x4q, container: backend-api, exit_code: 1, restarts: 2}
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
  sample: 12.4
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE, ROLLOUT, WAIT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.rollout.request import requested
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter, WaitOptions

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ROLLOUT,
    "timeout": {"type": "int", "default": 300},
    "fail_fast": {"type": "bool", "default": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        options = WaitOptions.from_params(module.params)
        verdict = RolloutWaiter(kube, options, live_progress()).wait(requested(kube, module.params))
        for text in verdict.warnings:
            module.warn(text)
        verdict.raise_if_failed()
    module.exit_json(changed=False, **verdict.as_result())


if __name__ == "__main__":
    main()
