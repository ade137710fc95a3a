#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module release_adjust: its documentation and its main function."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_adjust
short_description: Restart a service, or change how many pods it has
version_added: 1.0.0
description:
  - Restarts the pods of one service, or changes their number, under the environment's lock. The service is verified
    afterwards, with its sidecars.
  - A restart replaces the pods as an update does. It is no drift, and the verified release set stays as it is.
  - Another number of pods is deployed as a new revision of what was verified last, so nothing else changes. It is
    recorded as a release set, and is no drift. The next deployment of the inventory sets the inventory's number again,
    and its plan says so.
options:
  service:
    description: Name of the service, with hyphens or underscores.
    type: str
    required: true
  replicas:
    description:
      - How many pods it has from now on, 0 to 100. Without it the pods are restarted.
      - Refused for a service with an autoscaler, and for charts other than C(service).
    type: int
  all_releases:
    description: Names of all releases of the environment. Others are refused with the nearest name.
    type: list
    elements: str
    required: true
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_rollback
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.announce
  - todo.cloud.release_options.cluster
  - todo.cloud.release_options.helm
  - todo.cloud.release_options.dapr
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  action_group:
    membership:
      - todo.cloud.k8s
      - todo.cloud.releases
  check_mode:
    support: full
    details: Says what would be restarted or scaled. Nothing is written.
  diff_mode:
    support: none
    details: Both numbers of pods are in the result.
  idempotent:
    support: partial
    details:
      - With O(replicas) a second run changes nothing. A restart restarts each time.
"""

EXAMPLES = r"""
- name: Restart the backend
  todo.cloud.release_adjust:
    environment: staging
    namespace: todo-staging
    service: backend-api
    all_releases: [backend-api, frontend]

- name: Four pods of the backend
  todo.cloud.release_adjust:
    environment: staging
    namespace: todo-staging
    service: backend-api
    replicas: 4
    all_releases: [backend-api, frontend]
"""

RETURN = r"""
service:
  description: Name of the service.
  returned: success
  type: str
  sample: backend-api
workloads:
  description: What was restarted or scaled, or would be.
  returned: success
  type: list
  elements: str
  sample: [backend-api]
replicas:
  description: How many pods it had, and has.
  returned: with O(replicas)
  type: dict
  contains:
    before:
      description: The number that was verified last.
      type: int
    after:
      description: The number that was asked for.
      type: int
  sample: {before: 2, after: 4}
set:
  description: The verified release set that the environment is at, 0 without one.
  returned: success
  type: int
  sample: 4
notes:
  description: What should be known.
  returned: success
  type: list
  elements: str
  sample:
    - "backend-api: 4 pods until the next deployment of the inventory; to keep them, set `scale: 4` in its entry."
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
  sample: {code: crash_loop, message: "After the restart: …", details: {}}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ANNOUNCE,
    CLUSTER,
    DAPR,
    ENVIRONMENT,
    HELM,
    KUBE,
    RECORD_KEYS,
    REGISTRIES,
    WAIT,
)
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.releases.adjust import Adjustment
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **ANNOUNCE,
    **CLUSTER,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "service": {"type": "str", "required": True},
    "replicas": {"type": "int"},
    "all_releases": {"type": "list", "elements": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        params = module.params
        helm = HelmCli(kube.kubeconfig, params["helm_binary"])
        run = Run(kube, helm, settings_from(module), live_progress(), "release_adjust")
        adjustment, replicas = Adjustment(run, params["service"], params["all_releases"]), params["replicas"]
        report = adjustment.restart() if replicas is None else adjustment.scale(replicas)
    finish(module, report)


if __name__ == "__main__":
    main()
