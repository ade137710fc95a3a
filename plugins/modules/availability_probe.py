#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: availability_probe
short_description: Probe an HTTP endpoint at a fixed interval during a deployment
version_added: 0.1.0
description:
  - Sends one request after another until a file appears or the time is up. Returns how many requests failed and the
    longest outage. Meant to run beside a deployment, as an asynchronous task.
  - Every request opens a new connection, with a TLS handshake, as a new visitor does. Redirects are not followed.
  - The module does not fail because requests fail. Look at RV(failed_requests) and RV(longest_gap_ms).
options:
  url:
    description:
      - URL that is requested.
    type: str
    required: true
  interval:
    description:
      - Milliseconds between the starts of two requests. The next request also waits for the previous response.
    type: int
    default: 50
  until_file:
    description:
      - The probe ends when this file exists, or when its folder no longer exists.
    type: path
  duration:
    description:
      - Seconds after which the probe ends in any case.
    type: float
    default: 3600
  expect_status:
    description:
      - Status codes that count as success.
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
      - CA bundle to trust instead of the system's.
    type: path
  validate_certs:
    description:
      - Whether an untrusted certificate, or one for another host, counts as a failure.
    type: bool
    default: true
  redirect_from:
    description:
      - URL, usually C(http://), that must redirect to the scheme and host of O(url). It is requested once a second.
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
    details: Sends the same requests in check mode, since it changes nothing.
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Start the probe
  todo.cloud.availability_probe:
    url: https://todo.example.com/health
    redirect_from: http://todo.example.com/
    until_file: /run/user/1000/deployed
  async: 3600
  poll: 0
  register: probe

- name: Deploy
  ansible.builtin.import_role:
    name: deploy

- name: End the probe
  ansible.builtin.file:
    path: /run/user/1000/deployed
    state: touch
    mode: "0600"

- name: Read the probe's result
  ansible.builtin.async_status:
    jid: "{{ probe.ansible_job_id }}"
  register: availability
  until: availability is finished
  retries: 60
  delay: 1
  failed_when: availability.failed_requests | default(0) > 0
"""

RETURN = r"""
requests:
  description: Requests that were sent.
  returned: success
  type: int
  sample: 412
failed_requests:
  description: Requests that failed after the first success.
  returned: success
  type: int
  sample: 0
before_first:
  description: Requests that failed before the first success; all of them when none succeeded.
  returned: success
  type: int
  sample: 0
failures:
  description: The first hundred failures, with time and reason.
  returned: success
  type: list
  elements: dict
  contains:
    at:
      description: Time of the failure.
      type: str
    why:
      description: The reason.
      type: str
  sample: [{at: "2026-11-22T10:00:00.123+00:00", why: "status 503"}]
longest_gap_ms:
  description: Longest outage in milliseconds, measured between two successes; it includes O(interval).
  returned: success
  type: float
  sample: 61.3
p50_ms:
  description: Median response time of successful requests in milliseconds; V(null) when none succeeded.
  returned: success
  type: float
  sample: 4.1
p99_ms:
  description: The 99th percentile of the same.
  returned: success
  type: float
  sample: 12.8
certificate_days_left:
  description: Days until the certificate expires; V(null) without TLS or with O(validate_certs=false).
  returned: success
  type: int
  sample: 61
summary:
  description: All of it in one line.
  returned: success
  type: str
  sample: "412 requests, 0 failed, longest gap 61 ms, p99 13 ms"
told:
  description: Deprecated name of RV(summary); it will be removed in version 2.0.0.
  returned: success
  type: str
  sample: "412 requests, 0 failed, longest gap 61 ms, p99 13 ms"
"""

import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint, Probe
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


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    end, file = time.monotonic() + params["duration"], params["until_file"]

    def over() -> bool:
        there = file and (os.path.exists(file) or not os.path.isdir(os.path.dirname(file) or "."))
        return bool(there) or time.monotonic() >= end

    with fail_json_on_error(module):
        availability = Probe(Endpoint.of(params)).watch(params["interval"] / 1000, over)
    module.exit_json(changed=False, **availability.as_result())


if __name__ == "__main__":
    main()
