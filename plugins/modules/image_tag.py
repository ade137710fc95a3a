#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: image_tag
short_description: Add a tag to an image in a registry
version_added: 0.1.0
description:
  - Pushes the manifest of a digest under a further tag of the same repository. Only the manifest is downloaded and
    nothing is built, so the tag points to exactly the same image.
  - A tag that points to another image is never moved; the module fails instead.
options:
  image:
    description:
      - The image by digest. A tag beside the digest is ignored.
    type: str
    required: true
  tag:
    description:
      - The tag to add, for example a semantic version.
    type: str
    required: true
seealso:
  - module: todo.cloud.image_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.registry_options
  - todo.cloud.attributes.plain
attributes:
  check_mode:
    support: full
    details: The registry is read; whether the credentials may push is not tested.
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Tag the tested image as v1.1.0
  todo.cloud.image_tag:
    image: ghcr.io/todo-app/backend-api@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
    tag: v1.1.0
    username: todo-app
    password: "{{ registry_password }}"
"""

RETURN = r"""
image:
  description: The image with the tag and its digest.
  returned: success
  type: str
  sample: ghcr.io/todo-app/backend-api:v1.1.0@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import REGISTRY
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.registry.params import client_of, reference_of
from ansible_collections.todo.cloud.plugins.module_utils.registry.tagging import tag_image

SPEC: dict[str, t.Any] = {
    **REGISTRY,
    "image": {"type": "str", "required": True},
    "tag": {"type": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_by={"username": ["password"]})
    with fail_json_on_error(module):
        reference = reference_of(module.params)
        client = client_of(reference, module.params)
        tagged, was = tag_image(client, reference, module.params["tag"], check=module.check_mode)
    diff = {"before": f"{was}\n" if was else "", "after": f"{tagged}\n"}
    module.exit_json(changed=not was, image=str(tagged), diff=diff)


if __name__ == "__main__":
    main()
