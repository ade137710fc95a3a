#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_cost
short_description: Say what a Kubernetes cluster of DigitalOcean costs a month, and how small it may be
version_added: 1.0.0
description:
  - Adds up the nodes, by the prices in DigitalOcean's API, and what its API has no prices for, by a table with a date
    (RV(prices_as_of)). US dollars, without tax, traffic, snapshots and backups.
  - With O(needs) it says on which pool of nodes these pods fit for the least money. What nodes keep for themselves and
    for DigitalOcean's own pods is in no API. Memory is as DigitalOcean's documentation has it (limits, allocatable
    memory); cores, and what DigitalOcean's own pods request, are assumptions, rather too much than too little.
  - The token needs the scopes C(sizes:read) and C(regions:read), with O(needs) C(kubernetes:read) too.
options:
  node_pools:
    description:
      - The node pools, as in M(todo.cloud.doks_cluster). Where the number of nodes is scaled, as many count as there
        may be. Other keys are ignored. Without them the bill is that of the smallest pool for O(needs).
    type: list
    elements: dict
    default: []
  needs:
    description:
      - Pods that have to fit, such as RV(todo.cloud.service_info#module:needs) of each environment and those of the
        platform. C(playbooks/capacity.yml) brings them together.
    type: list
    elements: dict
    suboptions:
      name:
        description: What they are.
        type: str
        required: true
      pods:
        description: How many.
        type: int
        default: 1
      cpu:
        description: CPU that each requests.
        type: str
        default: "0"
      memory:
        description: Memory that each requests.
        type: str
        default: "0"
      every_node:
        description: There is one on each node; O(needs[].pods) does not count.
        type: bool
        default: false
  region:
    description:
      - Region that has to offer the size of RV(smallest). By default any.
    type: str
    default: ""
  least_nodes:
    description:
      - Fewest nodes of RV(smallest). With V(1) everything is away while that node is replaced.
    type: int
    default: 1
  ha:
    description:
      - Whether the control plane is highly available.
    type: bool
    default: false
  load_balancers:
    description:
      - Number of load balancers, of one node each.
    type: int
    default: 1
  volumes_gib:
    description:
      - GiB of all volumes together.
    type: int
    default: 0
  budget:
    description:
      - Most dollars a month. More is a failure.
    type: float
  credit:
    description:
      - Dollars that are there, to know how many days they last.
    type: float
seealso:
  - module: todo.cloud.doks_cluster
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.digitalocean_options
  - todo.cloud.attributes.plain
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: How long does the trial's credit last?
  todo.cloud.digitalocean_cost:
    node_pools:
      - {name: app, size: s-2vcpu-4gb, count: 2}
    load_balancers: 1
    volumes_gib: 12
    credit: 200
  register: cost

- name: How small may the cluster be?
  todo.cloud.digitalocean_cost:
    needs:
      - {name: api, pods: 2, cpu: 120m, memory: 192Mi}
      - {name: platform, pods: 9, cpu: 40m, memory: 64Mi}
  register: small

- name: Say it
  ansible.builtin.debug:
    msg: "${{ cost.monthly }} a month, {{ cost.credit_days }} days"
"""

RETURN = r"""
smallest:
  description: The cheapest pool with room for O(needs); of equals the one with fewer nodes.
  returned: success, O(needs) is set
  type: dict
  contains:
    size:
      description: Size of the nodes.
      type: str
    count:
      description: How many nodes.
      type: int
    monthly:
      description: Dollars a month, for the nodes alone.
      type: float
  sample: {size: s-2vcpu-4gb, count: 2, monthly: 48.0}
requested:
  description: What O(needs) and DigitalOcean's own pods request together; those on each node count once.
  returned: success, O(needs) is set
  type: dict
  contains:
    pods:
      description: How many pods.
      type: int
    cpu:
      description: CPU.
      type: str
    memory:
      description: Memory.
      type: str
  sample: {pods: 40, cpu: 2920m, memory: 5160Mi}
room:
  description: Whether O(needs) fit on O(node_pools), with as many nodes as there may be.
  returned: success, O(needs) and O(node_pools) are set
  type: bool
  sample: true
bill:
  description: Line by line.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: What it is.
      type: str
    monthly:
      description: Dollars a month, which DigitalOcean bills as 672 hours.
      type: float
    hourly:
      description: Dollars an hour.
      type: float
  sample: [{name: "pool app: 2 x s-2vcpu-4gb", monthly: 48.0, hourly: 0.07142}]
monthly:
  description: Dollars a month.
  returned: success
  type: float
  sample: 61.2
hourly:
  description: Dollars an hour.
  returned: success
  type: float
  sample: 0.09106
prices_as_of:
  description: Date of the prices that are not in DigitalOcean's API.
  returned: success
  type: str
  sample: "2026-11-28"
credit_days:
  description: For how many days O(credit) lasts, if nothing else is billed.
  returned: success, O(credit) is set, and it costs anything
  type: int
  sample: 91
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DIGITALOCEAN
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.cost import Beside, bill, cost
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.fit import have_room, needs_of, smallest, total
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import pools_of
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

NEED: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "pods": {"type": "int", "default": 1},
    "cpu": {"type": "str", "default": "0"},
    "memory": {"type": "str", "default": "0"},
    "every_node": {"type": "bool", "default": False},
}
SPEC: dict[str, t.Any] = {
    **DIGITALOCEAN,
    "node_pools": {"type": "list", "elements": "dict", "default": []},
    "needs": {"type": "list", "elements": "dict", "options": NEED},
    "region": {"type": "str", "default": ""},
    "least_nodes": {"type": "int", "default": 1},
    "ha": {"type": "bool", "default": False},
    "load_balancers": {"type": "int", "default": 1},
    "volumes_gib": {"type": "int", "default": 0},
    "budget": {"type": "float"},
    "credit": {"type": "float"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    p = module.params
    with fail_json_on_error(module):
        pools, beside = pools_of(p["node_pools"]), Beside(p["ha"], p["load_balancers"], p["volumes_gib"])
        cloud = DigitalOcean(Client(Access.from_params(p)))
        sizes = cloud.sizes()
        found: dict[str, t.Any] = {}
        needs = needs_of(p["needs"] or ())
        if p["needs"] is not None:
            allowed = [str(each["slug"]) for each in cloud.options().get("sizes") or ()]
            small = smallest(needs, sizes, allowed, p["region"], p["least_nodes"])
            found = {"smallest": small, "requested": total(needs)}
        items = bill(pools or pools_of([{"name": "smallest", **small}] if found else []), beside, sizes)
        if found and pools:
            found["room"] = have_room(needs, pools, sizes)
        result = cost(items, p["budget"], p["credit"])
    module.exit_json(changed=False, **found, **result)


if __name__ == "__main__":
    main()
