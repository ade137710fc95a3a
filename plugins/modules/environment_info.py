#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
short_description: Fingerprint an environment, find what changed, and check who owns it
version_added: 1.0.0
description:
  - Reads every object of a namespace and computes a fingerprint of the desired state. Left out are status, events,
    leases, pods and other owned objects, replicas that an autoscaler owns, and fields that only Kubernetes' own or
    other known controllers write. Secrets count by their resource version; their content is not read.
  - With O(compare_to) each object that changed is named, with the fields, and with who changed them and when, as far as
    the cluster records it (C(managedFields)). Expected changes, such as a certificate that cert-manager renewed, are
    marked as such.
  - With O(claims) it fails when the cluster, the namespace, a host name, the platform or the topics belong to another
    environment.
options:
  namespace:
    description:
      - Namespace of the environment.
    type: str
    required: true
  environment:
    description:
      - Name of the environment, for the lines in RV(table). The namespace's name by default.
    type: str
  platform_namespaces:
    description:
      - Namespaces of the cluster's platform, for example C(dapr-system), to include in the fingerprint.
      - When any are given, cluster-scoped objects are included as well (CRDs, cluster roles, webhooks and so on).
    type: list
    elements: str
    default: []
  compare_to:
    description:
      - A RV(fingerprint) of an earlier call, or V(published) for the one that was stored when the environment was last
        verified.
    type: raw
  claims:
    description:
      - What a run is about to claim. The module fails when another environment claims the same, and names it.
      - RV(annotations) are the annotations that publish the claims on the namespace.
    type: dict
    suboptions:
      environment:
        description:
          - Name of the environment. The namespace of another environment is refused.
        type: str
        required: true
      hosts:
        description:
          - Public host names, or URLs with them. IP addresses cannot be claimed and are left out.
        type: list
        elements: str
        default: []
      platform:
        description:
          - Whether this environment manages the cluster's platform. Only one environment can.
        type: bool
        default: false
      brokers:
        description:
          - Addresses of its broker, C(host:port) separated by commas. Empty means that it has none.
        type: str
        default: ""
      shared_topics:
        description:
          - Whether its topics have the same names as in any other environment, instead of names that begin with its
            namespace. Only one environment can, on one broker.
        type: bool
        default: false
  fingerprint:
    description:
      - Whether to compute a fingerprint. Without it, O(claims) costs three requests.
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
- name: Fingerprint production before staging is deployed
  todo.cloud.environment_info:
    environment: production
    namespace: todo-production
  register: before

- name: Compare production afterwards
  todo.cloud.environment_info:
    environment: production
    namespace: todo-production
    compare_to: "{{ before.fingerprint }}"
  register: after

- name: Show whether production was changed
  ansible.builtin.debug:
    var: after.table

- name: Find what was changed in staging since it was verified
  todo.cloud.environment_info:
    environment: staging
    namespace: todo-staging
    compare_to: published

- name: Check that nothing here belongs to another environment
  todo.cloud.environment_info:
    namespace: todo-staging
    fingerprint: false
    claims:
      environment: staging
      hosts: [https://staging.todo.example.com]
"""

RETURN = r"""
fingerprint:
  description: Digests of all objects.
  returned: with O(fingerprint=true)
  type: dict
  contains:
    format:
      description: Version of the format.
      type: int
    environment:
      description: Name of the environment.
      type: str
    namespace:
      description: Namespace of the environment.
      type: str
    time:
      description: Time in seconds since the epoch, by the API server's clock.
      type: int
    digest:
      description: One digest over all objects.
      type: str
    objects:
      description: Uid and digests of each object by name.
      type: dict
    unread:
      description: Kinds that the credentials may not list, with the error.
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
  description: What differs.
  returned: with O(fingerprint=true)
  type: list
  elements: dict
  contains:
    object:
      description: Kind and name of the object.
      type: str
    change:
      description: What happened; V(replaced) means deleted and created again.
      type: str
      choices: [created, deleted, replaced, changed]
    fields:
      description: Fields that changed.
      type: list
      elements: str
    by:
      description: Field managers that wrote them, with the time.
      type: list
      elements: str
    expected:
      description: Whether it is the regular work of a known controller.
      type: bool
    message:
      description: One sentence.
      type: str
  sample:
    - object: Deployment/api
      change: changed
      fields: [spec.replicas]
      by: ["kubectl, 2026-11-22T10:00:00Z"]
      expected: false
      message: "Deployment/api was changed: spec.replicas (kubectl, 2026-11-22T10:00:00Z)"
compared:
  description: Whether there was a fingerprint to compare with.
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
  description: Annotations that publish the given claims on the namespace.
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


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_by={"cluster_id": ["claims"]})
    result: dict[str, t.Any] = {"changed": False}
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
