#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: doks_cluster
short_description: Keep a Kubernetes cluster of DigitalOcean as it is wanted
version_added: 1.0.0
description:
  - Makes a cluster, or brings the one of that name to what is wanted, and waits until it runs with all its nodes.
    Everything follows from what is there, so a run that was killed, or whose answers were lost, goes on with the next
    one and makes no second cluster.
  - A setting that is not given stays as it is. What cannot be changed (region, VPC, subnets, a lower version) is
    refused by name before anything is changed.
  - The token needs the scopes C(kubernetes:create), C(kubernetes:read), C(kubernetes:update), C(sizes:read) and
    C(regions:read), and to delete C(kubernetes:delete) and C(kubernetes:access_cluster). With C(account:read) a new
    cluster of more nodes than the account may have droplets is refused before it is made.
options:
  state:
    description:
      - Whether the cluster is there.
    type: str
    choices: [present, absent]
    default: present
  region:
    description:
      - Region, for example V(fra1). Needed to make a cluster.
    type: str
  version:
    description:
      - A minor version, V(1.36), which any of its patches satisfies, or one of DigitalOcean's, V(1.36.3-do.0).
        Needed to make a cluster.
      - A cluster that is behind goes there step by step, all patches of a minor version first, then one minor version
        at a time. One that DigitalOcean has brought to a newer patch stays there. A version that is no longer offered
        is no mistake while the cluster runs it.
    type: str
  vpc_uuid:
    description:
      - The VPC. By default the region's default VPC.
    type: str
  cluster_subnet:
    description:
      - Addresses of pods.
    type: str
  service_subnet:
    description:
      - Addresses of services.
    type: str
  node_pools:
    description:
      - The node pools. Needed to make a cluster.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name, by which a pool is known.
        type: str
        required: true
      size:
        description: Size of its nodes, for example V(s-2vcpu-4gb). See O(allow_replace).
        type: str
        required: true
      count:
        description: Number of nodes, unless O(node_pools[].auto_scale).
        type: int
      auto_scale:
        description: Whether the cluster autoscaler decides the number of nodes.
        type: bool
        default: false
      min_nodes:
        description: Least number of nodes, with O(node_pools[].auto_scale).
        type: int
      max_nodes:
        description: Most nodes, with O(node_pools[].auto_scale).
        type: int
      labels:
        description: Labels of its nodes. One that is taken away stays on nodes that are there, and a warning says so.
        type: dict
      taints:
        description: Taints of its nodes.
        type: list
        elements: dict
        suboptions:
          key:
            description: Key.
            type: str
            required: true
          value:
            description: Value.
            type: str
            default: ""
          effect:
            description: Effect.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
      tags:
        description: Tags of its droplets, beside DigitalOcean's own.
        type: list
        elements: str
  allow_replace:
    description:
      - Whether a pool with another size of nodes is replaced. A new pool is made, named C(POOL-SIZE) meanwhile, the old
        one's nodes are drained one by one and removed, and the new one gets the name. Both cost until then.
    type: bool
    default: false
  purge_node_pools:
    description:
      - Whether pools that O(node_pools) does not name are drained and removed. Otherwise a warning names them.
    type: bool
    default: false
  tags:
    description:
      - Tags, beside DigitalOcean's own.
    type: list
    elements: str
  ha:
    description:
      - Whether the control plane is highly available, which costs $40 a month and cannot be disabled again. It is
        always said to DigitalOcean, whose own default is true since 1.36.
    type: bool
    default: false
  auto_upgrade:
    description:
      - Whether DigitalOcean installs patches in the maintenance window.
    type: bool
  surge_upgrade:
    description:
      - Whether new nodes come up before old ones go.
    type: bool
  maintenance:
    description:
      - The maintenance window.
    type: dict
    suboptions:
      day:
        description: Day.
        type: str
        choices: [any, monday, tuesday, wednesday, thursday, friday, saturday, sunday]
        default: any
      start_time:
        description: When it begins, in UTC, in quotes, for example V("03:00").
        type: str
        required: true
  control_plane_firewall:
    description:
      - Who reaches the API server. CI has to be among them.
    type: dict
    suboptions:
      enabled:
        description: Whether only O(control_plane_firewall.allowed_addresses) do.
        type: bool
        required: true
      allowed_addresses:
        description: Addresses and networks.
        type: list
        elements: str
        default: []
  autoscaler:
    description:
      - Settings of the cluster autoscaler. One that is not given stays.
    type: dict
    suboptions:
      scale_down_utilization_threshold:
        description: A node below this share of use may go.
        type: float
      scale_down_unneeded_time:
        description: For how long it must have been, for example V(10m0s).
        type: str
      expanders:
        description: How the pool that grows is chosen.
        type: list
        elements: str
        choices: [random, priority, least_waste]
  budget:
    description:
      - Most dollars a month that nodes (as many as there may be) and a highly available control plane may cost, by
        DigitalOcean's prices. What would cost more is refused before anything is changed.
    type: float
  wait_timeout:
    description:
      - Seconds for each wait. A run whose time is over goes on with the next one.
    type: int
    default: 1800
  delete_environments:
    description:
      - Environments of this collection that may go with the cluster. It is not deleted while another one is in it.
    type: list
    elements: str
    default: []
  delete_unchecked:
    description:
      - Whether it is deleted also if its API server cannot be asked which environments are in it.
    type: bool
    default: false
  delete_associated:
    description:
      - What becomes of the load balancers, volumes and snapshots that the cluster has made, which cost until they are
        deleted. V(none) keeps them, V(all) deletes them, V(selective) deletes O(delete_selected). Needed if there are
        any.
    type: str
    choices: [none, selective, all]
  delete_selected:
    description:
      - Ids of what goes with the cluster.
    type: dict
    suboptions:
      load_balancers:
        description: Load balancers.
        type: list
        elements: str
      volumes:
        description: Volumes.
        type: list
        elements: str
      volume_snapshots:
        description: Snapshots.
        type: list
        elements: str
attributes:
  check_mode:
    support: full
    details: Of an upgrade it says where it leads, not each step. What would be deleted or left is listed.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - Tests run against a stand-in of the API that is compared with DigitalOcean's contract, not against DigitalOcean.
seealso:
  - module: todo.cloud.doks_cluster_info
  - module: todo.cloud.doks_kubeconfig
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.digitalocean_options
  - todo.cloud.digitalocean_options.cluster
  - todo.cloud.attributes.plain
"""

EXAMPLES = r"""
- name: Keep the cluster of both environments
  todo.cloud.doks_cluster:
    name: todo
    region: fra1
    version: "1.36"
    auto_upgrade: true
    surge_upgrade: true
    maintenance: {day: sunday, start_time: "03:00"}
    node_pools:
      - {name: app, size: s-2vcpu-4gb, count: 2}
    budget: 60

- name: Give the nodes more memory, one after the other
  todo.cloud.doks_cluster:
    name: todo
    node_pools:
      - {name: app, size: s-4vcpu-8gb, count: 2}
    allow_replace: true

- name: Delete it with everything that would go on costing
  todo.cloud.doks_cluster:
    name: todo
    state: absent
    delete_environments: [staging]
    delete_associated: all
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, one line each.
  returned: success
  type: list
  elements: str
  sample: ["pool app: count: 2 -> 3"]
cluster:
  description: >-
    The cluster as it is, as M(todo.cloud.doks_cluster_info) returns it. Empty where there is none, or in check mode
    where it would be made.
  returned: success
  type: dict
  sample: {id: bd5f5959-5e1e-4205-a714-a914373942af, name: todo, state: running, version: 1.36.3-do.0}
monthly_cost:
  description: >-
    Dollars a month for the nodes of O(node_pools), as many as there may be, and a highly available control plane. 0 if
    O(node_pools) is empty.
  returned: success and O(state=present)
  type: float
  sample: 48.0
associated:
  description: Load balancers, volumes and snapshots that the cluster had made.
  returned: success and O(state=absent)
  type: dict
  contains:
    load_balancers:
      description: Load balancers, each with C(id) and C(name).
      type: list
      elements: dict
    volumes:
      description: Volumes.
      type: list
      elements: dict
    volume_snapshots:
      description: Snapshots.
      type: list
      elements: dict
  sample:
    load_balancers: [{id: 4de7ac8b-495b-4884-9a69-1050c6793cd6, name: ingress}]
    volumes: []
    volume_snapshots: []
left:
  description: What of that stays and costs.
  returned: success and O(state=absent)
  type: dict
  contains:
    load_balancers:
      description: Load balancers, each with C(id) and C(name).
      type: list
      elements: dict
    volumes:
      description: Volumes.
      type: list
      elements: dict
    volume_snapshots:
      description: Snapshots.
      type: list
      elements: dict
  sample: {load_balancers: [], volumes: [], volume_snapshots: []}
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
    code: cluster_fixed
    message: "The cluster todo cannot be changed in this: region is fra1, not nyc1. Make another one."
    details: {fields: [region]}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DIGITALOCEAN, DOKS
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.converge import Converged, Converger
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.occupants import environments_in
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.removal import Removal, Removed, remove
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress

_NAMES: dict[str, t.Any] = {"type": "list", "elements": "str"}
_FLAG: dict[str, t.Any] = {"type": "bool", "default": False}
_DAYS = ["any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_KEY: dict[str, t.Any] = {"type": "str", "required": True}
_TAINT: dict[str, t.Any] = {
    "key": {**_KEY, "no_log": False},
    "value": {"type": "str", "default": ""},
    "effect": {**_KEY, "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
}
_POOL: dict[str, t.Any] = {
    "name": _KEY,
    "size": _KEY,
    "count": {"type": "int"},
    "auto_scale": _FLAG,
    "min_nodes": {"type": "int"},
    "max_nodes": {"type": "int"},
    "labels": {"type": "dict"},
    "taints": {"type": "list", "elements": "dict", "options": _TAINT},
    "tags": _NAMES,
}
SPEC: dict[str, t.Any] = {
    **DIGITALOCEAN,
    **DOKS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **{key: {"type": "str"} for key in ("region", "version", "vpc_uuid", "cluster_subnet", "service_subnet")},
    "node_pools": {"type": "list", "elements": "dict", "default": [], "options": _POOL},
    "allow_replace": _FLAG,
    "purge_node_pools": _FLAG,
    "tags": _NAMES,
    "ha": _FLAG,
    "auto_upgrade": {"type": "bool"},
    "surge_upgrade": {"type": "bool"},
    "maintenance": {
        "type": "dict",
        "options": {"day": {"type": "str", "choices": _DAYS, "default": "any"}, "start_time": _KEY},
    },
    "control_plane_firewall": {
        "type": "dict",
        "options": {"enabled": {"type": "bool", "required": True}, "allowed_addresses": {**_NAMES, "default": []}},
    },
    "autoscaler": {
        "type": "dict",
        "options": {
            "scale_down_utilization_threshold": {"type": "float"},
            "scale_down_unneeded_time": {"type": "str"},
            "expanders": {**_NAMES, "choices": ["random", "priority", "least_waste"]},
        },
    },
    "budget": {"type": "float"},
    "wait_timeout": {"type": "int", "default": 1800},
    "delete_environments": {**_NAMES, "default": []},
    "delete_unchecked": _FLAG,
    "delete_associated": {"type": "str", "choices": ["none", "selective", "all"]},
    "delete_selected": {
        "type": "dict",
        "options": {"load_balancers": _NAMES, "volumes": _NAMES, "volume_snapshots": _NAMES},
    },
}
_RULES: dict[str, t.Any] = {
    "required_one_of": [("name", "cluster_id")],
    "required_if": [("delete_associated", "selective", ("delete_selected",))],
}


def _run(p: dict[str, t.Any], write: bool) -> Converged | Removed:
    cloud = DigitalOcean(Client(Access.from_params(p), say=live_progress()))
    timeout, cluster_id = float(p["wait_timeout"]), p["cluster_id"] or ""
    if p["state"] == "present":
        return Converger(cloud, timeout, p["budget"], write=write).converge(Wanted.from_params(p), cluster_id)
    how = Removal(
        p["delete_environments"], p["delete_unchecked"], p["delete_associated"] or "", p["delete_selected"] or {}
    )
    return remove(
        cloud, p["name"] or "", cluster_id, how, lambda there: environments_in(cloud, there), timeout, write=write
    )


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, **_RULES)
    with fail_json_on_error(module):
        found = _run(module.params, write=not module.check_mode)
    finish(module, found)


if __name__ == "__main__":
    main()
