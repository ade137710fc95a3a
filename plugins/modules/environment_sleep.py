#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module environment_sleep: its documentation and its main function."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_sleep
short_description: Put the services of an environment to sleep, or wake them
version_added: 1.0.0
description:
  - Takes all pods of an environment's services away, and brings them back, under the environment's lock and as one
    verified release set.
  - What was verified last is deployed with other values. Services have no pods and no autoscaler, CronJobs are
    suspended. Waking brings exactly the values from before. A service that was deployed meanwhile is awake already.
  - Only releases of the chart C(service) sleep. Others go on, and so do services with an autoscaler of their own.
  - If it fails, everything is taken back.
options:
  state:
    description:
      - V(asleep) or V(awake).
    type: str
    choices: [asleep, awake]
    required: true
seealso:
  - module: todo.cloud.release_adjust
  - module: todo.cloud.release_apply
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
    details: Says which services would be changed. Nothing is written.
  diff_mode:
    support: none
    details: The services are in the result.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Nothing runs at night
  todo.cloud.environment_sleep:
    environment: staging
    namespace: todo-staging
    state: asleep

- name: Everything is there in the morning
  todo.cloud.environment_sleep:
    environment: staging
    namespace: todo-staging
    state: awake
"""

RETURN = r"""
services:
  description: Services that were put to sleep or woken, or would be.
  returned: success
  type: list
  elements: str
  sample: [backend-api, frontend]
left:
  description: A line for each release that goes on as it is.
  returned: success
  type: list
  elements: str
  sample: ["components is of the chart 'dapr-components', which has no number of pods that is known here"]
set:
  description: The verified release set that the environment is at.
  returned: success
  type: int
  sample: 5
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
  sample: {code: crash_loop, message: "backend-api: …", details: {}}
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
from ansible_collections.todo.cloud.plugins.module_utils.releases.sleep import Sleep
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
    "state": {"type": "str", "choices": ["asleep", "awake"], "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        helm = HelmCli(kube.kubeconfig, module.params["helm_binary"])
        sleep = Sleep(Run(kube, helm, settings_from(module), live_progress(), "environment_sleep"))
        report = sleep.sleep() if module.params["state"] == "asleep" else sleep.wake()
    finish(module, report)


if __name__ == "__main__":
    main()
