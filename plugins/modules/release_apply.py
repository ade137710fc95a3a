#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_apply
short_description: Bring an environment's set of Helm releases to what was asked, proved
version_added: 0.1.0
description:
  - Plans all releases at once, applies what differs wave by wave with one Helm process per release side by side, waits
    for one verdict per wave, checks the Dapr sidecars, and records the set as verified.
  - A release needs nothing only if its inputs are the same, its revision is in the newest verified set and its
    workloads
    are Current. The same inputs without a proof are judged again without a Helm call.
  - A run that changes nothing starts no Helm process and writes nothing.
  - When a wave fails, its failures are explained first, then O(on_failure) decides, and the module fails.
  - Can be killed at any point and run again.
options:
  waves:
    description:
      - Releases in the order they are deployed; those of one wave go side by side, the next wave begins when one is
        proved.
      - A release is a dictionary with C(name), C(namespace), C(chart) (a folder, an archive, or a reference with
        C(chart_version)), C(values), and optionally C(watches), a list of C(kind) (Secret or ConfigMap) and C(name)
        whose change rolls the pods once, C(app_id), the Dapr app id when a sidecar is expected, and C(rollback_floor),
        the number of a release set or the lowest version (image tag, or chart version) that a rollback may go to, for
        releases whose migrations can't be undone. Once declared it holds until Helm's history forgets it.
      - Values must hold no secret, since whoever may read a release's Secret can read them.
    type: list
    elements: list
    required: true
  known:
    description:
      - Names of all releases of the environment, also of those that this run leaves out.
      - What was deployed by this module and is not among them is named in a warning, or removed with O(prune).
      - Empty means that nothing is taken for superfluous.
    type: list
    elements: str
    default: []
  prune:
    description:
      - Uninstall releases of this environment that O(known) does not name, after everything else was proved.
    type: bool
    default: false
  on_failure:
    description:
      - What happens when a wave fails.
      - With V(set), every release whose revision is not the last verified one goes back to it.
      - With V(release), only the releases that failed go back.
      - With V(hold), everything is kept as it is for a look.
      - Nothing goes back when the old pods are unready as well, since then something they depend on is down.
      - Nor does a release go below the C(rollback_floor) that it declares; then everything is kept.
      - A release that was never verified has nothing to go back to; see O(on_first_failure).
    type: str
    choices: [set, release, hold]
    default: set
  on_first_failure:
    description:
      - What happens to a release that failed and was never verified, so that there is nothing to go back to.
      - With V(keep) it stays as it is for a look, the next run goes on from there.
      - With V(remove) it is uninstalled after its diagnosis, unless it holds data (a StatefulSet, a
        PersistentVolumeClaim) or O(on_failure=hold).
    type: str
    choices: [keep, remove]
    default: keep
  commit:
    description:
      - Commit that is deployed, for the record.
    type: str
  drift:
    description:
      - Whether check mode also compares what lives in the cluster with what the deployed releases say.
      - With V(report), every object is applied by a server-side dry run; fields that were changed, added or removed by
        somebody else are named, with who and when as far as the cluster records it. What an autoscaler or another known
        controller wrote is left out. Nothing is written, but the credential needs the right to patch.
    type: str
    choices: [ignore, report]
    default: ignore
  export:
    description:
      - Folder, new or of an earlier export, into which the releases are written as plain values files, charts, and a
        script with the Helm commands that deploy them, so that the collection can be left at any time.
      - It is written in check mode too, since nothing in the cluster changes by it.
    type: path
seealso:
  - module: todo.cloud.release_rollback
  - module: todo.cloud.release_set_info
  - module: todo.cloud.helm_release
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.cluster
  - todo.cloud.release_options.helm
  - todo.cloud.release_options.dapr
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: The plan, and with diff mode each manifest's difference by a server-side dry run. Nothing is written.
  diff_mode:
    support: full
    details: The values of Secrets are hidden.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Staging runs what the inventory says
  todo.cloud.release_apply:
    environment: staging
    namespace: todo-staging
    known: [backend-api, frontend]
    on_failure: set
    registries:
      - {host: ghcr.io, pull_secret: registry}
    waves:
      - - name: backend-api
          namespace: todo-staging
          chart: "{{ playbook_dir }}/../charts/service"
          values:
            image: ghcr.io/todo-app/backend-api:v1.1.0
          watches:
            - {kind: Secret, name: database}
          app_id: backend-api
      - - name: frontend
          namespace: todo-staging
          chart: "{{ playbook_dir }}/../charts/service"
          values:
            image: ghcr.io/todo-app/frontend:v1.1.0
  register: deployed

- name: What a run would do
  todo.cloud.release_apply:
    environment: staging
    namespace: todo-staging
    known: [backend-api]
    waves:
      - - name: backend-api
          namespace: todo-staging
          chart: "{{ playbook_dir }}/../charts/service"
          values:
            image: ghcr.io/todo-app/backend-api:v1.2.0
  check_mode: true
  diff: true
  register: plan

- name: The table of releases
  ansible.builtin.debug:
    var: deployed.table
"""

RETURN = r"""
plan:
  description:
    - What had to be done about each release, and why.
    - Its C(kind) is V(change), V(new), V(verify) (applied, not verified), V(remove), V(stuck) (something has to be
      repaired first), V(busy) (another run is at work) or V(unchanged).
    - Its C(action) is the next step, V(unchanged), V(verify), V(install), V(upgrade), V(uninstall), V(recover),
      V(quarantine), V(finish_uninstall) or V(refuse).
    - Its C(state) is V(absent), V(verified), V(unverified), V(outdated), V(changed_manually), V(failed),
      V(superseded), V(stuck), V(busy), V(uninstalling), V(uninstalled) or V(corrupt).
  returned: success or failure after planning
  type: list
  elements: dict
  sample:
    - name: backend-api
      kind: change
      why: image ghcr.io/todo-app/backend-api:v1.0.0 -> ghcr.io/todo-app/backend-api:v1.1.0
      revisions: 3 -> 4
      state: outdated
      action: upgrade
      revision: 3
      changes: ["image ghcr.io/todo-app/backend-api:v1.0.0 -> ghcr.io/todo-app/backend-api:v1.1.0"]
releases:
  description:
    - What became of each release. C(from), C(tried) and C(to) are revisions, 0 for none.
    - C(outcome) is V(unchanged), V(verified), V(applied) (the run ended before it was verified), V(failed), V(restored)
      (back at what was verified), V(removed), V(kept) (left as it was) or V(predicted) (check mode). C(detail) is for
      people.
  returned: success or failure after planning
  type: list
  elements: dict
  sample:
    - {name: backend-api, action: upgrade, from: 3, tried: 4, to: 4, outcome: verified, detail: ""}
failures:
  description: Each failure with its code, sentence and evidence.
  returned: success or failure after planning
  type: list
  elements: dict
  sample: []
failure:
  description: The first failure, as in RV(failures).
  returned: failure
  type: dict
  sample: {code: crash_loop, message: "backend-api: container app exits with code 1", details: {pod: backend-api-6d-x}}
set:
  description: Number of the verified release set that the environment is at, 0 when there is none.
  returned: success or failure after planning
  type: int
  sample: 4
table:
  description: RV(releases) as lines of text, in check mode RV(plan).
  returned: success or failure after planning
  type: list
  elements: str
  sample:
    - release      action   was  tried  now  outcome
    - backend-api  upgrade  3    4      4    verified
drift:
  description:
    - What differs between the cluster and the deployed releases.
    - C(change) is V(changed), V(added), V(removed), V(missing)
      (the object is gone) or V(unknown) (it could not be compared).
  returned: in check mode with O(drift=report)
  type: list
  elements: dict
  sample:
    - release: backend-api
      kind: Deployment
      name: backend-api
      path: spec.replicas
      change: changed
      wanted: "1"
      found: "3"
      by: kubectl
      when: "2026-11-22T10:00:00Z"
      message: "Deployment/backend-api: spec.replicas is 3, the release says 1 (kubectl, 2026-11-22T10:00:00Z)"
notes:
  description: What should be known of the plan though nothing is wrong, such as images that go by their tag.
  returned: success or failure after planning
  type: list
  elements: str
  sample: ["ghcr.io is not asked for digests. By tag: backend-api."]
exported:
  description: Files of the export, by their names in its folder.
  returned: when O(export) is given
  type: list
  elements: str
  sample: [README.md, backend-api.yaml, charts/service-0a1b2c3d.tgz, helm.sh]
helm_calls:
  description: Helm processes that were started.
  returned: success or failure after planning
  type: int
  sample: 1
api:
  description: Requests to the Kubernetes API, retries and repeated lists.
  returned: success or failure after planning
  type: dict
  sample: {requests: 7, retries: 0, relists: 0}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    CLUSTER,
    DAPR,
    ENVIRONMENT,
    HELM,
    KUBE,
    REGISTRIES,
    WAIT,
)
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import Engine
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **CLUSTER,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "waves": {"type": "list", "elements": "list", "required": True},
    "known": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "on_failure": {"type": "str", "choices": ["set", "release", "hold"], "default": "set"},
    "on_first_failure": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
    "commit": {"type": "str"},
    "drift": {"type": "str", "choices": ["ignore", "report"], "default": "ignore"},
    "export": {"type": "path"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        settings = settings_from(module)
        waves = parse_waves(module.params["waves"], settings.namespace)
        report = Engine(
            kube, HelmCli(kube.kubeconfig, module.params["helm_binary"]), settings, waves, live_progress()
        ).apply()
    finish(module, report)


if __name__ == "__main__":
    main()
