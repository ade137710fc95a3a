#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: account_kubeconfig
short_description: Write a kubeconfig with a short-lived token of a service account
version_added: 1.0.0
description:
  - Asks the API server for a token of a service account (TokenRequest), and writes a kubeconfig with it that only its
    owner can read. The token is in that file alone, neither in the result nor in a log.
  - A file that is there is renewed once half of its token's life is over; until then nothing is changed. An account
    that may create its own C(serviceaccounts/token) renews itself.
  - The address and the CA of the cluster are those of the credentials in use.
options:
  namespace:
    description: Namespace of the account.
    type: str
    required: true
  account:
    description: Name of the service account.
    type: str
    default: deployer
  path:
    description: The file. One that is something else than a kubeconfig of this account is never overwritten.
    type: path
    required: true
  seconds:
    description: Life of the token. The API server may give less, of which the module warns.
    type: int
    default: 604800
  context_name:
    description: Name of the context in the file, which an inventory may refer to.
    type: str
    default: todo-cloud
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It would show a token.
  idempotent:
    support: partial
    details: A token is renewed once half of its life is over.
seealso:
  - module: kubernetes.core.kubeconfig
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
"""

EXAMPLES = r"""
- name: CI has the credentials of staging's deployer
  todo.cloud.account_kubeconfig:
    namespace: todo-staging
    account: deployer
    path: ./staging-deployer.kubeconfig
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: ./staging-deployer.kubeconfig
user:
  description: As whom its token acts.
  returned: success
  type: str
  sample: "system:serviceaccount:todo-staging:deployer"
expires:
  description: When its token ends, in UTC. Empty in check mode where it would be renewed.
  returned: success
  type: str
  sample: "2026-12-06T01:30:00+00:00"
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
    code: not_found
    message: "There is no account deployer in namespace todo-staging. ..."
    details: {namespace: todo-staging}
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.environments.account import SHORTEST_SECONDS, Account, issue
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    "namespace": {"type": "str", "required": True},
    "account": {"type": "str", "default": "deployer"},
    "path": {"type": "path", "required": True},
    "seconds": {"type": "int", "default": 604800},
    "context_name": {"type": "str", "default": "todo-cloud"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    p = module.params
    if p["seconds"] < SHORTEST_SECONDS:
        module.fail_json(msg=f"seconds is {p['seconds']}: tokens live for {SHORTEST_SECONDS} s at least.")
    account = Account(p["namespace"], p["account"], Path(p["path"]), p["seconds"], p["context_name"])
    with fail_json_on_error(module), KubeSession.from_params(p) as kube:
        issued = issue(kube, kube.kubeconfig()["clusters"][0]["cluster"], account, dry_run=module.check_mode)
    for warning in issued.warnings:
        module.warn(warning)
    module.exit_json(**issued.as_result())


if __name__ == "__main__":
    main()
