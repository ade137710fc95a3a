#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: doks_cluster_info
short_description: Read Kubernetes clusters of DigitalOcean, and what a new one may have
version_added: 1.0.0
description:
  - Reads one cluster or all clusters of the account, without the tags that DigitalOcean adds by itself.
  - The token needs the scope C(kubernetes:read).
options:
  options:
    description:
      - Whether to return the versions, sizes and regions that a new cluster may have now, too.
    type: bool
    default: false
seealso:
  - module: todo.cloud.doks_kubeconfig
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.digitalocean_options
  - todo.cloud.digitalocean_options.cluster
  - todo.cloud.attributes.plain
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read the cluster
  todo.cloud.doks_cluster_info:
    name: todo
  register: found

- name: Cluster runs
  ansible.builtin.assert:
    that: found.clusters | map(attribute='state') | list == ['running']

- name: Read all clusters, and which versions there are
  todo.cloud.doks_cluster_info:
    options: true
"""

RETURN = r"""
clusters:
  description: The clusters; empty if there is none of that name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: DigitalOcean's id.
      type: str
    name:
      description: Name of the cluster.
      type: str
    region:
      description: Region.
      type: str
    version:
      description: Version of Kubernetes at DigitalOcean.
      type: str
    state:
      description: One of V(running), V(provisioning), V(degraded), V(error), V(deleted), V(upgrading), V(deleting).
      type: str
    message:
      description: What DigitalOcean says about the state; may be empty.
      type: str
    endpoint:
      description: Address of the API server; empty while the cluster is made.
      type: str
    ha:
      description: Whether the control plane is highly available.
      type: bool
    auto_upgrade:
      description: Whether patches are installed in the maintenance window.
      type: bool
    surge_upgrade:
      description: Whether new nodes come up before old ones go.
      type: bool
    maintenance:
      description: The maintenance window, C(day) and C(start_time) (UTC).
      type: dict
    control_plane_firewall:
      description: Who reaches the API server, C(enabled) and C(allowed_addresses).
      type: dict
    autoscaler:
      description: Settings of the cluster autoscaler; empty for DigitalOcean's own.
      type: dict
    vpc_uuid:
      description: The VPC.
      type: str
    cluster_subnet:
      description: Addresses of pods.
      type: str
    service_subnet:
      description: Addresses of services.
      type: str
    tags:
      description: Tags, without DigitalOcean's own.
      type: list
      elements: str
    node_pools:
      description: Node pools, each with its nodes and their states.
      type: list
      elements: dict
    created_at:
      description: When it was made.
      type: str
  sample:
    - id: bd5f5959-5e1e-4205-a714-a914373942af
      name: todo
      region: fra1
      version: 1.36.3-do.0
      state: running
      message: ""
      endpoint: https://bd5f5959-5e1e-4205-a714-a914373942af.k8s.ondigitalocean.com
      ha: false
      auto_upgrade: true
      surge_upgrade: true
      maintenance: {day: sunday, start_time: "03:00"}
      control_plane_firewall: {enabled: false, allowed_addresses: []}
      autoscaler: {}
      vpc_uuid: c33931f2-a26a-4e61-b85c-4e95a2ec431b
      cluster_subnet: 10.244.0.0/16
      service_subnet: 10.245.0.0/16
      tags: [todo]
      node_pools:
        - id: cdda885e-7663-40c8-bc74-3a036c66545d
          name: app
          size: s-2vcpu-4gb
          count: 2
          auto_scale: false
          min_nodes: 0
          max_nodes: 0
          labels: {}
          taints: []
          tags: []
          nodes: [{name: app-u8isp, state: running}, {name: app-u8isq, state: running}]
      created_at: "2026-11-30T01:00:00Z"
options:
  description: What a new cluster may have now.
  returned: success and O(options=true)
  type: dict
  contains:
    versions:
      description: Versions.
      type: list
      elements: str
    sizes:
      description: Sizes of nodes.
      type: list
      elements: str
    regions:
      description: Regions.
      type: list
      elements: str
  sample:
    versions: [1.36.3-do.0, 1.35.6-do.0]
    sizes: [s-2vcpu-4gb, s-4vcpu-8gb]
    regions: [fra1, nyc1]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DIGITALOCEAN, DOKS
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Client
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.clusters import find_cluster, shown, shown_options
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {**DIGITALOCEAN, **DOKS, "options": {"type": "bool", "default": False}}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    p = module.params
    with fail_json_on_error(module):
        cloud = DigitalOcean(Client(Access.from_params(p)))
        one = p["name"] or p["cluster_id"]
        found = [find_cluster(cloud, p["name"], p["cluster_id"])] if one else cloud.clusters()
        result: dict[str, t.Any] = {"clusters": [shown(each) for each in found if each]}
        if p["options"]:
            result["options"] = shown_options(cloud.options())
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
