#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: dapr_sidecar_check
short_description: Check that every pod has its Dapr sidecar, ready and at the control plane's version
version_added: 0.1.0
description:
  - Dapr's injector is a webhook that by default lets pods pass while it is down. Such a pod runs without its sidecar,
    looks healthy, and no event says so. This module finds it.
  - A pod should have a sidecar when it says C(dapr.io/enabled) with V(true) in any case, as Dapr's injector reads it.
    Other words that mean it, V(yes) for example, are named and never repaired. The sidecar may be a container or a
    native sidecar.
  - A workload's pods are those of its newest revision by their owner references, those of custom kinds too. Pods that
    only have the same labels do not count.
  - A sidecar fits when it has the control plane's minor version.
  - Only pods of a workload's newest revision count. Pods that are being deleted, have finished, or belong to an
    older revision do not.
  - Asks each sidecar, through the API server's pod proxy, which components it has loaded, and compares them with the
    components that the namespace has for the app. This needs C(get) on C(pods/proxy) and C(list) on C(components).
    Where RBAC or the network forbids it, RV(apps) says so and the components are not checked.
  - Returns whether mTLS is on and when Dapr's certificates expire, as far as the credentials may read them.
options:
  namespace:
    description:
      - Namespace of the apps.
    type: str
    required: true
  app_ids:
    description:
      - Dapr app ids that must exist. Empty means all apps of the namespace.
    type: list
    elements: str
    default: []
  repair:
    description:
      - Restart the pods that lack their sidecar, once, after the injector was verified to work. Then check again.
      - Only pods of Deployments, StatefulSets and DaemonSets are restarted, one after another, by eviction, so that no
        disruption budget is violated. The next one waits until the one before was replaced and is ready.
      - Takes the environment's lock, and needs C(create) on C(pods/eviction).
    type: bool
    default: false
  timeout:
    description:
      - Seconds within which restarted pods must be ready.
    type: int
    default: 120
seealso:
  - module: todo.cloud.rollout_wait
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.dapr
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is restarted.
  diff_mode:
    support: none
    details: RV(restarted) names the pods that were replaced.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Check the sidecars of all pods of staging
  todo.cloud.dapr_sidecar_check:
    namespace: todo-staging

- name: Check the sidecars of two apps, and restart pods that lack theirs
  todo.cloud.dapr_sidecar_check:
    namespace: todo-staging
    app_ids: [backend-api, notification-service]
    repair: true
"""

RETURN = r"""
apps:
  description: The apps, with their sidecars.
  returned: success or failure after the check
  type: list
  elements: dict
  contains:
    app_id:
      description: Dapr app id.
      type: str
    workload:
      description: Kind and name of the workload.
      type: str
    pods:
      description: Pods of the newest revision.
      type: int
    expected:
      description: Pods that should have a sidecar.
      type: int
    injected:
      description: Pods that have one.
      type: int
    ready:
      description: Pods whose sidecar is ready.
      type: int
    version:
      description: Version of the sidecars; may be empty.
      type: str
    form:
      description: Form of the sidecars; empty without any.
      type: str
      choices: [container, native, ""]
    lacking:
      description: Pods without a sidecar.
      type: list
      elements: str
    components:
      description: Components that every sidecar which answered has loaded; V(null) when unknown.
      type: list
      elements: str
    components_missing:
      description: Components that at least one of them has not loaded.
      type: list
      elements: str
    components_why:
      description: What could not be read; empty if nothing.
      type: str
  sample:
    - app_id: backend-api
      workload: Deployment/backend-api
      pods: 2
      expected: 2
      injected: 2
      ready: 2
      version: 1.14.0
      form: container
      lacking: []
      components: [pubsub, statestore]
      components_missing: []
      components_why: ""
control_plane:
  description: Version of the control plane, and whether its injector is ready.
  returned: success or failure after the check
  type: dict
  contains:
    version:
      description: Version; may be empty.
      type: str
    injector_ready:
      description: Whether the injector is ready; V(null) when unknown.
      type: bool
    why:
      description: What could not be read; empty if nothing.
      type: str
  sample: {version: 1.14.0, injector_ready: true, why: ""}
trust:
  description: Whether mTLS is on, and days until the certificates expire.
  returned: success or failure after the check
  type: dict
  contains:
    mtls:
      description: Whether mTLS is on; V(null) when unknown.
      type: bool
    root_days_left:
      description: Days until the root certificate expires; V(null) when unknown.
      type: int
    issuer_days_left:
      description: Days until the issuer certificate expires; V(null) when unknown.
      type: int
    why:
      description: What could not be read; empty if nothing.
      type: str
  sample: {mtls: true, root_days_left: 364, issuer_days_left: 364, why: ""}
restarted:
  description: Pods that were replaced.
  returned: success or failure after the check
  type: list
  elements: str
  sample: []
notes:
  description: Observations that are no failure, for example an annotation that Dapr does not understand.
  returned: success or failure after the check
  type: list
  elements: str
  sample: []
summary:
  description: What was found, in one line for people.
  returned: success or failure after the check
  type: str
  sample: 2 of 2 pods have their Dapr sidecar ready
failures:
  description: Each problem with its code and message.
  returned: failure after the check
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
  description: The first problem.
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
    code: sidecar_missing
    message: "backend-api: pod backend-api-6d5f-x2x4q runs without its Dapr sidecar."
    details: {app_id: backend-api, pods: [backend-api-6d5f-x2x4q]}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE, WAIT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.releases.sidecars import sidecar_check
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    "namespace": {"type": "str", "required": True},
    "app_ids": {"type": "list", "elements": "str", "default": []},
    "repair": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 120},
    "dapr_namespace": {"type": "str", "default": "dapr-system"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    p = module.params
    with fail_json_on_error(module), KubeSession.from_params(p) as kube:
        result = sidecar_check(kube, settings_from(module), p["app_ids"], repair=p["repair"], progress=live_progress())
    for text in result["notes"]:
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
