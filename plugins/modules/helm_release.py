#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_release
short_description: Install, upgrade or remove one Helm release, and verify its workloads
version_added: 0.1.0
description:
  - Installs or upgrades one release when its inputs (content of the chart, values, watched objects) changed. Verifies
    the rollout of its workloads by the rules of M(todo.cloud.rollout_wait) instead of waiting with Helm.
  - Local charts are compared by content, not by version.
  - A release left pending by a killed Helm process is recovered first; its history is kept.
  - When the inputs are the same but workloads are not Current, they are verified again without a Helm call.
  - Objects that somebody deleted are made again by an upgrade, as far as they may be listed. Those of the platform
    (O(lock=platform)) are not looked at.
  - Nothing is rolled back on failure, so that the failure can be inspected.
options:
  name:
    description:
      - Name of the release.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the release. It must exist for O(state=present).
    type: str
    required: true
  environment:
    description:
      - Name of the environment. When it is given, O(namespace) must carry it in its label C(todo.cloud/environment).
        Another cluster, or what another environment claims, is refused before anything is written, as in
        M(todo.cloud.release_apply). The release does not become part of the environment's release sets.
    type: str
  cluster_id:
    description:
      - Identity of the expected cluster, the uid of its namespace C(kube-system). Credentials for another cluster are
        refused before anything is written. Needs O(environment).
    type: str
  state:
    description:
      - With V(absent) the release and its history are removed, and the module waits until its workloads are gone.
    type: str
    choices: [present, absent]
    default: present
  chart:
    description:
      - Folder or archive of a chart, or a reference such as C(oci://registry/chart).
    type: str
  chart_version:
    description:
      - Exact version of a chart that is given by a reference. A range is refused.
    type: str
  files:
    description:
      - Values files on the controller, read as C(helm -f) reads them. The last one counts, and O(values) above all.
    type: list
    elements: path
    default: []
    version_added: 0.1.0
  values:
    description:
      - Values for the chart. Those that feed a Secret of the chart are found by rendering, and are not shown.
      - Integers stay integers in the chart's templates; in values files Helm makes floating-point numbers of them.
    type: dict
    default: {}
  watches:
    description:
      - Secrets and ConfigMaps whose change restarts the pods once, through the chart's value C(podAnnotations).
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Kind of the object.
        type: str
        choices: [Secret, ConfigMap]
        required: true
      name:
        description: Name of the object, in the release's namespace.
        type: str
        required: true
  force_conflicts:
    description:
      - Take over fields that another field manager owns. Needs Helm 4.
    type: bool
    default: false
  skip_crds:
    description:
      - Skip the chart's C(crds) folder; for charts whose CRDs are applied separately.
    type: bool
    default: false
  commit:
    description:
      - Commit that is deployed, for Helm's description of the revision.
    type: str
seealso:
  - module: todo.cloud.helm_release_info
  - module: todo.cloud.release_apply
  - module: kubernetes.core.helm
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.helm
  - todo.cloud.release_options.lock
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: With diff mode the diff of the manifest comes from a server-side dry run. Nothing is written.
  diff_mode:
    support: full
    details: The values of Secrets are hidden.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Install Dapr's control plane
  todo.cloud.helm_release:
    name: dapr
    namespace: dapr-system
    chart: oci://ghcr.io/dapr/charts/dapr
    chart_version: 1.14.0
    skip_crds: true
    values:
      global: {ha: {enabled: false}}
    timeout: 180

- name: Remove the local broker
  todo.cloud.helm_release:
    name: kafka
    namespace: kafka
    state: absent
"""

RETURN = r"""
state_before:
  description:
    - State of the release before the run; V(verified) means as requested and Current.
  returned: success or failure after the release was read
  type: str
  choices: [absent, verified, unverified, outdated, changed_manually, failed,
    superseded, stuck, busy, uninstalling, uninstalled, corrupt]
  sample: outdated
action:
  description: The resulting action.
  returned: success or failure after the release was read
  type: str
  choices: [none, verify, install, upgrade, rollback, uninstall, recover, quarantine, finish_uninstall, refuse]
  sample: upgrade
revision:
  description: Newest revision of the release, 0 when there is none.
  returned: success or failure after the release was read
  type: int
  sample: 3
input_digest:
  description: Digest of the chart's content and the values.
  returned: success or failure after the release was read
  type: str
  sample: 1f0c2d5c7a4f6d9ab1c4be77f5d2f3a1b0c9d8e7
changes:
  description: What differs, and which objects do not exist any more, as text.
  returned: success or failure after the release was read
  type: list
  elements: str
  sample: [values replicas]
verdict:
  description: The result of M(todo.cloud.rollout_wait); empty when there was nothing to verify.
  returned: success or failure after the release was read
  type: dict
  sample: {verdict: Current, elapsed: 4.2}
failures:
  description: Each failure with its code, message and evidence.
  returned: success or failure after the release was read
  type: list
  elements: dict
  contains:
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: One sentence.
      type: str
    details:
      description: Evidence.
      type: dict
  sample: []
failure:
  description: The first failure.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: One sentence.
      type: str
    details:
      description: Evidence.
      type: dict
  sample: {code: chart_invalid, message: "kafka: the values do not match the chart's schema", details: {}}
helm_calls:
  description: Helm processes that were started.
  returned: success or failure after the release was read
  type: int
  sample: 1
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import CLUSTER, HELM, KUBE, LOCK, WAIT
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import (
    fail_json_on_error,
    finish,
    live_progress,
    module_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.releases.helm_release import single_release
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

WATCH_SPEC: dict[str, t.Any] = {
    "kind": {"type": "str", "choices": ["Secret", "ConfigMap"], "required": True},
    "name": {"type": "str", "required": True},
}
SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **HELM,
    **LOCK,
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "environment": {"type": "str"},
    **CLUSTER,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "chart": {"type": "str"},
    "chart_version": {"type": "str"},
    "files": {"type": "list", "elements": "path", "default": []},
    "values": {"type": "dict", "default": {}},
    "watches": {"type": "list", "elements": "dict", "default": [], "options": WATCH_SPEC},
    "force_conflicts": {"type": "bool", "default": False},
    "skip_crds": {"type": "bool", "default": False},
    "commit": {"type": "str"},
}


def main() -> None:
    module = module_of(
        SPEC,
        supports_check_mode=True,
        required_if=[("state", "present", ["chart"])],
        required_by={"cluster_id": ["environment"]},
    )
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        helm = HelmCli(kube.kubeconfig, module.params["helm_binary"])
        report = single_release(kube, helm, module.params, settings_from(module), live_progress())
    finish(module, report)


if __name__ == "__main__":
    main()
