#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_credentials
short_description: Refuse credentials that another environment of the cluster has too
version_added: 1.0.0
description:
  - Compares what an environment's Secrets are about to hold with the other environments of the cluster, and fails when
    a credential is the same. Values are compared as a whole, and so are passwords within URLs and pull Secrets.
  - Each environment's namespace has digests of its credentials in the annotation C(todo.cloud/credentials), by
    HMAC-SHA-256 with the key of the Secret C(todo-cloud-credentials-key) in C(kube-system), which is made once. Whoever
    reads namespaces cannot try passwords without that key. No value is stored or shown.
  - Keys that say where and how (C(brokers), C(username), C(mechanism), C(ca.crt) and so on) and certificates do not
    count. Environments of different clusters are not compared.
  - Where the credentials of the run may not read the key, list the namespaces or write the annotation, it warns.
options:
  environment:
    description:
      - Name of the environment.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the environment. If it is not there yet, nothing is recorded.
    type: str
    required: true
  secrets:
    description:
      - What the Secrets are about to hold, as JSON (C(to_json)), in Base64 by Secret and key. It is never shown.
    type: jsonarg
    required: true
  shared:
    description:
      - Secrets, or C(secret/key), that other environments may have too, for example a token that only pulls images.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Digests say nothing to people.
  idempotent:
    support: full
seealso:
  - module: todo.cloud.environment_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
"""

EXAMPLES = r"""
- name: Refuse a credential that production has too
  todo.cloud.environment_credentials:
    environment: staging
    namespace: todo-staging
    secrets: "{{ {'database': {'url': database_url | b64encode}} | to_json }}"
    shared: [registry]
"""

RETURN = r"""
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
    code: invalid_input
    message: "Environment 'staging' shares credentials with another one: ..."
    details: {namespace: todo-staging, environment: staging}
"""

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import ENVIRONMENT, KUBE
from ansible_collections.todo.cloud.plugins.module_utils.environments.credentials import Wanted, compare
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    "secrets": {"type": "jsonarg", "required": True, "no_log": True},
    "shared": {"type": "list", "elements": "str", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    wanted = Wanted(
        params["environment"], params["namespace"], json.loads(params["secrets"]), frozenset(params["shared"])
    )
    with fail_json_on_error(module), KubeSession.from_params(params) as kube:
        done = compare(kube, wanted, check=module.check_mode)
    for warning in done.warnings:
        module.warn(warning)
    module.exit_json(changed=done.changed)
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
