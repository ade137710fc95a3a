#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: image_changes
short_description: Tell which images have to be built for a commit
version_added: 1.0.0
description:
  - Tells which images have to be built for a commit, and which would be the same as the one that passed all checks
    last. Such an image needs only a further tag, see M(todo.cloud.image_tag).
  - An image stays as it is if a commit among those in O(log) has built the one that has the tag O(latest), and none of
    the files that it is built from changed since then. What cannot be told, for example since the registry does not
    answer, is to be built.
  - Reads only.
options:
  images:
    description:
      - The images that the commit needs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the service.
        type: str
        required: true
      image:
        description:
          - The image, with a tag that ends with the commit, for example V(sha-) and the commit. The tags of older
            commits begin in the same way.
        type: str
        required: true
      paths:
        description:
          - Files and folders of the repository that it is built from, the Dockerfile as well; V(.) is all of it.
          - Without any it is to be built.
        type: list
        elements: str
        default: []
  log:
    description:
      - What C(git -c core.quotePath=false log --first-parent -m --name-only --no-renames --format=%x09%H) prints.
      - Empty where there is no history; then everything is to be built.
    type: str
    default: ""
  latest:
    description:
      - The tag that moves to an image after it has passed all checks.
    type: str
    default: staging-latest
seealso:
  - module: todo.cloud.image_tag
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.registry_options
  - todo.cloud.attributes.plain
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read the last commits, and what they changed
  ansible.builtin.command:
    argv: [git, -c, core.quotePath=false, log, --first-parent, -m, --name-only, --no-renames, "--format=%x09%H"]
  register: commits
  changed_when: false

- name: Tell what has to be built
  todo.cloud.image_changes:
    images:
      - name: frontend
        image: "ghcr.io/todo-app/frontend:sha-{{ commit }}"
        paths: [frontend, Dockerfile]
    log: "{{ commits.stdout }}"
  register: images
"""

RETURN = r"""
build:
  description: Names of the services whose images have to be built.
  returned: success
  type: list
  elements: str
  sample: [backend-api]
same:
  description: The other ones, with the image that is there already, by digest.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service.
      type: str
    image:
      description: The image by digest.
      type: str
    tag:
      description: The tag that it lacks.
      type: str
  sample:
    - name: frontend
      image: ghcr.io/todo-app/frontend@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      tag: sha-1f3c5a7d9e0b2c4d6e8f1f3c5a7d9e0b2c4d6e8f
lines:
  description: A line for each image, with the reason; for people.
  returned: success
  type: list
  elements: str
  sample: ["backend-api: built, backend_api/tasks.py changed", "frontend: as commit 0123456789ab has built it"]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import REGISTRY
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line
from ansible_collections.todo.cloud.plugins.module_utils.registry.params import client_of
from ansible_collections.todo.cloud.plugins.module_utils.registry.unchanged import Judged, Wanted, commits_of, judge

_IMAGE = {
    "name": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "paths": {"type": "list", "elements": "str", "default": []},
}
SPEC: dict[str, t.Any] = {
    **REGISTRY,
    "images": {"type": "list", "elements": "dict", "required": True, "options": _IMAGE},
    "log": {"type": "str", "default": ""},
    "latest": {"type": "str", "default": "staging-latest"},
}


def _line(found: Judged) -> str:
    return one_line(f"{found.wanted.name}: {'' if found.image else 'built, '}{found.why}")


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_by={"username": ["password"]})
    params = module.params
    with fail_json_on_error(module):
        wanted = [Wanted.parse(each) for each in params["images"]]
        found = judge(wanted, commits_of(params["log"]), params["latest"], lambda image: client_of(image, params))
    module.exit_json(
        changed=False,
        build=[each.wanted.name for each in found if not each.image],
        same=[
            {"name": each.wanted.name, "image": str(each.image), "tag": each.wanted.image.tag}
            for each in found if each.image
        ],
        lines=[_line(each) for each in found],
    )  # fmt: skip


if __name__ == "__main__":
    main()
