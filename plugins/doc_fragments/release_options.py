# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Options that the modules on releases share; module_utils/argspec.py holds their argument specs."""

    DOCUMENTATION = r"""
options: {}
"""

    ENVIRONMENT = r"""
options:
  environment:
    description:
      - Name of the environment. A namespace that is deployed to must carry it in its label C(todo.cloud/environment).
    type: str
    required: true
  namespace:
    description:
      - Namespace of the environment and of all its releases.
    type: str
    required: true
"""

    CLUSTER = r"""
options:
  cluster_id:
    description:
      - Identity of the cluster that is meant, the uid of its namespace C(kube-system). Credentials that lead to another
        cluster are refused before anything is written.
      - M(todo.cloud.environment_info) returns it, and so does
        C(kubectl get namespace kube-system -o jsonpath={.metadata.uid}).
    type: str
"""

    HELM = r"""
options:
  helm_binary:
    description:
      - The Helm program, 4.1 or newer, or 3.18 or newer of Helm 3.
    type: str
    default: helm
  history_max:
    description:
      - Revisions of a release that Helm keeps, V(0) for all. For an environment's releases at least 40, which is twice
        the release sets that are kept, so that a rollback finds the revisions it goes back to.
    type: int
    default: 40
  timeout:
    description:
      - Seconds until the workloads must be Current (those of a wave, where there are waves), and that a single Helm
        call may wait for hooks.
    type: int
    default: 300
  lock_wait:
    description:
      - Seconds to wait when another run holds the lock. With V(0) the module fails at once and names the holder.
      - The lock of a run that was killed on this machine is taken over at once, that of a dead run elsewhere after
        O(lock_ttl) and its O(timeout) have passed.
    type: int
    default: 0
  lock_ttl:
    description:
      - Seconds after which the lock of this run counts as abandoned when it is not renewed; it is renewed three times
        as often. 3 at least.
    type: int
    default: 15
  run_url:
    description:
      - Address of this run, for those who find its lock. GitHub Actions, GitLab CI and Jenkins tell it by themselves.
    type: str
"""

    LOCK = r"""
options:
  lock:
    description:
      - Which lock is meant. V(namespace), the one of the namespace, which is also that of its environment; V(platform),
        the one of the cluster's platform, a Lease in C(kube-system).
    type: str
    choices: [namespace, platform]
    default: namespace
"""

    DAPR = r"""
options:
  dapr_namespace:
    description:
      - Namespace of Dapr's control plane.
    type: str
    default: dapr-system
"""
