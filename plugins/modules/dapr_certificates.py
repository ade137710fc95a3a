#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: dapr_certificates
short_description: Renew the root and issuer of Dapr's mutual TLS, step by step
version_added: 1.0.0
description:
  - Goes as far as it can without restarting a service, and returns the releases to restart before the next step.
    C(playbooks/rotate_dapr_certificates.yml) does both until there is nothing left to do.
  - The new root comes beside the old one, and the control plane is restarted. Once every sidecar of the cluster trusts
    both, sentry signs by the new issuer, and the control plane is restarted again. Once every sidecar has a certificate
    of the new issuer, the old root goes.
  - How far this is stands in Dapr's trust bundle and in the pods, so the next run continues one that was killed.
  - Keys are made on this machine, go to the Secret C(dapr-trust-bundle) alone, and are of the kind that the present
    issuer has. The root's key is forgotten at once, as sentry does, so a new issuer always comes with a new root.
options:
  namespace:
    description:
      - Namespace of the environment, whose releases are in RV(restart).
    type: str
    required: true
  dapr_namespace:
    description:
      - Namespace of Dapr's control plane.
    type: str
    default: dapr-system
  all_releases:
    description:
      - Names of the environment's releases, in the order in which they are to be restarted.
    type: list
    elements: str
    required: true
  manage:
    description:
      - Whether the trust bundle and the control plane may be changed. With V(false) it is only read which releases of
        this environment have to be restarted for a rotation that another environment does.
    type: bool
    required: true
  below_days:
    description:
      - A rotation begins when what ends first has fewer days left than this. With V(0) none begins, and one that has
        begun is continued.
    type: int
    default: 60
  timeout:
    description:
      - Seconds until each restarted part of the control plane must be ready.
    type: int
    default: 300
  lock_wait:
    description:
      - Seconds to wait while another run holds the platform's lock.
    type: int
    default: 0
  lock_ttl:
    description:
      - Seconds after which the lock of a run that does not renew it expires.
    type: int
    default: 15
seealso:
  - module: todo.cloud.release_adjust
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: What is changed are certificates and keys; RV(lines) says it in words.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: The next step of a rotation of Dapr's certificates
  todo.cloud.dapr_certificates:
    namespace: todo-production
    all_releases: [backend-api, frontend]
    manage: true
  register: rotation

- name: Services are restarted before the step after that
  todo.cloud.release_adjust:
    environment: production
    namespace: todo-production
    service: "{{ item }}"
    all_releases: [backend-api, frontend]
  loop: "{{ rotation.restart }}"
"""

RETURN = r"""
state:
  description:
    - How far a rotation is. V(settled) when there is none, V(introduced) while sidecars learn the new root, V(switched)
      while they get certificates of the new issuer.
  returned: success
  type: str
  sample: introduced
lines:
  description: What was done, or would be.
  returned: success
  type: list
  elements: str
  sample:
    - "Dapr's certificates: 20 days; a new root comes beside the old one, and a new issuer is made"
restart:
  description: Releases of the environment to restart before the next step.
  returned: success
  type: list
  elements: str
  sample: [backend-api, frontend]
others:
  description: Pods with sidecars that are of no release of this environment, and have to be made again too.
  returned: success
  type: list
  elements: str
  sample: [backend-api-1 in namespace todo-staging]
failure:
  description: What it failed of.
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
  sample: {code: dapr_trust, message: "Secret dapr-trust-bundle has no issuer.key: …", details: {}}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DAPR, KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.releases.dapr_certificates import rotate

SPEC: dict[str, t.Any] = {
    **KUBE,
    **DAPR,
    "namespace": {"type": "str", "required": True},
    "all_releases": {"type": "list", "elements": "str", "required": True},
    "manage": {"type": "bool", "required": True},
    "below_days": {"type": "int", "default": 60},
    "timeout": {"type": "int", "default": 300},
    "lock_wait": {"type": "int", "default": 0},
    "lock_ttl": {"type": "int", "default": 15},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        report = rotate(kube, module.params, check=module.check_mode, progress=live_progress())
    finish(module, report)


if __name__ == "__main__":
    main()
