#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_apply
short_description: Deploy and verify an environment's set of Helm releases
version_added: 0.1.0
description:
  - Plans all releases at once, applies changes wave by wave (the releases of one wave in parallel), waits for one
    verdict per wave, checks the Dapr sidecars, and records the release set as verified.
  - A release is unchanged only if its inputs are the same, its revision is in the newest verified set and its workloads
    are Current. A release with the same inputs that was not verified is verified again without a Helm call.
  - A run that changes nothing starts no Helm process and writes nothing.
  - When a wave fails, its failures are diagnosed first, then O(on_failure) decides, and the module fails.
  - The module can be killed at any point and run again.
options:
  waves:
    description:
      - Releases in the order they are deployed. The releases of one wave are deployed in parallel; the next wave starts
        when the previous one is verified.
      - A release is a dictionary with C(name), C(namespace), C(chart) (a folder, an archive, or a reference with
        an exact C(chart_version)) and C(values).
      - C(files) is optional, a list of values files on the controller, read as C(helm -f) reads them. The last one
        counts, and C(values) above all.
      - C(watches) is optional, a list of C(kind) (Secret or ConfigMap) and C(name). A change of one of them restarts
        the pods once.
      - C(app_id) is optional, a Dapr app id that one of its workloads must have. Which pods should have a sidecar is
        read from the rendered objects and the pods of every release.
      - C(graces) and C(stability_seconds) are optional, for releases that need others than O(graces) and
        O(stability_seconds).
      - C(rollback_floor) is optional, for releases whose migrations cannot be undone. It is the number of a release
        set, or the lowest version (image tag, or chart version), that a rollback may go to. Once declared, it applies
        as long as a revision with it is in Helm's history.
      - Values that feed a Secret of the chart are found by rendering. They stand in Secrets only (Helm's and the
        release set's), and are not shown. A credential in another place of a chart can be read by anyone who may read
        that.
    type: list
    elements: list
    required: true
  all_releases:
    description:
      - Names of all releases of the environment, including those that are not part of this run.
      - A release that this module deployed and that is not named here causes a warning, or is removed with O(prune).
      - Empty means that no release counts as orphaned.
      - The alias O(known) is deprecated and will be removed in version 2.0.0.
    type: list
    elements: str
    default: []
    aliases: [known]
  prune:
    description:
      - Uninstall releases of this environment that O(all_releases) does not name, after all others were verified.
    type: bool
    default: false
  on_failure:
    description:
      - What happens when a wave fails.
      - With V(set), every release is rolled back to its last verified revision.
      - With V(release), only the failed releases are rolled back.
      - With V(hold), nothing is rolled back, so that the failure can be inspected.
      - Nothing is rolled back when the old pods are unready as well, since then a dependency is down.
      - Nothing is rolled back when a release would go below the C(rollback_floor) that it declares.
      - A release that was never verified cannot be rolled back; see O(on_first_failure).
    type: str
    choices: [set, release, hold]
    default: set
  on_first_failure:
    description:
      - What happens to a failed release that was never verified and so cannot be rolled back.
      - With V(keep) it stays as it is, and the next run continues from there.
      - With V(remove) it is uninstalled after its diagnosis, unless it holds data (a StatefulSet, a
        PersistentVolumeClaim) or O(on_failure=hold).
    type: str
    choices: [keep, remove]
    default: keep
  commit:
    description:
      - Commit that is deployed, for the release set.
    type: str
  origin:
    description:
      - Where it comes from, for the release set, such as RV(todo.cloud.release_bundle#module:origin).
    type: str
  dapr_refuse_below_days:
    description:
      - Nothing is deployed when Dapr's certificates, of releases with sidecars, are valid for fewer days than this.
        With V(0) only when they have ended. Below 30 days a warning says it in any case.
    type: int
    default: 0
  drift:
    description:
      - What happens when somebody changed the objects of a verified release in the cluster. Such a release is
        C(drifted), never unchanged, and RV(drift) names each field, who wrote it and when, as far as the cluster
        records it.
      - With V(report) it is left as it is, with a warning in every run until that is undone or restored.
      - With V(restore) it is deployed again under the lock, as by an upgrade. Fields that others changed, added or
        removed and objects that they deleted become what the release says, which is verified and recorded.
      - With V(refuse) the run fails with the code C(drifted) before its first write.
      - With V(ignore) nothing is compared.
      - What an autoscaler, another known controller, the API server or this collection wrote is no drift, and no
        restart is.
      - A run compares only releases in which somebody wrote workloads, custom resources, ConfigMaps or Secrets since
        they were verified, so it costs no request where nobody did. Check mode compares all releases and objects.
      - To compare, every object is applied by a server-side dry run, which needs the right to patch; objects that may
        not be compared are named.
    type: str
    choices: [ignore, report, restore, refuse]
    default: report
  export:
    description:
      - Folder, new or from an earlier export, for the releases as plain values files, charts, and a script with the
        Helm commands that deploy them. With it, the releases can be managed without this collection.
      - It is written in check mode too, since it changes nothing in the cluster.
    type: path
  probe:
    description:
      - Request O(endpoint) every 50 ms during the run, and return RV(availability). Not in check mode.
    type: bool
    default: false
  verify:
    description:
      - At the end of a run that went well, verify all releases of O(waves) as M(todo.cloud.release_verify) does, those
        that were unchanged as well. Not in check mode.
    type: bool
    default: false
  verify_job:
    description:
      - A command that must end well after the last wave that changed something, before the set counts as verified.
        When it fails (C(verify_job_failed)), O(on_failure) decides about all that this run wrote. Not in check mode,
        and not in a run that changes nothing.
      - It is run as by M(todo.cloud.release_run), as a Job with what a service has. Where the environment opens them
        (C(networkPolicies.verifyJob) of charts/environment), it also reaches the ports of all services.
    type: dict
    suboptions:
      service:
        description: Service whose image, variables and Secrets it has, with hyphens or underscores.
        type: str
        required: true
      command:
        description: The command. It is not run by a shell.
        type: list
        elements: str
        required: true
      chart:
        description: Folder of the chart C(service) of this collection.
        type: path
        required: true
      image:
        description: Another image than the service's.
        type: str
      timeout:
        description: Seconds after which it has failed.
        type: int
        default: 300
  bake:
    description:
      - After the last wave that changed something, and after O(verify_job), errors and latency of each service are
        compared with those before this run, by what Prometheus has seen. A service that answers more with 5xx, or
        takes longer, has failed (C(regression)), and O(on_failure) decides.
      - A service is compared only where it had enough requests in both windows. Where Prometheus does not answer,
        nothing is compared, and a warning says so. Not in check mode, and not in a run that changes nothing.
      - It is asked through the API server, which needs the right to get C(services/proxy) in its namespace.
    type: dict
    suboptions:
      seconds:
        description: Length of each window, four times the scrape interval at least. V(0) compares nothing.
        type: int
        required: true
      namespace:
        description: Namespace of Prometheus. V(monitoring) if not given.
        type: str
      service:
        description: Its Service. V(prometheus-operated) if not given.
        type: str
      port:
        description: Port of the Service. V(9090) if not given.
        type: int
      url:
        description: URL of a Prometheus that is asked instead, from where this module runs.
        type: str
      error_ratio:
        description: How much larger the share of requests with 5xx may be than before. V(0.01) if not given.
        type: float
      latency_quantile:
        description:
          - Quantile of the latency that has to rise as well, so that a single request that hung does not count.
            V(0.9) if not given.
        type: float
      latency_factor:
        description: How many times that of before the mean latency may be. V(1.5) if not given.
        type: float
      latency_seconds:
        description: By how much it may rise in any case. V(0.05) if not given.
        type: float
      requests:
        description: Requests that a service needs in each window to be compared. V(50) if not given.
        type: int
      queries:
        description:
          - PromQL for metrics of other names, of C(requests), C(errors), C(latency) and C(quantile). Each gives a value
            for each label C(container), which is the name of the service.
          - C($namespace), C($window) and C($quantile) are replaced.
        type: dict
  preflight:
    description:
      - Before the first write, the rendered objects of releases that change are compared with the cluster. Missing
        Secrets, keys, ConfigMaps, images, kinds, rights and the like, and what the API server refuses in a dry run, are
        one list (C(preflight_failed), or the code that all of them share); nothing is written then.
      - With V(all), what is unchanged is looked at too.
    type: str
    choices: [changed, all]
    default: changed
  prepared_secrets:
    description:
      - Names of Secrets that the caller writes before the deployment. In check mode they are not missed.
    type: list
    elements: str
    default: []
seealso:
  - module: todo.cloud.release_rollback
  - module: todo.cloud.release_set_info
  - module: todo.cloud.helm_release
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.wait_options
  - todo.cloud.wait_options.readiness
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.announce
  - todo.cloud.release_options.cluster
  - todo.cloud.release_options.changes
  - todo.cloud.release_options.helm
  - todo.cloud.release_options.dapr
  - todo.cloud.release_options.endpoint
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  action_group:
    membership:
      - todo.cloud.k8s
      - todo.cloud.releases
  check_mode:
    support: full
    details: Returns the plan, and with diff mode each manifest's diff from a server-side dry run. Nothing is written.
  diff_mode:
    support: full
    details: The values of Secrets are hidden.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Deploy staging
  todo.cloud.release_apply:
    environment: staging
    namespace: todo-staging
    all_releases: [backend-api, frontend]
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

- name: Plan a deployment
  todo.cloud.release_apply:
    environment: staging
    namespace: todo-staging
    all_releases: [backend-api]
    waves:
      - - name: backend-api
          namespace: todo-staging
          chart: "{{ playbook_dir }}/../charts/service"
          values:
            image: ghcr.io/todo-app/backend-api:v1.2.0
  check_mode: true
  diff: true
  register: plan

- name: Show the table of releases
  ansible.builtin.debug:
    var: deployed.table
"""

RETURN = r"""
plan:
  description: What each release needed, and why.
  returned: success or failure after planning
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    kind:
      description:
        - What it needs; V(verify) is applied but not verified, V(drifted) was changed in the cluster, V(stuck) has to
          be repaired first, V(busy) is used by another run.
      type: str
      choices: [change, new, verify, remove, drifted, stuck, busy, unchanged]
    why:
      description: The reason; may be empty.
      type: str
    revisions:
      description: Its revision, and the next one.
      type: str
    state:
      description: Its state.
      type: str
      choices: [absent, verified, drifted, unverified, outdated, changed_manually, failed, superseded, stuck, busy,
        uninstalling, uninstalled, corrupt]
    action:
      description: The next action; V(none) for a drifted release that is left as it is.
      type: str
      choices: [unchanged, none, verify, install, upgrade, rollback, uninstall, recover, quarantine, finish_uninstall,
        refuse]
    revision:
      description: Its newest revision, 0 for none.
      type: int
    changes:
      description: What differs.
      type: list
      elements: str
    image:
      description: Its image as it is wanted, with its digest where that is known.
      returned: where its values name one
      type: str
    image_before:
      description: Its image as it is deployed.
      returned: where its values name one
      type: str
  sample:
    - name: backend-api
      kind: change
      why: image ghcr.io/todo-app/backend-api:v1.0.0 -> ghcr.io/todo-app/backend-api:v1.1.0
      revisions: 3 -> 4
      state: outdated
      action: upgrade
      revision: 3
      changes: ["image ghcr.io/todo-app/backend-api:v1.0.0 -> ghcr.io/todo-app/backend-api:v1.1.0"]
      image: ghcr.io/todo-app/backend-api:v1.1.0
      image_before: ghcr.io/todo-app/backend-api:v1.0.0
releases:
  description:
    - The result of each release. C(from), C(tried) and C(to) are revisions, 0 for none.
    - C(outcome) is V(unchanged), V(drifted) (changed in the cluster, and left so), V(verified), V(applied) (the run
      ended before it was verified), V(failed), V(restored) (back at its last verified revision), V(removed), V(kept)
      (left as it was) or V(predicted) (check mode).
      C(detail) is text for people.
  returned: success or failure after planning
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    action:
      description: What was done, as in the plan.
      type: str
    from:
      description: Revision before the run, 0 for none.
      type: int
    tried:
      description: Revision that the run made, 0 for none.
      type: int
    to:
      description: Revision after the run, 0 for none.
      type: int
    outcome:
      description:
        - Outcome; V(applied) means that the run ended before it was verified, V(kept) that it was left as it was.
      type: str
      choices: [unchanged, drifted, verified, applied, failed, restored, removed, kept, predicted]
    detail:
      description: Details for people; may be empty.
      type: str
  sample:
    - {name: backend-api, action: upgrade, from: 3, tried: 4, to: 4, outcome: verified, detail: ""}
failures:
  description: Each failure with its code, message and evidence.
  returned: success or failure after planning
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
  description: The first failure, as in RV(failures).
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
preflight:
  description: What stands in the way of the plan.
  returned: in check mode
  type: list
  elements: dict
  contains:
    release:
      description: Name of the release.
      type: str
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: What is wrong, and where.
      type: str
    remedy:
      description: What to do about it.
      type: str
    certain:
      description: Whether the deployment would be refused; otherwise it may go well all the same.
      type: bool
  sample:
    - release: backend-api
      code: config_missing
      message: Deployment backend-api needs key 'url' of Secret 'database', which is not there
      remedy: create it, or add it to environment_secrets
      certain: true
drift:
  description: What differs between the cluster and the deployed releases.
  returned: when O(drift) is not V(ignore)
  type: list
  elements: dict
  contains:
    release:
      description: Name of the release.
      type: str
    kind:
      description: Kind of the object.
      type: str
    name:
      description: Name of the object.
      type: str
    path:
      description: Path of the field; empty for a whole object.
      type: str
    change:
      description:
        - What happened; V(missing) means that the object does not exist, V(unknown) that it could not be compared.
      type: str
      choices: [changed, added, removed, missing, unknown]
    wanted:
      description: Value in the release, as JSON.
      type: str
    found:
      description: Value in the cluster, as JSON.
      type: str
    by:
      description: Field manager that wrote it; may be empty.
      type: str
    when:
      description: Time of that write; may be empty.
      type: str
    message:
      description: One sentence.
      type: str
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
  description: Information about the plan that is not a warning, such as images that are deployed by tag.
  returned: success or failure after planning
  type: list
  elements: str
  sample: ["ghcr.io is not asked for digests. By tag: backend-api."]
availability:
  description: What requests to O(endpoint) met during the run, as M(todo.cloud.availability_probe) returns it.
  returned: with O(probe=true), not in check mode
  type: dict
  sample:
    requests: 412
    failed_requests: 0
    before_first: 0
    failures: []
    longest_gap_ms: 61.3
    p50_ms: 4.1
    p99_ms: 12.8
    certificate_days_left: 61
    summary: "412 requests, 0 failed, longest gap 61 ms, p99 13 ms"
verification:
  description: The verification at the end, as M(todo.cloud.release_verify) returns it. Left out before it began.
  returned: with O(verify=true), not in check mode
  type: dict
  sample: {verdict: Current, workloads: [], failures: [], notes: [], apps: [], sidecars: no pod asks, elapsed: 0.2}
verify_job:
  description: What became of O(verify_job).
  returned: when it was run
  type: dict
  contains:
    ok:
      description: Whether it ended well.
      type: bool
    seconds:
      description: How long it took.
      type: float
    output:
      description: Its last lines.
      type: list
      elements: str
  sample: {ok: true, seconds: 6.1, output: ["registered, created, completed, the next one came after 0.4 s, deleted"]}
bake:
  description: What O(bake) compared.
  returned: when it was done
  type: dict
  contains:
    ok:
      description: Whether no service is worse than before.
      type: bool
    judged:
      description: Services that had enough requests.
      type: list
      elements: str
  sample: {ok: true, judged: [backend-api, frontend]}
exported:
  description: Files of the export, relative to its folder.
  returned: when O(export) is given
  type: list
  elements: str
  sample: [README.md, backend-api.yaml, charts/service-0a1b2c3d.tgz, helm.sh]
timeline:
  description: When the run did what, by the clock of this machine; 200 entries at most.
  returned: success or failure after planning
  type: list
  elements: dict
  contains:
    kind:
      description:
        - What it is; V(pod) is the time from a pod's creation until it is ready, V(sidecar) from the start of its
          sidecar on.
      type: str
      choices: [plan, lock, wave, helm, wait, pod, sidecar, sidecars, rollback, job, bake, verify]
    name:
      description: What it is about, for people.
      type: str
    release:
      description: Name of the release; empty where there are several.
      type: str
    start:
      description: Its start, in seconds since 1970.
      type: float
    seconds:
      description: How long it took.
      type: float
    outcome:
      description: Its end; V(failed) also of a pod that has not become ready.
      type: str
      choices: [ok, failed]
  sample:
    - {kind: helm, name: backend-api revision 4, release: backend-api, start: 1796001201.5, seconds: 1.4, outcome: ok}
helm_calls:
  description: Helm processes that were started.
  returned: success or failure after planning
  type: int
  sample: 1
api:
  description: Requests to the Kubernetes API, retries and repeated lists.
  returned: success or failure after planning
  type: dict
  contains:
    requests:
      description: Requests.
      type: int
    retries:
      description: Retries after faults.
      type: int
    relists:
      description: Repeated lists of watches.
      type: int
  sample: {requests: 7, retries: 0, relists: 0}
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ALL_RELEASES,
    ANNOUNCE,
    CHANGE_RULES,
    CLUSTER,
    DAPR,
    ENDPOINT,
    ENVIRONMENT,
    HELM,
    KUBE,
    RECORD_KEYS,
    REGISTRIES,
    WAIT,
)
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import (
    fail_json_on_error,
    finish,
    live_progress,
    module_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from

SPEC: dict[str, t.Any] = {
    **KUBE,
    **WAIT,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **ANNOUNCE,
    **CLUSTER,
    **CHANGE_RULES,
    **HELM,
    **DAPR,
    **REGISTRIES,
    "waves": {"type": "list", "elements": "list", "required": True},
    **ALL_RELEASES,
    "prune": {"type": "bool", "default": False},
    "on_failure": {"type": "str", "choices": ["set", "release", "hold"], "default": "set"},
    "on_first_failure": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
    "commit": {"type": "str"},
    "origin": {"type": "str"},
    "drift": {"type": "str", "choices": ["ignore", "report", "restore", "refuse"], "default": "report"},
    "dapr_refuse_below_days": {"type": "int", "default": 0},
    "export": {"type": "path"},
    **ENDPOINT,
    "probe": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": False},
    "bake": {
        "type": "dict",
        "options": {
            "seconds": {"type": "int", "required": True},
            "namespace": {"type": "str"},
            "service": {"type": "str"},
            "port": {"type": "int"},
            "url": {"type": "str"},
            "error_ratio": {"type": "float"},
            "latency_quantile": {"type": "float"},
            "latency_factor": {"type": "float"},
            "latency_seconds": {"type": "float"},
            "requests": {"type": "int"},
            "queries": {"type": "dict"},
        },
    },
    "verify_job": {
        "type": "dict",
        "options": {
            "service": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "chart": {"type": "path", "required": True},
            "image": {"type": "str"},
            "timeout": {"type": "int", "default": 300},
        },
    },
    "preflight": {"type": "str", "choices": ["changed", "all"], "default": "changed"},
    "prepared_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
}


def main() -> None:
    module = module_of(SPEC, supports_check_mode=True)
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        settings = settings_from(module)
        waves = parse_waves(module.params["waves"], settings.namespace)
        helm = HelmCli(kube.kubeconfig, module.params["helm_binary"])
        run = Run(kube, helm, settings, live_progress(), "release_apply")
        report = apply_releases(run, waves)
    finish(module, report)


if __name__ == "__main__":
    main()
