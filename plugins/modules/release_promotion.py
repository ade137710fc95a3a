#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_promotion
short_description: Hand what was verified in one environment on to another one, by digest
version_added: 0.1.0
description:
  - With O(state=checked), before the deployment, chooses a verified release set of the environment O(source), checks
    that it may be promoted, and returns the waves for M(todo.cloud.release_apply) with the digests that were verified.
    Nothing is written.
  - Refused are a set that is not verified or was withdrawn, too young, too old, or of another commit than what is
    checked out; another chart or other components than the verified ones; an image that is not in the registry any
    more; a tag that was moved since; and a version that names another image already.
  - With O(state=proved), after the deployment, checks that the pods run the promoted digests, then gives these digests
    the tag that the target's own images name, so that the version names exactly what was tested. Where the credentials
    may not push, a warning says so.
options:
  state:
    description:
      - Which of the two steps.
    type: str
    choices: [checked, proved]
    default: checked
  source:
    description:
      - The environment whose verified set is promoted. Required with O(state=checked).
    type: dict
    suboptions:
      environment:
        description:
          - Its name.
        type: str
        required: true
      namespace:
        description:
          - Its namespace.
        type: str
        required: true
      kubeconfig:
        description:
          - Kubeconfig of its cluster. By default O(kubeconfig), and without O(source.context) all of the target's
            credentials.
        type: path
      context:
        description:
          - Context in that kubeconfig.
        type: str
  waves:
    description:
      - Releases of the target, as M(todo.cloud.release_apply) takes them. Required with O(state=checked).
    type: list
    elements: list
  commit:
    description:
      - Commit whose set is promoted, at least seven characters. By default the newest verified set.
    type: str
  expect_commit:
    description:
      - Commit that is checked out here. A set of another commit is refused.
    type: str
  min_age:
    description:
      - Seconds since its verification that a set must have.
    type: int
    default: 0
  max_age:
    description:
      - Seconds since its verification after which a set does not count any more. V(0) means that there is no limit.
    type: int
    default: 0
  may_differ:
    description:
      - Paths in the values of a release of Dapr components that may differ between the environments, for example
        V(configuration.tracing).
    type: list
    elements: str
    default: [environment]
  images:
    description:
      - What RV(images) was. Required with O(state=proved).
    type: list
    elements: dict
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.image_tag
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.environment
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: With O(state=proved) no tag is added.
  diff_mode:
    support: none
    details: What would be deployed is shown by M(todo.cloud.release_apply).
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: What staging has verified may go to production
  todo.cloud.release_promotion:
    environment: production
    namespace: todo-production
    source: {environment: staging, namespace: todo-staging}
    waves: "{{ waves }}"
    min_age: 3600
    registries:
      - {host: ghcr.io, pull_secret: registry}
  register: promotion

- name: Production runs it
  todo.cloud.release_apply:
    environment: production
    namespace: todo-production
    waves: "{{ promotion.waves }}"
    commit: "{{ promotion.set.commit }}"

- name: It is proved, and the version is a tag of it
  todo.cloud.release_promotion:
    state: proved
    environment: production
    namespace: todo-production
    images: "{{ promotion.images }}"
    registries:
      - {host: ghcr.io, username: todo-app, password: "{{ registry_push_password }}"}
"""

RETURN = r"""
set:
  description: The release set of the source.
  returned: with O(state=checked)
  type: dict
  sample: {id: 12, commit: 1f3c5a7, time: "2026-11-21T09:30:00Z"}
waves:
  description: O(waves) with images by digest.
  returned: with O(state=checked)
  type: list
  elements: list
  sample: []
images:
  description: The images that are promoted, the digests that pods may show for them, and whether the tag is there.
  returned: with O(state=checked)
  type: list
  elements: dict
  sample:
    - name: backend-api
      image: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      accepted: ["sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270"]
      tagged: false
proved:
  description: Images that the pods run.
  returned: with O(state=proved)
  type: list
  elements: str
  sample:
    - ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
tags:
  description: What became of the tags. V(added), V(there) (it was there already), V(denied), or V(not asked).
  returned: with O(state=proved)
  type: list
  elements: dict
  sample:
    - image: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      state: added
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import ENVIRONMENT, KUBE, REGISTRIES
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.releases.promotion import check_promotion, prove_promotion

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **REGISTRIES,
    "state": {"type": "str", "choices": ["checked", "proved"], "default": "checked"},
    "source": {
        "type": "dict",
        "options": {
            "environment": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "kubeconfig": {"type": "path"},
            "context": {"type": "str"},
        },
    },
    "waves": {"type": "list", "elements": "list"},
    "commit": {"type": "str"},
    "expect_commit": {"type": "str"},
    "min_age": {"type": "int", "default": 0},
    "max_age": {"type": "int", "default": 0},
    "may_differ": {"type": "list", "elements": "str", "default": ["environment"]},
    "images": {"type": "list", "elements": "dict"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_if=[("state", "checked", ["source", "waves"]), ("state", "proved", ["images"])],
    )
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        if module.params["state"] == "checked":
            module.exit_json(changed=False, **check_promotion(kube, module.params))
        result = prove_promotion(kube, module.params, check=module.check_mode)
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
