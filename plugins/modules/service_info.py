#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Say what follows from the description of a service
version_added: 1.0.0
description:
  - Renders the charts of all described releases and says which connections their network policies allow, and with
    O(service) everything that follows from the description of that one.
  - No cluster is asked. Policies that are in the cluster besides are not seen.
options:
  waves:
    description:
      - The described releases, wave by wave, as O(todo.cloud.release_apply#module:waves).
    type: list
    elements: list
    required: true
  environment:
    description:
      - The release with the namespace's own objects, among them its network policies and its quota, in the form of the
        others. Without it they are left out.
    type: dict
    default: {}
  service:
    description: Name of the service to explain. Without it only the table is made.
    type: str
    default: ""
  sources:
    description: What the inventory says of the service, and where; see P(todo.cloud.service_sources#filter).
    type: list
    elements: dict
    default: []
  helm_binary:
    description: Helm's program.
    type: str
    default: helm
seealso:
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Explain the service backend-api
  todo.cloud.service_info:
    waves: "{{ releases_in_waves }}"
    service: backend-api
  register: explained

- name: Show it
  ansible.builtin.debug:
    msg: "{{ explained.lines }}"
"""

RETURN = r"""
lines:
  description: What follows from the service, for people. Also which releases could not be rendered.
  returned: success
  type: list
  elements: str
  sample: ["backend-api: wave 2 of 3, chart service"]
table:
  description: The allowed connections, for people.
  returned: success
  type: list
  elements: str
  sample: ["frontend -> backend-api : 8080"]
connections:
  description:
    - The same as data, sorted. V(anywhere) is any pod and any address, V(internet) all public addresses.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: The workload or place that connects.
      type: str
    target:
      description: The workload or place that is connected to.
      type: str
    ports:
      description: Ports of the target, such as V(8080), V(53/UDP) or V(any port).
      type: str
  sample:
    - {source: frontend, target: backend-api, ports: "8080"}
internet:
  description: Workloads that may connect to all public addresses, each with the ports.
  returned: success
  type: dict
  sample: {backend-api: "443"}
needs:
  description:
    - What the pods request, with their sidecars, as O(todo.cloud.digitalocean_cost#module:needs). Where an autoscaler
      counts, its minimum; besides, the surplus pods of the wave whose rollout needs most.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The workload, after its release where that has another name.
      type: str
    pods:
      description: How many pods.
      type: int
    cpu:
      description: CPU that each requests.
      type: str
    memory:
      description: Memory that each requests.
      type: str
    every_node:
      description: Whether there is one on each node.
      type: bool
  sample: [{name: backend-api, pods: 2, cpu: 120m, memory: 192Mi, every_node: false}]
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.service_info import service_info

SPEC: dict[str, t.Any] = {
    "waves": {"type": "list", "elements": "list", "required": True},
    "environment": {"type": "dict", "default": {}},
    "service": {"type": "str", "default": ""},
    "sources": {"type": "list", "elements": "dict", "default": []},
    "helm_binary": {"type": "str", "default": "helm"},
}


def main() -> None:
    module = module_of(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    with fail_json_on_error(module):
        helm = HelmCli(dict, given["helm_binary"])
        found = service_info(helm, given["waves"], given["environment"], given["service"], given["sources"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
