#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_release_info
short_description: Read the Helm releases of a namespace
version_added: 0.1.0
description:
  - Reads Helm's stored releases directly; the Helm program is not needed. Returns releases in all states, also those
    that are stuck.
  - Values are not returned.
options:
  name:
    description:
      - Name of one release. Without it, all releases of the namespace.
    type: str
  namespace:
    description:
      - Namespace of the releases.
    type: str
    required: true
seealso:
  - module: todo.cloud.helm_release
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read the releases of staging
  todo.cloud.helm_release_info:
    namespace: todo-staging
  register: staging

- name: Check that no release is stuck
  ansible.builtin.assert:
    that: staging.releases | selectattr('status', 'match', 'pending') | length == 0
"""

RETURN = r"""
releases:
  description: The releases, sorted by name; empty when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    namespace:
      description: Namespace of the release.
      type: str
    revision:
      description: Newest revision.
      type: int
    status:
      description: Helm's status of it, or V(corrupt) when it cannot be read.
      type: str
    labels:
      description: Labels of the revision.
      type: dict
    input_digest:
      description: Digest of its inputs, empty when it is not known.
      type: str
    history:
      description: Revision and status of all stored revisions.
      type: list
      elements: dict
    description:
      description: Helm's description of the revision, or the error.
      type: str
    by_hand:
      description: Whether the newest revision was not made by this collection.
      returned: when the revision can be read
      type: bool
    chart:
      description: Name of the chart.
      returned: when the revision can be read
      type: str
    chart_version:
      description: Version of the chart.
      returned: when the revision can be read
      type: str
    app_version:
      description: App version of the chart.
      returned: when the revision can be read
      type: str
  sample:
    - name: backend-api
      namespace: todo-staging
      revision: 4
      status: deployed
      by_hand: false
      chart: service
      chart_version: 0.1.0
      app_version: ""
      description: Applied by todo.cloud
      input_digest: 1f0c2d5c7a4f6d9ab1c4be77f5d2f3a1b0c9d8e7
      labels: {todo.cloud/environment: staging}
      history: [{revision: 3, status: superseded}, {revision: 4, status: deployed}]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.releases.info import releases_info

SPEC: dict[str, t.Any] = {
    **KUBE,
    "name": {"type": "str"},
    "namespace": {"type": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        found = releases_info(kube, module.params["namespace"], module.params["name"] or "")
    module.exit_json(changed=False, releases=found)


if __name__ == "__main__":
    main()
