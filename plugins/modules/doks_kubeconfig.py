#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: doks_kubeconfig
short_description: Fetch the kubeconfig of a Kubernetes cluster of DigitalOcean, with a token that ends soon
version_added: 1.0.0
description:
  - Returns the kubeconfig, or merges it into a file (O(dest)) that only its owner can read.
  - It is an administrator's, whatever the scopes of the token of DigitalOcean, which needs C(kubernetes:access_cluster)
    and C(kubernetes:read). For deployments, let M(todo.cloud.account_kubeconfig) make one of an environment's account.
  - Without O(dest) it is in the result, so set C(no_log) for the task and for whatever shows the variable.
options:
  expiry_seconds:
    description:
      - Life of its token. DigitalOcean's own default would be seven days.
    type: int
    default: 3600
  context_name:
    description:
      - Name of the context. By default DigitalOcean's, C(do-REGION-NAME).
    type: str
  dest:
    description:
      - A file to merge it into. Other contexts in there stay, and so does the current one. A context of this name that
        was not written by this module is refused. Comments in the file are lost.
      - A file that is there is renewed once half of the token's life is over; until then nothing is changed.
    type: path
attributes:
  check_mode:
    support: full
    details: Without O(dest) it is fetched all the same, since nothing is changed by that.
  diff_mode:
    support: none
    details: It would show a token.
  idempotent:
    support: partial
    details: A token is renewed once half of its life is over.
seealso:
  - module: todo.cloud.account_kubeconfig
  - module: todo.cloud.doks_cluster_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.digitalocean_options
  - todo.cloud.digitalocean_options.cluster
  - todo.cloud.attributes.plain
"""

EXAMPLES = r"""
- name: Fetch the kubeconfig for this run
  todo.cloud.doks_kubeconfig:
    name: todo
  register: todo
  no_log: true

- name: Read the nodes
  kubernetes.core.k8s_info:
    kind: Node
    kubeconfig: "{{ todo.kubeconfig }}"
  no_log: true

- name: Keep a context in a file for a day of work
  todo.cloud.doks_kubeconfig:
    name: todo
    expiry_seconds: 28800
    dest: ~/.kube/config
"""

RETURN = r"""
kubeconfig:
  description: The kubeconfig, which has a secret.
  returned: success and O(dest) is not set
  type: dict
  sample: {apiVersion: v1, kind: Config, current-context: do-fra1-todo, clusters: [], users: [], contexts: []}
kubeconfig_path:
  description: The file.
  returned: success and O(dest) is set
  type: str
  sample: /home/ops/.kube/config
context:
  description: Name of the context.
  returned: success
  type: str
  sample: do-fra1-todo
expires:
  description: When its token ends, in UTC. Empty in check mode where it would be renewed.
  returned: success
  type: str
  sample: "2026-11-30T02:00:00+00:00"
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DIGITALOCEAN, DOKS
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.clusters import the_cluster
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.kubeconfig import fetch, keep
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **DIGITALOCEAN,
    **DOKS,
    "expiry_seconds": {"type": "int", "default": 3600},
    "context_name": {"type": "str"},
    "dest": {"type": "path"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_one_of=[("name", "cluster_id")])
    p = module.params
    with fail_json_on_error(module):
        cloud = DigitalOcean(Client(Access.from_params(p)))
        cluster = the_cluster(cloud, p["name"], p["cluster_id"])
        seconds, context = p["expiry_seconds"], p["context_name"] or ""
        if p["dest"]:
            found = keep(cloud, cluster, seconds, Path(p["dest"]), context, write=not module.check_mode)
        else:
            found = fetch(cloud, cluster, seconds, context)
    module.exit_json(**found.as_result())


if __name__ == "__main__":
    main()
