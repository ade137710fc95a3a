#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_check
short_description: Compare what a namespace is about to get with the pods that run in it
version_added: 1.0.0
description:
  - Fails when Pod Security, a quota, a LimitRange or network policies would hit a running pod. Such a pod could not
    come back when it dies, or would lose its connections.
  - Pod Security is judged by the API server, whose warnings about the new labels are asked by a dry run. A quota is
    compared with what the pods use, network policies with the pods' labels, ports and Services, with Ingresses and
    routes, and with the addresses in their environment variables and arguments.
  - Only what is tightened is compared. Nothing is compared in a namespace without running pods.
  - Addresses in Secrets are not read. A pod that could reach nothing but DNS any more and reads a Secret is refused.
  - In check mode it reports and does not fail. Writes nothing.
options:
  namespace:
    description: The namespace.
    type: str
    required: true
  pod_security:
    description: Labels of Pod Security that it is about to get.
    type: dict
    default: {}
  release:
    description: Name of the release of charts/environment. Empty compares Pod Security alone.
    type: str
    default: ""
  chart:
    description: Path of its chart.
    type: str
  values:
    description: Its values.
    type: dict
    default: {}
  audit:
    description: Whether the policies are only shown, and never a reason to fail.
    type: bool
    default: false
  helm_binary:
    description: Helm's program.
    type: str
    default: helm
seealso:
  - module: todo.cloud.environment_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Nothing that runs in staging is hit by Pod Security
  todo.cloud.environment_check:
    namespace: todo-staging
    pod_security:
      pod-security.kubernetes.io/enforce: restricted
"""

RETURN = r"""
refused:
  description: What would hit running pods.
  returned: success or failure after comparing
  type: list
  elements: dict
  contains:
    variable:
      description: The variable that decides.
      type: str
    pods:
      description: The pods.
      type: str
    reason:
      description: One phrase.
      type: str
  sample:
    - variable: environment_pod_security
      pods: shop-6d5f-x2x4q (and 1 other pod)
      reason: "violates restricted: allowPrivilegeEscalation != false"
audited:
  description: What network policies would hit if they were applied, as in RV(refused).
  returned: success or failure after comparing
  type: list
  elements: dict
  sample: []
lost:
  description:
    - Network policies of the namespace's releases that are no longer there, as Helm makes them. They are to be put back
      before the others are written, and count as being there in RV(refused).
  returned: success or failure after comparing
  type: list
  elements: dict
  sample: []
lines:
  description: The same, and with O(audit=true) what the policies would do, as lines for people.
  returned: success or failure after comparing
  type: list
  elements: str
  sample: []
failure:
  description: Why it failed.
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
    code: tightening_refused
    message: "Pods that run in namespace shop would be hit: shop-1: violates restricted: ... Nothing was written."
    details: {namespace: shop}
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.environments.tightening import Wanted, compare
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of

SPEC: dict[str, t.Any] = {
    **KUBE,
    "namespace": {"type": "str", "required": True},
    "pod_security": {"type": "dict", "default": {}},
    "release": {"type": "str", "default": ""},
    "chart": {"type": "str"},
    "values": {"type": "dict", "default": {}},
    "audit": {"type": "bool", "default": False},
    "helm_binary": {"type": "str", "default": "helm"},
}


def main() -> None:
    module = module_of(SPEC, supports_check_mode=True)
    p = module.params
    wanted = Wanted(p["namespace"], p["pod_security"], p["release"], p["chart"] or "", p["values"], audit=p["audit"])
    with fail_json_on_error(module), KubeSession.from_params(p) as kube:
        found = compare(kube, HelmCli(kube.kubeconfig, binary=p["helm_binary"]), wanted)
        if (failure := found.failure()) and not module.check_mode:
            raise failure
    for each in found.refused:
        module.warn(f"would be refused: {each}")
    module.exit_json(changed=False, **found.as_result())


if __name__ == "__main__":
    main()
