#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: image_cleanup
short_description: Delete old images from registries, and none that an environment names
version_added: 0.1.0
description:
  - Keeps the newest images of each repository, those with certain tags, young ones, and every image that a release set
    of an environment names, or that one of its pods runs where the credentials may list them; an index stays with its
    platforms, and a signature with its image. The others are deleted, with their tags and signatures.
  - Fails before it deletes anything when the release sets of one of the environments cannot all be read.
  - Registries delete through the OCI distribution API, which lists tagged images only, and has to be allowed there. For
    C(ghcr.io) GitHub's API of packages is used instead, which also knows what has no tag; the password of its registry
    must be a token that may delete packages.
options:
  images:
    description:
      - The repositories, each with its registry.
    type: list
    elements: str
    required: true
  others:
    description:
      - Further environments that take images from these repositories. Name all of them.
    type: list
    elements: dict
    default: []
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
          - Kubeconfig of its cluster. The default is O(kubeconfig), and without O(others[].context) the same
            credentials.
        type: path
      context:
        description:
          - Context in that kubeconfig.
        type: str
      record_public_keys:
        description:
          - Public keys of that environment. Once they are given, an unsigned release set stops the run.
        type: list
        elements: str
        default: []
  newest:
    description:
      - How many of the newest tagged images of each repository are kept.
    type: int
    default: 20
  tags:
    description:
      - Tags that are kept, with V(*) and V(?).
    type: list
    elements: str
    default: [v*.*.*, latest, '*-latest']
  min_age_days:
    description:
      - What is younger is kept, and so is what does not say how old it is.
    type: int
    default: 7
  packages_api:
    description:
      - GitHub's API, for C(ghcr.io) where that has no other endpoint.
    type: str
    default: https://api.github.com
seealso:
  - module: todo.cloud.image_tag
  - module: todo.cloud.image_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Whether the credentials may delete is not tested.
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Old images go
  todo.cloud.image_cleanup:
    environment: production
    namespace: todo-production
    others:
      - {environment: staging, namespace: todo-staging}
    images:
      - ghcr.io/todo-app/backend-api
      - ghcr.io/todo-app/frontend
    registries:
      - {host: ghcr.io, username: todo-app, password: "{{ token_that_deletes }}"}
"""

RETURN = r"""
deleted:
  description: Images that were deleted, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    image:
      description: The image by digest.
      type: str
    tags:
      description: Its tags.
      type: list
      elements: str
    created:
      description: When it was made; empty if nobody says.
      type: str
  sample:
    - image: ghcr.io/todo-app/backend-api@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      tags: [sha-1f3c5a7]
      created: "2026-09-21T09:30:00Z"
kept:
  description: How many versions each repository keeps, signatures among them.
  returned: success
  type: dict
  sample: {ghcr.io/todo-app/backend-api: 23}
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import ENVIRONMENT, KUBE, RECORD_KEYS, REGISTRIES
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_cleanup import clean_up

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **REGISTRIES,
    "images": {"type": "list", "elements": "str", "required": True},
    "others": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "environment": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "kubeconfig": {"type": "path"},
            "context": {"type": "str"},
            "record_public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
    },
    "newest": {"type": "int", "default": 20},
    "tags": {"type": "list", "elements": "str", "default": ["v*.*.*", "latest", "*-latest"]},
    "min_age_days": {"type": "int", "default": 7},
    "packages_api": {"type": "str", "default": "https://api.github.com"},
}


def main() -> None:
    module = module_of(SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        result = clean_up(kube, module.params, check=module.check_mode)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
