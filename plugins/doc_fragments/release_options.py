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
      - Name of the environment. Its namespace must carry it in the label C(todo.cloud/environment).
    type: str
    required: true
  namespace:
    description:
      - Namespace of the environment and of all its releases.
    type: str
    required: true
"""

    RECORDS = r"""
options:
  record_key:
    description:
      - Private key (Ed25519, as PEM or of OpenSSH, without a passphrase) that signs release sets. Once it is set, only
        signed release sets count; before, whoever may write ConfigMaps in the namespace can write one.
      - C(openssl genpkey -algorithm ed25519) makes one. Keep it in a vault, or take it from a file or the environment
        by a lookup.
    type: str
  record_public_keys:
    description:
      - Further public keys (PEM, or C(ssh-ed25519)) whose signatures count beside that of O(record_key), such as the
        previous one after a rotation.
    type: list
    elements: str
    default: []
"""

    CLUSTER = r"""
options:
  cluster_id:
    description:
      - Identity of the expected cluster, the uid of its namespace C(kube-system). Credentials for another cluster are
        refused before anything is written.
      - M(todo.cloud.environment_info) returns it, and so does
        C(kubectl get namespace kube-system -o jsonpath={.metadata.uid}).
    type: str
"""

    ANNOUNCE = r"""
options:
  announce:
    description:
      - Who is told of a run that changed something, or failed to. One who cannot be told is a warning, and fails no
        run. Not in check mode.
    type: dict
    suboptions:
      event:
        description: An Event of Kubernetes in the namespace.
        type: bool
        default: false
      metric:
        description:
          - Recording rules for a Prometheus operator, C(todo:run:timestamp_seconds), C(todo:run:duration_seconds) and
            C(todo:run:outage_seconds), with the labels C(environment), C(run), C(outcome), C(commit), C(set) and
            C(code). Nothing happens where the cluster has no such kind.
        type: bool
        default: false
      webhook:
        description: URL that gets a POST.
        type: str
      webhook_format:
        description: Whether it gets a text, as Slack takes it, or the whole event as JSON.
        type: str
        choices: [slack, json]
        default: slack
      trace_endpoint:
        description:
          - URL of what takes the run's timeline as a trace, by OTLP over HTTP, as JSON; C(/v1/traces) is added. It has
            three seconds. M(todo.cloud.release_verify) sends none.
        type: str
      trace_headers:
        description: Headers for that, such as a token.
        type: dict
      trace_parent:
        description: C(traceparent) of what started the run, by W3C Trace Context. Anything else counts as none.
        type: str
"""

    CHANGES = r"""
options:
  change_rules:
    description:
      - When the environment takes changes. Checked before the first write, together with all else that stands in the
        way, and in check mode. A run that writes no release is never refused, nor is going back to a release set.
    type: dict
    default: {}
    suboptions:
      promoted_from:
        description:
          - Environment whose verified images are promoted to this one. Images that were not verified here before are
            then refused (C(promotion_only)), unless they are in O(change_rules.promoted) and their tag is a version
            such as V(v1.2.3).
        type: str
      promoted:
        description: Images of a promotion by digest, as M(todo.cloud.release_promotion) returns them.
        type: list
        elements: str
      freeze:
        description:
          - Times in which nothing is deployed (C(deploy_frozen)), by the clock of the API server.
          - Without C(from) and C(until) it is a switch.
        type: list
        elements: dict
        default: []
        suboptions:
          why:
            description: The reason, for whoever is refused.
            type: str
            required: true
          from:
            description: Its beginning, a date or a time of ISO 8601 (UTC where it does not say).
            type: str
          until:
            description: Its end; a date belongs to it.
            type: str
      emergency:
        description:
          - Why this run may not wait for a promotion or the end of a freeze, in 10 to 300 characters. What it lets
            through is a warning, and the reason is recorded in the release set.
        type: str
      image_key:
        description:
          - One or more public keys in PEM (ECDSA P-256, as C(cosign generate-key-pair) makes them). Images of pods that
            were not verified here before are then refused unless one of the keys has signed their digest
            (C(image_unsigned)), also in an emergency. Signatures are read from O(registries); cosign is not needed.
        type: str
      unsigned:
        description:
          - How the names of images begin that somebody else makes, and O(change_rules.image_key) has not signed, for
            example V(docker.io/library/).
        type: list
        elements: str
        default: []
"""

    ENDPOINT = r"""
options:
  endpoint:
    description:
      - Public endpoint of the environment.
    type: dict
    suboptions:
      url:
        description: What is requested; the answer must have status 200.
        type: str
        required: true
      validate_certs:
        description: Count a certificate that is not trusted, or not of this host, as a failure.
        type: bool
        default: true
      redirect_from:
        description: URL, usually with C(http://), that must redirect to the scheme and host of the endpoint.
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
      - Number of revisions of a release that Helm keeps, V(0) for all. At least 40 for an environment's releases, twice
        the number of release sets that are kept, so that a rollback finds its revisions.
    type: int
    default: 40
  timeout:
    description:
      - Seconds within which the workloads (of one wave, where there are waves) must be Current. Also the limit for the
        hooks of one Helm call.
    type: int
    default: 300
  allowed_namespaces:
    description:
      - Namespaces besides the release's own that its objects may be in. Others are refused before the first write.
      - Cluster-scoped objects are not refused; the plan lists them.
    type: list
    elements: str
    default: []
  allowed_chart_sources:
    description:
      - Beginnings of chart references, such as C(oci://ghcr.io/todo-app/), that a release set without a signature may
        name when a revision is gone from Helm's history and its chart is not in the release set.
      - They end at a slash, so C(oci://ghcr.io/todo) does not mean C(oci://ghcr.io/todo-app/).
    type: list
    elements: str
    default: []
  lock_wait:
    description:
      - Seconds to wait when another run holds the lock. With V(0) the module fails at once and names the holder.
      - The lock of a run that was killed on this machine is taken over at once. The lock of a dead run elsewhere is
        taken over after O(lock_ttl) plus its O(timeout).
    type: int
    default: 0
  lock_ttl:
    description:
      - Seconds after which the lock of this run expires when it is not renewed. It is renewed three times within that
        time. The minimum is 3.
    type: int
    default: 15
  run_url:
    description:
      - URL of this run, shown to those who find its lock. GitHub Actions, GitLab CI and Jenkins provide it.
    type: str
"""

    LOCK = r"""
options:
  lock:
    description:
      - Which lock to use. V(namespace) is the lock of the namespace and so of its environment. V(platform) is the lock
        of the cluster's platform, a Lease in C(kube-system).
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

    MAY_DIFFER = r"""
options:
  may_differ:
    description:
      - Paths in the values of a release of Dapr components that may differ between the environments, for example
        V(configuration.tracing).
    type: list
    elements: str
    default: [environment]
"""
