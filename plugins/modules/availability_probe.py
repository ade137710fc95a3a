#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: availability_probe
short_description: Ask a URL again and again while others work
version_added: 0.1.0
description:
  - Sends requests one after another until a file appears or the time is up, and tells how many failed, and how long the
    URL was away. Meant to run beside a deployment, as an asynchronous task.
  - Every request is a connection of its own, with a TLS handshake, as a new visitor makes it. Redirects are not
    followed.
  - The module does not fail because requests fail. Look at RV(failed_requests) and RV(longest_gap_ms).
options:
  url:
    description:
      - What is asked for.
    type: str
    required: true
  interval:
    description:
      - Milliseconds from the beginning of one request to that of the next one, which waits for the answer, too.
    type: int
    default: 50
  until_file:
    description:
      - The watch ends when this file is there, or when the folder that it should be in is gone.
    type: path
  duration:
    description:
      - The watch ends after so many seconds in any case.
    type: float
    default: 3600
  expect_status:
    description:
      - Status codes that are right.
    type: list
    elements: int
    default: [200]
  timeout:
    description:
      - Seconds after which a request has failed.
    type: float
    default: 5
  ca_path:
    description:
      - File with the certificates of the authorities that are trusted, instead of the system's.
    type: path
  validate_certs:
    description:
      - Count a certificate that is not trusted, or not of this host, as a failure.
    type: bool
    default: true
  redirect_from:
    description:
      - URL, usually with C(http://), that must redirect to the scheme and host of O(url). It is asked once a second.
    type: str
seealso:
  - module: ansible.builtin.uri
  - module: ansible.builtin.async_status
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.attributes.plain
attributes:
  check_mode:
    support: full
    details: Asks as it does otherwise, since it changes nothing.
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Door is watched
  todo.cloud.availability_probe:
    url: https://todo.example.com/health
    redirect_from: http://todo.example.com/
    until_file: /run/user/1000/deployed
  async: 3600
  poll: 0
  register: watch

- name: Something is deployed
  ansible.builtin.import_role:
    name: deploy

- name: The watch may end
  ansible.builtin.file:
    path: /run/user/1000/deployed
    state: touch
    mode: "0600"

- name: What was seen
  ansible.builtin.async_status:
    jid: "{{ watch.ansible_job_id }}"
  register: seen
  until: seen is finished
  retries: 60
  delay: 1
  failed_when: seen.failed_requests | default(0) > 0
"""

RETURN = r"""
requests:
  description: Requests that were sent.
  returned: success
  type: int
  sample: 412
failed_requests:
  description: Requests that failed after the first right answer.
  returned: success
  type: int
  sample: 0
before_first:
  description: Requests that failed before the first right answer; all of them when there was none.
  returned: success
  type: int
  sample: 0
failures:
  description: The first hundred failures, when and why.
  returned: success
  type: list
  elements: dict
  sample: [{at: "2026-11-22T10:00:00.123+00:00", why: "status 503"}]
longest_gap_ms:
  description: Longest time without a right answer in milliseconds, from the first one on; O(interval) is part of it.
  returned: success
  type: float
  sample: 61.3
p50_ms:
  description: Half of the right answers came within so many milliseconds. V(null) without any.
  returned: success
  type: float
  sample: 4.1
p99_ms:
  description: The same for 99 of 100.
  returned: success
  type: float
  sample: 12.8
certificate_days_left:
  description: Days until the certificate ends; V(null) without TLS or with O(validate_certs=false).
  returned: success
  type: int
  sample: 61
told:
  description: All of it in one line.
  returned: success
  type: str
  sample: "412 requests, 0 failed, longest gap 61 ms, p99 13 ms"
"""

import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.availability import Door, Probe
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    "url": {"type": "str", "required": True},
    "interval": {"type": "int", "default": 50},
    "until_file": {"type": "path"},
    "duration": {"type": "float", "default": 3600},
    "expect_status": {"type": "list", "elements": "int", "default": [200]},
    "timeout": {"type": "float", "default": 5},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "redirect_from": {"type": "str"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    end, file = time.monotonic() + params["duration"], params["until_file"]

    def over() -> bool:
        there = file and (os.path.exists(file) or not os.path.isdir(os.path.dirname(file) or "."))
        return bool(there) or time.monotonic() >= end

    with fail_json_on_error(module):
        seen = Probe(Door.of(params)).watch(params["interval"] / 1000, over)
    module.exit_json(changed=False, **seen.as_result())


if __name__ == "__main__":
    main()
