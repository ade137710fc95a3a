#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: Read from a registry what an image tag points to
version_added: 0.1.0
description:
  - Reads the digest, platforms, labels and creation time of a container image through the OCI distribution API.
    No container engine is needed, and no layer is downloaded.
  - Authenticates as the registry requires, with basic authentication or with a token.
options:
  image:
    description:
      - The image with a tag, a digest, or both; a digest takes precedence. The default registry is V(docker.io).
      - A missing tag does not mean V(latest).
    type: str
    required: true
  platform:
    description:
      - Platform whose labels and creation time are returned for a multi-platform image, for example V(linux/arm64).
      - By default V(linux/amd64), or the first platform when the image has none for that.
    type: str
seealso:
  - module: todo.cloud.image_tag
  - module: todo.cloud.release_apply
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.registry_options
  - todo.cloud.attributes.plain
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read what a tag points to
  todo.cloud.image_info:
    image: ghcr.io/todo-app/backend-api:v1.1.0
    username: todo-app
    password: "{{ registry_password }}"
  register: backend_api

- name: Show the image by digest
  ansible.builtin.debug:
    var: backend_api.image

- name: Use the cluster's pull credentials
  todo.cloud.image_info:
    image: ghcr.io/todo-app/frontend:v1.1.0
    pull_secret: "{{ secret.data['.dockerconfigjson'] }}"
  vars:
    secret: "{{ lookup('kubernetes.core.k8s', kind='Secret', namespace='todo-staging', resource_name='registry') }}"
"""

RETURN = r"""
image:
  description: The image with its tag, if one was given, and its digest.
  returned: success
  type: str
  sample: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
digest:
  description: Digest of the index, or of the manifest when there is no index.
  returned: success
  type: str
  sample: sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
media_type:
  description: Media type of the index or manifest.
  returned: success
  type: str
  sample: application/vnd.oci.image.index.v1+json
platforms:
  description: Platforms of the image, with the digests of their manifests.
  returned: success
  type: list
  elements: dict
  contains:
    platform:
      description: Operating system, architecture and variant.
      type: str
    digest:
      description: Digest of the platform's manifest.
      type: str
  sample:
    - platform: linux/amd64
      digest: sha256:0a9fd1c1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270c
labels:
  description: Labels of the image, such as C(org.opencontainers.image.revision).
  returned: success
  type: dict
  sample: {org.opencontainers.image.revision: 1f3c5a7}
created:
  description: Creation time from the image's configuration; empty when it has none.
  returned: success
  type: str
  sample: "2026-11-21T09:30:00Z"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import REGISTRY
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.registry.params import client_of, reference_of

SPEC: dict[str, t.Any] = {
    **REGISTRY,
    "image": {"type": "str", "required": True},
    "platform": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_by={"username": ["password"]})
    with fail_json_on_error(module):
        reference = reference_of(module.params)
        image = client_of(reference, module.params).image(reference, module.params["platform"] or "")
    module.exit_json(changed=False, **image.as_result())


if __name__ == "__main__":
    main()
