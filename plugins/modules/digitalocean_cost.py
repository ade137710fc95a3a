#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_cost
short_description: Say what a Kubernetes cluster of DigitalOcean costs a month
version_added: 0.3.0
description:
  - Adds up the nodes, by the prices in DigitalOcean's API, and what its API has no prices for, by a table with a date
    (RV(prices_as_of)). US dollars, without tax, traffic, snapshots and backups.
  - The token needs the scopes C(sizes:read) and C(regions:read).
options:
  node_pools:
    description:
      - The node pools, as in M(todo.cloud.doks_cluster). Where the number of nodes is scaled, as many count as there
        may be. Other keys are ignored.
    type: list
    elements: dict
    required: true
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

- name: Say it
  ansible.builtin.debug:
    msg: "${{ cost.monthly }} a month, {{ cost.credit_days }} days"
"""

RETURN = r"""
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
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import pools_of
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **DIGITALOCEAN,
    "node_pools": {"type": "list", "elements": "dict", "required": True},
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
        result = cost(bill(pools, beside, cloud.sizes()), p["budget"], p["credit"])
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
