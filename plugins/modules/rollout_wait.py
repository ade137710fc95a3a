#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_wait
short_description: Wait for rollouts on Kubernetes and say early, with evidence, how they ended
version_added: 0.1.0
description:
  - Waits until Helm releases, workloads or any other objects are what was asked for, all of them side by side.
  - Fails within seconds when a rollout can't succeed any more (crash loop, image that can't be pulled, missing Secret,
    quota, a Dapr sidecar that does not start, and so on), and says why in one sentence, with pod, container, exit code,
    log lines and events as evidence.
  - Only pods of the newest revision count. A pod that was ready for a moment does not.
  - Goes through API faults; 429, 5xx, cut and half-open watches, and an API server that is away for a while, until the
    timeout.
  - Lists each kind once per namespace and watches it from there, however many workloads are waited for.
  - Writes nothing.
options:
  releases:
    description:
      - Helm releases whose objects are waited for, as their newest revision has them.
      - The release is read natively from the cluster; the Helm program is not needed.
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
      - Workloads that are waited for.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Kind of the workload.
        type: str
        choices: [Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, Pod]
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
      - Any other objects that are waited for.
      - Without expressions, well-known kinds have rules of their own; for all others the condition C(Ready) counts.
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
        description: Namespace of the object; left out for objects that are in none.
        type: str
        default: ''
      ready_when:
        description: JMESPath expression over the object that is true when it is ready.
        type: str
        default: ''
      failed_when:
        description:
          - JMESPath expression over the object that is true when waiting is pointless.
          - Needs O(resources[].ready_when).
        type: str
        default: ''
  timeout:
    description:
      - Seconds after which what is not ready has failed. With V(0) it looks once and waits for nothing.
      - Until then it goes on through troubles of the Kubernetes API (docs/api-faults.md).
    type: int
    default: 300
  fail_fast:
    description:
      - End as soon as one of them has failed. With V(false) the others are waited for first.
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
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Two releases are rolled out
  todo.cloud.rollout_wait:
    releases:
      - {name: backend-api, namespace: todo-staging}
      - {name: frontend, namespace: todo-staging}
    timeout: 180

- name: A database and its migration are done
  todo.cloud.rollout_wait:
    workloads:
      - {kind: StatefulSet, name: postgresql, namespace: data}
      - {kind: Job, name: migrate, namespace: data}
    graces:
      unschedulable: 300     # the autoscaler may have to add a node
    stability_seconds: 10

- name: A topic exists on the broker
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
  sample: Current
workloads:
  description:
    - How each of them ended.
    - Its C(state) is one of V(Current), V(InProgress), V(Failed), V(Terminating), V(NotFound).
    - Its C(code) is that of its failure, empty without one.
  returned: success or failure after waiting
  type: list
  elements: dict
  sample:
    - release: backend-api
      kind: Deployment
      namespace: todo-staging
      name: backend-api
      state: Current
      message: 2/2 available
      code: ''
failures:
  description: Each failure with its code, sentence and evidence; the codes are listed in docs/failure-codes.md.
  returned: success or failure after waiting
  type: list
  elements: dict
  sample: []
failure:
  description: The first failure, as in RV(failures).
  returned: failure
  type: dict
  sample:
    code: crash_loop
    message: "backend-api: container backend-api exits with code 1 (Error, 2 restarts): KeyError: 'SECRET_KEY'"
    details: {pod: backend-api-6d5f-x2x4q, container: backend-api, exit_code: 1, restarts: 2}
notes:
  description: What was noticed and did not matter for the verdict.
  returned: success or failure after waiting
  type: list
  elements: str
  sample: []
api:
  description: Requests to the Kubernetes API, retries after faults, and repeated lists.
  returned: success or failure after waiting
  type: dict
  sample: {requests: 7, retries: 0, relists: 0}
elapsed:
  description: Seconds that were waited.
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


def main() -> t.NoReturn:
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
