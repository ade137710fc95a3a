#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_compare
short_description: Compare an inventory with a release set that was published
version_added: 1.0.0
description:
  - Tells what the deployment of an inventory would change of a release set that an environment has recorded and
    somebody has published, for example as an artefact of a CI job. No cluster is asked, and no credential is needed.
  - Images are left out, since a promotion decides them; so are migrations, which run for new images, and values that
    were recorded as secret. What only the cluster knows cannot be told, such as drift, quota and rights.
options:
  record:
    description:
      - The ConfigMap of the release set, as JSON; C(playbooks/status.yml) writes it.
    type: str
    required: true
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
  waves:
    description:
      - The described releases, wave by wave, as O(todo.cloud.release_apply#module:waves).
    type: list
    elements: list
    required: true
  all_releases:
    description:
      - Names of all releases of the inventory; those in O(waves) alone are compared.
    type: list
    elements: str
    default: []
  record_public_keys:
    description:
      - Public keys of the environment. Once they are given, only a release set that one of them signed counts.
    type: list
    elements: str
    default: []
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_set_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.attributes.plain
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Compare production's inventory with what it has published
  todo.cloud.release_compare:
    record: "{{ lookup('ansible.builtin.file', 'record.json') }}"
    environment: production
    namespace: todo-production
    waves: "{{ releases_in_waves }}"
    all_releases: "{{ releases_known }}"
    record_public_keys: ["{{ lookup('ansible.builtin.file', 'production.pub') }}"]
  register: compared

- name: Show it
  ansible.builtin.debug:
    msg: "{{ compared.table + compared.notes }}"
"""

RETURN = r"""
set:
  description: The release set, and whether one of O(record_public_keys) signed it.
  returned: success
  type: dict
  contains:
    id:
      description: Its number.
      type: int
    commit:
      description: Its commit; may be empty.
      type: str
    time:
      description: When it was verified.
      type: str
    signed:
      description: Whether its signature was checked.
      type: bool
  sample: {id: 4, commit: 1f2e3d4, time: "2026-11-21T09:30:00Z", signed: true}
plan:
  description: Each release, as in the plan of M(todo.cloud.release_apply).
  returned: success
  type: list
  elements: dict
  sample:
    - name: backend-api
      kind: change
      why: replicas 2 -> 3
      revisions: 4 -> 5
      state: outdated
      action: upgrade
      revision: 4
      changes: [replicas 2 -> 3]
table:
  description: The plan as lines of text.
  returned: success
  type: list
  elements: str
  sample: ["release      plan    revision  why", "backend-api  change  4 -> 5    replicas 2 -> 3", "1 to change"]
notes:
  description: What is left out, and what should be known; for people.
  returned: success
  type: list
  elements: str
  sample: ["Images are left out: a promotion decides them."]
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.compare import compare

_NAMES: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, t.Any] = {
    "record": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "waves": {"type": "list", "elements": "list", "required": True},
    "all_releases": _NAMES,
    "record_public_keys": {**_NAMES, "no_log": False},
}


def main() -> None:
    module = module_of(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module):
        result = compare(module.params)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
