#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: logs_info
short_description: Ask VictoriaLogs for lines of logs
version_added: 1.0.0
description:
  - Reads the last lines that pods of a namespace wrote, also those of pods that are gone.
  - VictoriaLogs is asked through the API server as a proxy to its Service, with the rights of the caller (C(get) of
    C(services/proxy) in its namespace), so it needs no address outside of the cluster; or at O(url).
  - Credentials in the lines are masked.
options:
  namespace:
    description: Namespace of VictoriaLogs' Service.
    type: str
    default: monitoring
  service:
    description: Name of the Service.
    type: str
    default: victoria-logs
  port:
    description: Its port.
    type: int
    default: 9428
  url:
    description: URL of VictoriaLogs, instead of the Service.
    type: str
    default: ""
  of_namespace:
    description: Namespace of the pods.
    type: str
    required: true
  with_namespaces:
    description: More namespaces of pods, such as that of the ingress controller.
    type: list
    elements: str
    default: []
  of_service:
    description: Service whose pods are meant, by their label C(app.kubernetes.io/instance). Without it all pods.
    type: str
    default: ""
  services:
    description:
      - What is known of the services, as the inventory's variable C(services_observed), for pods with other labels.
    type: dict
    default: {}
  pod:
    description: Name of one pod.
    type: str
    default: ""
  since:
    description: How far back, a number with V(s), V(m), V(h), V(d) or V(w).
    type: str
    default: 10m
  level:
    description: Only lines of this level; V(error) takes fatal and critical ones with it.
    type: str
    default: ""
  text:
    description: Only lines with these words, in any case of letters.
    type: str
    default: ""
  trace_id:
    description: Only lines of this trace, by its id of 32 hexadecimal digits.
    type: str
    default: ""
  limit:
    description: How many lines at most, the last ones.
    type: int
    default: 200
seealso:
  - module: todo.cloud.metrics_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read the errors of the last ten minutes
  todo.cloud.logs_info:
    of_namespace: todo-staging
    of_service: backend-api
    level: error
  register: found

- name: Show them
  ansible.builtin.debug:
    msg: "{{ found.output | map(attribute='message') }}"
"""

RETURN = r"""
output:
  description: The lines, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When it was written.
      type: str
    pod:
      description: Name of the pod.
      type: str
    container:
      description: Name of the container.
      type: str
    level:
      description: As the line says it; empty where it does not.
      type: str
    trace_id:
      description: As the line says it; empty where it does not.
      type: str
    message:
      description: The message.
      type: str
  sample:
    - time: "2026-11-21T09:30:00.1Z"
      pod: backend-api-67792b6f-2
      container: app
      level: error
      trace_id: 4bf92f3577b34da6a3ce929d0e0e4736
      message: no connection to the database
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.observing.logs import lines, wanted_of
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import source_of

SPEC: dict[str, t.Any] = {
    **KUBE,
    "namespace": {"type": "str", "default": "monitoring"},
    "service": {"type": "str", "default": "victoria-logs"},
    "port": {"type": "int", "default": 9428},
    "url": {"type": "str", "default": ""},
    "of_namespace": {"type": "str", "required": True},
    "with_namespaces": {"type": "list", "elements": "str", "default": []},
    "of_service": {"type": "str", "default": ""},
    "services": {"type": "dict", "default": {}},
    "pod": {"type": "str", "default": ""},
    "since": {"type": "str", "default": "10m"},
    "level": {"type": "str", "default": ""},
    "text": {"type": "str", "default": ""},
    "trace_id": {"type": "str", "default": ""},
    "limit": {"type": "int", "default": 200},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    with fail_json_on_error(module), KubeSession.from_params(given) as kube:
        found = lines(source_of(kube, "VictoriaLogs", "monitoring_logs_url", given), wanted_of(given))
    module.exit_json(changed=False, output=found)


if __name__ == "__main__":
    main()
