#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
short_description: Fingerprint of an environment, what changed since another one, and whose it is
version_added: 0.2.0
description:
  - Reads every object of a namespace and makes a fingerprint of what somebody wrote into them. Left out are status,
    events and leases, pods and whatever else belongs to another object, replicas that an autoscaler owns, and fields
    that only Kubernetes' own and other known controllers write. Secrets count by their version; their content is not
    even read.
  - With O(compare_to) each object that changed is named, with the fields, and by whom and when as far as the cluster
    records it (C(managedFields)). A certificate that cert-manager renewed, and the like, is named as such.
  - With O(claims) it fails when the cluster, the namespace, a host name or the platform is another environment's.
options:
  namespace:
    description:
      - Namespace of the environment.
    type: str
    required: true
  environment:
    description:
      - Name of the environment, for the sentences in RV(table). The namespace's name by default.
    type: str
  platform_namespaces:
    description:
      - Namespaces of the cluster's platform, for example C(dapr-system), that belong to the fingerprint too.
      - When there are any, what belongs to no namespace is read as well (CRDs, cluster roles, webhooks and the like).
    type: list
    elements: str
    default: []
  compare_to:
    description:
      - A RV(fingerprint) of an earlier call, or V(published) for the one that the environment wrote down when it was
        last verified.
    type: raw
  claims:
    description:
      - What a run is about to claim. Another environment that claims the same is named, and the module fails.
      - RV(annotations) are those by which the namespace makes the claims known.
    type: dict
    suboptions:
      environment:
        description:
          - Name of the environment. Another one's namespace is refused.
        type: str
        required: true
      hosts:
        description:
          - Public host names, or URLs with them. IP addresses can't be claimed and are left out.
        type: list
        elements: str
        default: []
      platform:
        description:
          - Whether this environment manages the cluster's platform. Only one can.
        type: bool
        default: false
  fingerprint:
    description:
      - Whether a fingerprint is made. Without it, O(claims) costs three requests.
    type: bool
    default: true
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_set_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.cluster
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Production as it is before a run of staging
  todo.cloud.environment_info:
    environment: production
    namespace: todo-production
  register: before

- name: Production afterwards
  todo.cloud.environment_info:
    environment: production
    namespace: todo-production
    compare_to: "{{ before.fingerprint }}"
  register: after

- name: Production was not touched
  ansible.builtin.debug:
    var: after.table

- name: What somebody did to staging since it was verified
  todo.cloud.environment_info:
    environment: staging
    namespace: todo-staging
    compare_to: published

- name: Nothing here belongs to another environment
  todo.cloud.environment_info:
    namespace: todo-staging
    fingerprint: false
    claims:
      environment: staging
      hosts: [https://staging.todo.example.com]
"""

RETURN = r"""
fingerprint:
  description:
    - Digests of all objects by their names. C(unread) names kinds that the credentials may not list.
  returned: with O(fingerprint=true)
  type: dict
  sample:
    format: 1
    environment: staging
    namespace: todo-staging
    time: 1795262400
    digest: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    objects: {Deployment/api: {uid: 6b7f0c1e, fields: {spec.replicas: 0a1b2c3d4e5f}}}
    unread: {}
changes:
  description:
    - What is not as it was. C(change) is V(created), V(deleted), V(replaced) or V(changed); C(expected) is true for the
      ordinary work of a known controller.
  returned: with O(fingerprint=true)
  type: list
  elements: dict
  sample:
    - object: Deployment/api
      change: changed
      fields: [spec.replicas]
      by: ["kubectl, 2026-11-22T10:00:00Z"]
      expected: false
      message: "Deployment/api was changed: spec.replicas (kubectl, 2026-11-22T10:00:00Z)"
compared:
  description: Whether there was something to compare with.
  returned: with O(fingerprint=true)
  type: bool
  sample: true
table:
  description: RV(changes) as lines of text. The first one says whether the environment is untouched.
  returned: with O(fingerprint=true)
  type: list
  elements: str
  sample: ["production: untouched, 83 objects compared"]
cluster_id:
  description: Identity of the cluster, the uid of its namespace C(kube-system). Empty when it may not be read.
  returned: with O(claims)
  type: str
  sample: 3f0c8e2a-5a53-4a0e-8f0e-0b1f8a4f6f52
annotations:
  description: Annotations by which the namespace claims what was asked.
  returned: with O(claims)
  type: dict
  sample: {todo.cloud/hosts: staging.todo.example.com}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import CLUSTER, KUBE
from ansible_collections.todo.cloud.plugins.module_utils.environments.info import (
    CLAIMS_SPEC,
    claims_info,
    fingerprint_info,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    **CLUSTER,
    "namespace": {"type": "str", "required": True},
    "environment": {"type": "str"},
    "platform_namespaces": {"type": "list", "elements": "str", "default": []},
    "compare_to": {"type": "raw"},
    "claims": CLAIMS_SPEC,
    "fingerprint": {"type": "bool", "default": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_by={"cluster_id": ["claims"]})
    result: dict[str, t.Any] = {}
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        if module.params["claims"]:
            result |= claims_info(kube, module.params)
        if module.params["fingerprint"]:
            result |= fingerprint_info(kube, module.params)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
