#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Show, take over or release the deploy lock of an environment
version_added: 0.1.0
description:
  - Every run that writes to an environment holds its lock, a Lease in its namespace. The platform of a cluster has its
    own lock. This module shows such a lock, takes it over in an emergency, or releases it.
  - The lock of a dead run needs no manual action. The next run takes it over, at once on the same machine, elsewhere
    after the lock has expired (see the option O(todo.cloud.release_apply#module:lock_wait)).
options:
  environment:
    description:
      - Name of the environment. The namespace must carry it in its label C(todo.cloud/environment).
      - Needed with O(lock=namespace).
    type: str
  namespace:
    description:
      - Namespace of the environment. Needed with O(lock=namespace).
    type: str
  state:
    description:
      - With V(queried) the lock is only read.
      - With V(taken_over) the caller holds the lock from now on, whoever held it before. The previous run stops before
        its next write; a Helm call that it has started is not stopped. The takeover is recorded in the Lease, and the
        next run reports it. Runs of the same person on the same machine may proceed, and the first one that writes
        releases the lock at its end. Everybody else is refused, for an hour at most.
      - With V(released) a lock that was taken manually, or whose holder is dead, becomes free. The lock of a running
        deployment is not released.
      - V(held_info) is the deprecated name of V(queried); it will be removed in version 2.0.0.
    type: str
    choices: [queried, taken_over, released, held_info]
    default: queried
  commit:
    description:
      - Commit of this run, shown to those who find the lock. GitHub Actions, GitLab CI and Jenkins provide it.
    type: str
  run_url:
    description:
      - URL of this run, shown to those who find the lock. GitHub Actions, GitLab CI and Jenkins provide it.
    type: str
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_rollback
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.lock
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Says whether the lock would change hands. Nothing is written.
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Read the lock of staging
  todo.cloud.deploy_lock:
    environment: staging
    namespace: todo-staging
  register: lock

- name: Show who deploys to staging
  ansible.builtin.debug:
    msg: "{{ lock.holder.description }}, since {{ lock.since }}"
  when: lock.held

- name: Take over the lock of staging
  todo.cloud.deploy_lock:
    environment: staging
    namespace: todo-staging
    state: taken_over

- name: Release the lock of the platform
  todo.cloud.deploy_lock:
    lock: platform
    state: released
"""

RETURN = r"""
held:
  description: Whether somebody holds the lock.
  returned: success
  type: bool
  sample: true
holder:
  description: Who holds it. Empty when nobody does.
  returned: success
  type: dict
  contains:
    who:
      description: User.
      returned: when somebody holds the lock
      type: str
    host:
      description: Machine.
      returned: when somebody holds the lock
      type: str
    what:
      description: Module.
      returned: when somebody holds the lock
      type: str
    commit:
      description: Commit; may be empty.
      returned: when somebody holds the lock
      type: str
    url:
      description: URL of the run; may be empty.
      returned: when somebody holds the lock
      type: str
    by_hand:
      description: Whether a person took the lock over.
      returned: when somebody holds the lock
      type: bool
    description:
      description: All of it in words, for people.
      returned: when somebody holds the lock
      type: str
  sample:
    who: ada
    host: ci-7
    what: release_apply
    commit: 1f2e3d4c5b6a
    url: https://github.com/todo-app/todo.cloud/actions/runs/42
    by_hand: false
    description: a deployment of ada on ci-7 (commit 1f2e3d4c5b6a) https://github.com/todo-app/todo.cloud/actions/runs/42
since:
  description: When it was taken, by the holder's clock; empty when nobody holds it.
  returned: success
  type: str
  sample: "2026-11-22T09:30:00.000000Z"
renewed:
  description: When its holder was last seen, by the holder's clock.
  returned: success
  type: str
  sample: "2026-11-22T09:30:05.000000Z"
expired:
  description:
    - Whether its holder is dead. Either its process no longer exists on this machine, or the lock was not renewed for
      its time to live plus the longest time of a Helm call, by the API server's clock.
  returned: success
  type: bool
  sample: false
taken_over:
  description: The last manual takeover, until a run has reported it.
  returned: success
  type: str
  sample: deploy_lock of ada on laptop took it from a deployment of ci on ci-7 at 2026-11-22T09:31:00Z
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE, LOCK
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import manual_lock
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    **LOCK,
    "environment": {"type": "str"},
    "namespace": {"type": "str"},
    "state": {"type": "str", "choices": ["queried", "taken_over", "released", "held_info"], "default": "queried"},
    "commit": {"type": "str"},
    "run_url": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_if=[("lock", "namespace", ["environment", "namespace"])],
    )
    if module.params["state"] == "held_info":
        module.params["state"] = "queried"
        module.deprecate("state=held_info is now called state=queried.", version="2.0.0", collection_name="todo.cloud")
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        result = manual_lock(kube, module.params, check=module.check_mode)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
