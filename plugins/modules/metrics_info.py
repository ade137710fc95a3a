#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: metrics_info
short_description: Ask Prometheus
version_added: 1.0.0
description:
  - Asks Prometheus several queries, for the present or for a time until now.
  - Prometheus is asked through the API server as a proxy to its Service, with the rights of the caller (C(get) of
    C(services/proxy) in its namespace), so it needs no address outside of the cluster; or at O(url).
options:
  namespace:
    description: Namespace of Prometheus' Service.
    type: str
    default: monitoring
  service:
    description: Name of the Service.
    type: str
    default: prometheus-operated
  port:
    description: Its port.
    type: int
    default: 9090
  url:
    description: URL of Prometheus, instead of the Service.
    type: str
    default: ""
  queries:
    description: Queries in PromQL, by names of your choice.
    type: dict
    required: true
  seconds:
    description: How far back. V(0) means the present only.
    type: int
    default: 0
  step:
    description: Seconds from point to point.
    type: int
    default: 60
  alerts:
    description: Whether to ask for active alerts as well.
    type: bool
    default: false
seealso:
  - module: todo.cloud.logs_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Ask for errors and latency of the last ten minutes
  todo.cloud.metrics_info:
    queries:
      errors: todo:errors:ratio{namespace="todo-staging"}
      latency: todo:latency:p95{namespace="todo-staging"}
    seconds: 600
    step: 30
  register: found

- name: Show the last latency of each service
  ansible.builtin.debug:
    msg: "{{ found.series.latency | map(attribute='points') | map('last') | map('last') }}"
"""

RETURN = r"""
series:
  description:
    - By the name of a query its series, each with C(labels) and C(points), pairs of time (seconds since the epoch) and
      number.
  returned: success
  type: dict
  sample: {errors: [{labels: {namespace: todo-staging, service: backend-api}, points: [[1764000000.0, 0.0]]}]}
alerts:
  description: What fires, or will when it has held long enough, of the whole Prometheus.
  returned: success, with O(alerts)
  type: list
  elements: dict
  contains:
    labels:
      description: Its labels; C(alertname) is its name.
      type: dict
    annotations:
      description: Its texts, such as C(summary).
      type: dict
    state:
      description: V(firing), or V(pending) while it has not held long enough.
      type: str
    since:
      description: Since when its condition holds, in seconds since the epoch.
      type: float
  sample:
    - labels: {alertname: ServiceErrors, severity: critical, namespace: todo-staging, service: backend-api}
      annotations: {summary: backend-api in todo-staging answers 12% of its requests with 5xx}
      state: firing
      since: 1764000000.0
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.observing.metrics import alerts_of, ask
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import source_of

SPEC: dict[str, t.Any] = {
    **KUBE,
    "namespace": {"type": "str", "default": "monitoring"},
    "service": {"type": "str", "default": "prometheus-operated"},
    "port": {"type": "int", "default": 9090},
    "url": {"type": "str", "default": ""},
    "queries": {"type": "dict", "required": True},
    "seconds": {"type": "int", "default": 0},
    "step": {"type": "int", "default": 60},
    "alerts": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    with fail_json_on_error(module), KubeSession.from_params(given) as kube:
        source = source_of(kube, "Prometheus", "monitoring_prometheus_url", given)
        found = ask(source, given["queries"], seconds=given["seconds"], step=given["step"], now=time.time())
        more = {"alerts": alerts_of(source)} if given["alerts"] else {}
    module.exit_json(changed=False, series=found, **more)


if __name__ == "__main__":
    main()
