#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_promotion
short_description: Promote a verified release set from one environment to another, by digest
version_added: 0.1.0
description:
  - With O(state=checked), before the deployment, chooses a verified release set of the environment O(source), checks
    that it may be promoted, and returns the waves for M(todo.cloud.release_apply) with the verified digests. Nothing is
    written.
  - Refused are a set that is not verified, was withdrawn, is too young, too old, or of another commit than the one
    checked out; charts or components other than the verified ones; an image that no longer exists in the registry; a
    tag that was moved since; and a version that already names another image.
  - With O(state=verified), after the deployment, checks that the pods run the promoted digests, then adds to these
    digests the tag that the target's images name, so that the version names exactly the tested image. A warning is
    given where the credentials may not push.
options:
  state:
    description:
      - Which of the two steps to perform.
      - V(proved) is the deprecated name of V(verified); it will be removed in version 2.0.0.
    type: str
    choices: [checked, verified, proved]
    default: checked
  source:
    description:
      - The environment whose verified set is promoted. Required with O(state=checked).
    type: dict
    suboptions:
      environment:
        description:
          - Name of the environment.
        type: str
        required: true
      namespace:
        description:
          - Namespace of the environment.
        type: str
        required: true
      kubeconfig:
        description:
          - Kubeconfig of its cluster. The default is O(kubeconfig), and without O(source.context) all credentials of
            the target are used.
        type: path
      context:
        description:
          - Context in that kubeconfig.
        type: str
      record_public_keys:
        description:
          - Public keys of the source. Once they are given, only a release set that one of them signed is promoted.
        type: list
        elements: str
        default: []
  waves:
    description:
      - Releases of the target, as in M(todo.cloud.release_apply). Required with O(state=checked).
    type: list
    elements: list
  commit:
    description:
      - Commit whose set is promoted, at least seven characters. The default is the newest verified set.
    type: str
  expect_commit:
    description:
      - Commit that is checked out. A set of another commit is refused.
    type: str
  min_age:
    description:
      - Minimum age of the verification in seconds.
    type: int
    default: 0
  max_age:
    description:
      - Maximum age of the verification in seconds. V(0) means no limit.
    type: int
    default: 0
  images:
    description:
      - The RV(images) of the first step. Required with O(state=verified).
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
  - todo.cloud.release_options.records
  - todo.cloud.release_options.may_differ
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: With O(state=verified) no tag is added.
  diff_mode:
    support: none
    details: M(todo.cloud.release_apply) shows what would be deployed.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Check what staging has verified
  todo.cloud.release_promotion:
    environment: production
    namespace: todo-production
    source: {environment: staging, namespace: todo-staging}
    waves: "{{ waves }}"
    min_age: 3600
    registries:
      - {host: ghcr.io, pull_secret: registry}
  register: promotion

- name: Deploy it to production
  todo.cloud.release_apply:
    environment: production
    namespace: todo-production
    waves: "{{ promotion.waves }}"
    commit: "{{ promotion.set.commit }}"

- name: Verify the digests and add the version as a tag
  todo.cloud.release_promotion:
    state: verified
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
  contains:
    id:
      description: Number of the set.
      type: int
    commit:
      description: Commit of the set; may be empty.
      type: str
    time:
      description: Time of its verification.
      type: str
  sample: {id: 12, commit: 1f3c5a7, time: "2026-11-21T09:30:00Z"}
replaces:
  description: The target's newest verified set, which the promotion would replace.
  returned: with O(state=checked)
  type: dict
  contains:
    id:
      description: Number of the set, 0 for none.
      type: int
    commit:
      description: Commit of the set; may be empty.
      type: str
    changed:
      description: Releases that would run another image.
      type: list
      elements: str
  sample: {id: 7, commit: 0d1c2b3, changed: [backend-api]}
waves:
  description: O(waves) with images by digest.
  returned: with O(state=checked)
  type: list
  elements: list
  sample: []
images:
  description: The promoted images, the digests that pods may report for them, and whether the tag exists already.
  returned: with O(state=checked)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    image:
      description: The image by tag and digest.
      type: str
    accepted:
      description: Digests that pods may report for it.
      type: list
      elements: str
    tagged:
      description: Whether the tag exists already.
      type: bool
  sample:
    - name: backend-api
      image: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      accepted: ["sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270"]
      tagged: false
verified:
  description: Images that the pods run.
  returned: with O(state=verified)
  type: list
  elements: str
  sample:
    - ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
proved:
  description: Deprecated name of RV(verified); it will be removed in version 2.0.0.
  returned: with O(state=verified)
  type: list
  elements: str
  sample:
    - ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
tags:
  description: The result for each tag.
  returned: with O(state=verified)
  type: list
  elements: dict
  contains:
    image:
      description: The image by tag and digest.
      type: str
    state:
      description: The result; V(there) means that the tag existed already.
      type: str
      choices: [added, there, denied, not_asked]
  sample:
    - image: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      state: added
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ENVIRONMENT,
    KUBE,
    MAY_DIFFER,
    RECORD_KEYS,
    REGISTRIES,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.promotion import check_promotion, verify_promotion

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **REGISTRIES,
    "state": {"type": "str", "choices": ["checked", "verified", "proved"], "default": "checked"},
    "source": {
        "type": "dict",
        "options": {
            "environment": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "kubeconfig": {"type": "path"},
            "context": {"type": "str"},
            "record_public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
    },
    "waves": {"type": "list", "elements": "list"},
    "commit": {"type": "str"},
    "expect_commit": {"type": "str"},
    "min_age": {"type": "int", "default": 0},
    "max_age": {"type": "int", "default": 0},
    **MAY_DIFFER,
    "images": {"type": "list", "elements": "dict"},
}


def main() -> None:
    module = module_of(
        SPEC,
        supports_check_mode=True,
        required_if=[
            ("state", "checked", ["source", "waves"]),
            ("state", "verified", ["images"]),
            ("state", "proved", ["images"]),
        ],
    )
    if module.params["state"] == "proved":
        module.deprecate("state=proved is now called state=verified.", version="2.0.0", collection_name="todo.cloud")
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        if module.params["state"] == "checked":
            result = {"changed": False, **check_promotion(kube, module.params)}
        else:
            result = verify_promotion(kube, module.params, check=module.check_mode)
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
