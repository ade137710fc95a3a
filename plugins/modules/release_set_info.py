#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_set_info
short_description: Read the release sets and the status of an environment
version_added: 0.1.0
description:
  - Lists the verified release sets, newest first, and with O(status) returns the present state of the environment.
options:
  verified_only:
    description:
      - Leave out sets that were withdrawn by a rollback.
    type: bool
    default: false
  at:
    description:
      - Number or commit of one set to return with its releases and images. Fails when there is no such set.
    type: str
  status:
    description:
      - Also read the state of every release, who holds the lock, and when certificates expire.
    type: bool
    default: false
  events:
    description:
      - How many of the newest runs that changed the environment, or failed to, are returned. 200 are kept.
    type: int
    default: 0
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_rollback
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.dapr
  - todo.cloud.wait_options.readiness
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Read the status of staging
  todo.cloud.release_set_info:
    environment: staging
    namespace: todo-staging
    status: true
  register: staging

- name: Show the releases that are not at a verified revision
  ansible.builtin.debug:
    msg: "{{ staging.status | dict2items | rejectattr('value.verified') | map(attribute='key') }}"
"""

RETURN = r"""
sets:
  description:
    - The release sets, newest first. With O(at) only that set.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Number of the set.
      type: int
    time:
      description: Time of its verification.
      type: str
    commit:
      description: Commit; may be empty.
      type: str
    withdrawn:
      description: Why it was withdrawn; empty if it was not.
      type: str
    failed:
      description: When and how it failed when it was verified again; empty if it did not, or was verified since then.
      type: str
    current:
      description: Whether the environment is at this set.
      type: bool
    who:
      description: Who deployed it.
      returned: with O(at)
      type: str
    tools:
      description: Versions of the tools.
      returned: with O(at)
      type: dict
    restored_from:
      description: Number of the set that a rollback restored, 0 for none.
      returned: with O(at)
      type: int
    emergency:
      description: Why the rules of changes did not hold for it; empty if they did.
      returned: with O(at)
      type: str
    missing:
      description: Releases that were not verified with it, and why.
      returned: with O(at)
      type: dict
    releases:
      description: Its releases by name, with revision, chart, images, and C(tag) as in RV(status).
      returned: with O(at)
      type: dict
  sample:
    - {id: 4, time: "2026-11-21T09:30:00Z", commit: 1f2e3d4, withdrawn: "", failed: "", current: true}
current:
  description: Number of the set that the environment is at, 0 when it is at none.
  returned: success
  type: int
  sample: 4
unread:
  description:
    - What is not known since the credentials may not read it.
    - Without the right to read Secrets, in which Helm keeps its releases, the status is that of the newest verified
      set's workloads, C(status) of a release is V(unknown), and RV(current) is 0.
  returned: success
  type: list
  elements: str
  sample: []
events:
  description:
    - With O(events), the newest runs, newest first. Whoever may write ConfigMaps can write them.
    - A run that found nothing to do is none, and one that was killed left none.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When it began.
      type: str
    run:
      description: What it was.
      type: str
      choices: [deployment, promotion, rollback, scaling, sleep, verification]
    who:
      description: User and machine.
      type: str
    commit:
      description: Commit; may be empty.
      type: str
    from_set:
      description: Number of the verified set before it, 0 for none.
      type: int
    from_commit:
      description: Commit of that set; may be empty.
      type: str
    to_set:
      description: Number of the verified set after it, 0 for none.
      type: int
    outcome:
      description: V(restored) failed and is back at what was verified; V(refused) failed before anything was changed.
      type: str
      choices: [succeeded, failed, restored, refused]
    seconds:
      description: How long it took.
      type: float
    code:
      description: Code of its failure; empty without one.
      type: str
    message:
      description: Its failure in one sentence; empty without one.
      type: str
    emergency:
      description: Why the rules of changes did not hold for it; empty if they did.
      type: str
    url:
      description: Where CI shows it; may be empty.
      type: str
    requests:
      description: Requests that were made to the public endpoint meanwhile, 0 where it was not probed.
      type: int
    failed_requests:
      description: Those that failed.
      type: int
    longest_gap_ms:
      description: The longest outage, in milliseconds.
      type: float
    lead_seconds:
      description:
        - How old the commit was that it brought, at its end; V(0) for a run that brought none, and where it was not
          started in a checkout that has the commit.
      type: float
  sample:
    - time: "2026-11-21T09:29:11Z"
      run: deployment
      who: ada@ci
      commit: 1f2e3d4
      from_set: 3
      from_commit: 0d1c2b3
      to_set: 4
      outcome: succeeded
      seconds: 48.6
      code: ""
      message: ""
      emergency: ""
      url: https://github.com/todo-app/todo/actions/runs/1
      requests: 968
      failed_requests: 0
      longest_gap_ms: 61.3
      lead_seconds: 1204.5
status:
  description:
    - With O(status), every release of the environment by its name.
    - C(tag) is the tag by which its image was asked for last, where its pods have an older one of the same image; else
      it is empty.
    - C(message) of one that is not Current names what is wrong with one of its pods.
    - C(drift) lists what somebody changed in the cluster since it was verified. To compare, each object of a release
      in which somebody wrote is applied by a server-side dry run, which needs the right to patch.
  returned: success
  type: dict
  sample:
    backend-api:
      revision: 4
      status: deployed
      chart: service
      verified: true
      tag: ""
      by_hand: false
      drift: []
      state: Current
      message: ""
      replicas: 2/2
      restarts: 0
      sidecars: 2/2
      images: ["ghcr.io/todo-app/backend-api:v1.1.0"]
      digests: {app: "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270"}
lock:
  description: With O(status), who holds the environment's lock.
  returned: success
  type: dict
  contains:
    held:
      description: Whether somebody holds it.
      returned: with O(status)
      type: bool
    holder:
      description: Who holds it.
      returned: with O(status)
      type: str
    since:
      description: When it was taken.
      returned: with O(status)
      type: str
    renewed:
      description: When it was renewed last.
      returned: with O(status)
      type: str
  sample: {held: false, holder: "", since: "", renewed: ""}
trust:
  description: With O(status), whether Dapr's mTLS is on, and days until its certificates expire.
  returned: success
  type: dict
  contains:
    mtls:
      description: Whether mTLS is on; V(null) when unknown.
      returned: with O(status)
      type: bool
    root_days_left:
      description: Days until the root certificate expires; V(null) when unknown.
      returned: with O(status)
      type: int
    issuer_days_left:
      description: Days until the issuer certificate expires; V(null) when unknown.
      returned: with O(status)
      type: int
    why:
      description: What could not be read; empty if nothing.
      returned: with O(status)
      type: str
  sample: {mtls: true, root_days_left: 364, issuer_days_left: 364, why: ""}
certificates:
  description:
    - With O(status), days until cert-manager's certificates in the namespace expire.
    - Empty without cert-manager, or when the credentials may not read them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Certificate.
      type: str
    days_left:
      description: Days until it expires; V(null) when it is not issued yet.
      type: int
    ready:
      description: Whether it is ready.
      type: bool
    why:
      description: What keeps it from being ready, or renewed, in the words of the challenge, order or ACME server.
      type: str
  sample: [{name: frontend-tls, days_left: 61, ready: true, why: ""}]
hosts:
  description:
    - With O(status), the hosts of the namespace's Ingresses, and where they are served.
    - Empty when the credentials may not read them.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The host.
      type: str
    addresses:
      description: Addresses of the load balancer; empty as long as it has none.
      type: list
      elements: str
  sample: [{host: todo.example.com, addresses: [203.0.113.7]}]
quota:
  description:
    - With O(status), what of the namespace's quotas is used.
    - Empty without one, or when the credentials may not read it.
  returned: success
  type: list
  elements: dict
  contains:
    quota:
      description: Name of the ResourceQuota.
      type: str
    resource:
      description: What is limited.
      type: str
    used:
      description: Of that, what is used; C(?) as long as nobody has counted.
      type: str
    hard:
      description: The limit.
      type: str
  sample: [{quota: environment, resource: pods, used: "9", hard: "20"}]
autoscalers:
  description:
    - With O(status), how many pods each HorizontalPodAutoscaler of the namespace has.
    - What the credentials may not read is left out.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    now:
      description: How many pods there are, by its own count.
      type: int
    min:
      description: Fewest pods.
      type: int
    max:
      description: Most pods.
      type: int
  sample: [{name: backend-api, now: 3, min: 2, max: 6}]
notes:
  description:
    - With O(status), a sentence for each autoscaler that cannot scale, or is at its maximum while the load asks for
      more. No release waits for that.
    - Also one for the connections that the deployed releases let through and the cluster's network policies do not; it
      names the policy.
    - Also one for each login of M(todo.cloud.login_check) that was tried with success, and when.
    - What the credentials may not read is left out; of the policies RV(unread) says so.
  returned: success
  type: list
  elements: str
  sample:
    - "HorizontalPodAutoscaler backend-api: it gets no metrics, so it does not scale: FailedGetResourceMetric: …"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import DAPR, ENVIRONMENT, KUBE, RECORD_KEYS, WAIT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **DAPR,
    "verified_only": {"type": "bool", "default": False},
    "at": {"type": "str"},
    "readiness_rules": WAIT["readiness_rules"],
    "status": {"type": "bool", "default": False},
    "events": {"type": "int", "default": 0},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        info = set_info(
            kube,
            module.params["namespace"],
            module.params["environment"],
            verified_only=module.params["verified_only"],
            at=module.params["at"] or "",
            status=module.params["status"],
            events=module.params["events"],
            dapr_namespace=module.params["dapr_namespace"],
            keys=RecordKeys.parse(module.params["record_key"], module.params["record_public_keys"]),
            wait=WaitOptions.from_params({"readiness_rules": module.params["readiness_rules"]}),
        )
    module.exit_json(changed=False, **info)


if __name__ == "__main__":
    main()
