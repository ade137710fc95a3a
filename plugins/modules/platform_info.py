#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
short_description: Find what a cluster, an environment's namespace and the platform lack
version_added: 1.0.0
description:
  - Compares the cluster with what roles describe (namespaces, Secrets, CRDs, Helm releases, Dapr's injector), in
    parallel in one process. A role whose part lacks nothing can be skipped.
  - Secrets and CRDs are compared by a dry run of the server-side apply that would write them, and the injector by a dry
    run of a pod, if need be as the controller of ReplicaSets, which it serves. Nothing is stored, and no content of a
    Secret is returned.
  - Objects that cannot be read count as missing. The module fails only when the cluster is unreachable or a part is
    malformed.
options:
  parts:
    description:
      - What roles describe, in the order in which they run, as JSON (C(to_json)). It may contain secrets, and is never
        shown. If it were a list, Ansible would hide each of its strings in the result, too.
      - C(name) is the name of the part. All other keys are optional.
      - C(cluster) has C(minimum_version) and C(cluster_id), the oldest Kubernetes and the uid of C(kube-system).
      - C(namespaces) have C(name), C(labels), C(annotations), and with C(claims) (C(environment), C(hosts),
        C(platform), C(cluster_id)) what M(todo.cloud.environment_info) checks under that name.
      - C(secrets) have C(name), C(namespace), C(type), C(labels), C(values) (empty ones keep what the cluster has),
        C(generated) (keys that only have to exist), C(copies) (keys with C(namespace), C(name) and C(key) of another
        Secret), C(exclusive) (whether M(todo.cloud.environment_credentials) has to have recorded its credentials) and
        C(hint) (what to do about a missing value, for RV(empty_secrets)). With C(has) the Secret only has to hold these
        keys, whatever else is in it; with C(certificate_of) a certificate for these DNS names with 30 days left.
      - C(releases) have the options of M(todo.cloud.helm_release) that describe a release, C(platform) for the
        platform's lock, and C(crds), which has the CRDs of its chart compared. Its keys are texts that stand in them,
        its values what was applied instead.
      - C(kinds) are names of CRDs that have to be there.
      - C(objects) are whole objects that are applied as they are; each has to be as it would be applied, and Current.
        One with a name alone is somebody else's and only has to be Current.
      - C(workloads) have C(api_version), C(kind), C(namespace), C(label_selector) and C(minimum_version). One pod of
        each has to be ready.
      - C(topics) have C(wanted), topics as in M(todo.cloud.kafka_topic), and either C(broker_namespace) or its other
        options of a broker, with C(secret) (C(namespace), C(name), C(key)) where the password is if none is given. That
        they are there with their partitions is looked at where that can be seen.
      - C(logins) have C(name), C(kind), C(namespace), C(secret), C(key), C(tls), C(topics) and C(groups) of
        M(todo.cloud.login_check). The same login must have been tried, with the same Secret.
      - C(sidecars) has C(dapr_namespace) and the C(pod) that Dapr's injector has to give a sidecar.
    type: jsonarg
    required: true
seealso:
  - module: todo.cloud.environment_info
  - module: todo.cloud.helm_release
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Check the broker
  todo.cloud.platform_info:
    parts: "{{ parts | to_json }}"
  vars:
    parts:
      - name: kafka
        namespaces:
          - name: kafka
            labels: {todo.cloud/platform-of: staging}
        secrets:
          - {name: kafka-users, namespace: kafka, generated: [admin_password, app_password]}
        releases:
          - {name: kafka, namespace: kafka, chart: /srv/charts/kafka, platform: true}
  register: platform

- name: Deploy the broker
  ansible.builtin.include_role:
    name: todo.cloud.kafka
  when: "'kafka' not in platform.current"
"""

RETURN = r"""
parts:
  description: The parts in their order, with what each one lacks; an empty list means that it is as described.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the part.
      type: str
    missing:
      description: What is missing.
      type: list
      elements: str
    notes:
      description: What could not be looked at, and counts as there.
      type: list
      elements: str
  sample: [{name: kafka, missing: ["release kafka is outdated"], notes: []}]
current:
  description:
    - Names of the parts that lack nothing, up to the first one that lacks something, since later parts may depend on
      it.
  returned: success
  type: list
  elements: str
  sample: [kubernetes, namespace, dapr]
empty_secrets:
  description: A sentence for each Secret with keys that have a value neither in the inventory nor in the cluster.
  returned: success
  type: list
  elements: str
  sample: []
"""

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.releases.platform_info import CONTROLLER, platform_info

# As one text, which is hidden as a whole: words of it, such as the user "app", stand in names that are shown.
SPEC: dict[str, t.Any] = {**KUBE, "parts": {"type": "jsonarg", "required": True, "no_log": True}}
_ANSWER_SECONDS = 10.0  # a role says more about a cluster that does not answer


def _as_controller(kube: KubeSession, params: dict[str, t.Any]) -> t.Callable[[], KubeSession] | None:
    """Where the credentials act as somebody else already, that would be more rights than asked."""
    if "as" in kube.kubeconfig()["users"][0]["user"]:
        return None
    return lambda: KubeSession.from_params({**params, "impersonate_user": CONTROLLER})


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        version = kube.version(deadline=Deadline.after(_ANSWER_SECONDS))
        helm, parts = HelmCli(kube.kubeconfig), json.loads(module.params["parts"])
        result, warnings = platform_info(kube, helm, version, parts, _as_controller(kube, module.params))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, **result)
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
