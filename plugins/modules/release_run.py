#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module release_run: its documentation and its main function."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_run
short_description: Run one command with the image, variables and Secrets of a deployed service
version_added: 1.0.0
description:
  - Runs a command once, as a Job with what a service of the chart C(service) has at this moment. That is its image,
    environment variables, Secrets, volumes, pull Secrets, user, and its way to the database, the broker and the
    internet. It has no Dapr sidecar, and reaches no other services.
  - The Job is a Helm release of its own, written under the environment's lock, judged like any Job, and removed
    afterwards, whatever became of it. What a killed run left is removed by the next one.
  - Nothing of the service is changed, and nothing is recorded.
options:
  service:
    description: Name of the service, with hyphens or underscores.
    type: str
    required: true
  command:
    description: The command. A list of words, or a text with the quotes of a shell. It is not run by a shell.
    type: raw
    required: true
  chart:
    description: Folder of the chart C(service) of this collection.
    type: path
    required: true
  all_releases:
    description: Names of all releases of the environment. Others are refused with the nearest name.
    type: list
    elements: str
    required: true
seealso:
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
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
    details: Says what would be run. Nothing is written.
  diff_mode:
    support: none
    details: What a command does to data is not known.
  idempotent:
    support: none
    details: The command runs each time.
"""

EXAMPLES = r"""
- name: Create an administrator
  todo.cloud.release_run:
    environment: staging
    namespace: todo-staging
    service: backend-api
    command: [python, manage.py, createsuperuser, --noinput]
    chart: "{{ playbook_dir }}/../charts/service"
    all_releases: [backend-api, frontend]
"""

RETURN = r"""
service:
  description: Name of the service.
  returned: success, or failure of the command
  type: str
  sample: backend-api
command:
  description: The command, as words.
  returned: success, or failure of the command
  type: list
  elements: str
  sample: [python, manage.py, check]
image:
  description: The image that it ran, or would run.
  returned: success, or failure of the command
  type: str
  sample: ghcr.io/todo-app/backend-api:v1.0.0
output:
  description: Its last lines, 400 at most, without known secrets.
  returned: success, or failure of the command
  type: list
  elements: str
  sample: [System check identified no issues]
seconds:
  description: How long it took, its pod's start included.
  returned: success, or failure of the command
  type: float
  sample: 4.2
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
  sample: {code: job_failed, message: "backend-api: 'python manage.py check' failed: …", details: {}}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
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
from ansible_collections.todo.cloud.plugins.module_utils.releases.run import Command, words_of
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **CLUSTER,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "service": {"type": "str", "required": True},
    "command": {"type": "raw", "required": True},
    "chart": {"type": "path", "required": True},
    "all_releases": {"type": "list", "elements": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        params = module.params
        helm = HelmCli(kube.kubeconfig, params["helm_binary"])
        run = Run(kube, helm, settings_from(module), live_progress(), "release_run")
        words = words_of(params["command"])
        report = Command(run, params["service"], words, params["chart"], params["all_releases"]).run()
    finish(module, report)


if __name__ == "__main__":
    main()
