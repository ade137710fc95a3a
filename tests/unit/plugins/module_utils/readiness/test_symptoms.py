# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pod suffers from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.evidence import refined
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.sentences import sentence
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import pod_symptoms
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

from tests.support.states import at, tree


def test_the_clearer_sighting_of_a_pull_failure_stays() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-denied"), at(0))
    assert judge.look(tree("pod-pull-back-off-without-cause"), at(16)).terminal


def test_an_unready_pod_that_was_made_without_its_sidecar_is_a_terminal_failure() -> None:
    judge, asked = Judge({}), tree("deployment-never-ready")
    pods = copy.deepcopy(asked.new_pods)
    for pod in pods:
        pod["metadata"]["annotations"] = {"dapr.io/enabled": "true"}
    lacking = Tree(asked.workload, asked.newest, pods, asked.old_pods)
    assert not judge.look(lacking, at(0)).terminal
    assert {symptom.code for symptom in judge.look(lacking, at(11)).terminal} == {Code.SIDECAR_MISSING}


def job_pod(code: int | None, *, daprd: str = "containers", policy: str = "Never") -> dict[str, Any]:
    """A Job's pod: main has ended with this code (None: it runs), daprd runs on."""
    ended = {"terminated": {"exitCode": code, "finishedAt": "2026-11-28T10:00:00Z"}}
    statuses = [{"name": "main", "restartCount": 0, "state": {"running": {}} if code is None else ended}]
    side = {"name": "daprd", **({"restartPolicy": "Always"} if daprd == "initContainers" else {})}
    spec = {"restartPolicy": policy, "containers": [{"name": "main"}]}
    spec[daprd] = [*spec.get(daprd, ()), side]
    key = "initContainerStatuses" if daprd == "initContainers" else "containerStatuses"
    status = {"phase": "Running", "containerStatuses": statuses}
    status[key] = [*status.get(key, ()), {"name": "daprd", "ready": True, "state": {"running": {}}}]
    return {"kind": "Pod", "metadata": {"name": "x-1", "uid": "x-1"}, "spec": spec, "status": status}


@pytest.mark.parametrize("code", [0, 4])
def test_a_sidecar_that_keeps_a_jobs_pod_is_named_with_the_exit_of_the_app(code: int) -> None:
    (found,) = pod_symptoms(job_pod(code), of_job=True)
    assert (found.code, found.reason, found.container, found.exit_code) == (
        Code.JOB_FAILED, "SidecarRuns", "main", code,
    )  # fmt: skip
    text = sentence(found, "x", job_pod(code), cause="no such table")
    assert f"x: container main has ended with code {code}, but sidecar daprd runs on" in text
    assert text.endswith(": no such table")


@pytest.mark.parametrize(
    "pod",
    [job_pod(None), job_pod(0, daprd="initContainers"), job_pod(3, policy="OnFailure")],
    ids=["the app runs", "a native sidecar ends by itself", "the app is started again"],
)
def test_a_sidecar_that_keeps_no_jobs_pod(pod: dict[str, Any]) -> None:
    assert [each.reason for each in pod_symptoms(pod, of_job=True)] == []


def test_a_sidecar_of_another_pod_runs_on_as_it_should() -> None:
    assert all(each.reason != "SidecarRuns" for each in pod_symptoms(job_pod(0)))


def beside_a_sidecar(app: dict[str, Any], *, native: bool = False, started: bool = True) -> dict[str, Any]:
    """A pod whose daprd runs and is not ready, and whose app is in this state."""
    side = {"name": "daprd", **({"restartPolicy": "Always"} if native else {})}
    report = {"name": "daprd", "ready": False, "started": started, "state": {"running": {"startedAt": None}}}
    kind = "initContainer" if native else "container"
    spec: dict[str, Any] = {"containers": [{"name": "app"}]}
    spec[f"{kind}s"] = [*spec.get(f"{kind}s", ()), side]
    status: dict[str, Any] = {"phase": "Pending", "containerStatuses": [{"name": "app", "ready": False, "state": app}]}
    status[f"{kind}Statuses"] = [*status.get(f"{kind}Statuses", ()), report]
    return {"kind": "Pod", "metadata": {"name": "x-1", "uid": "x-1"}, "spec": spec, "status": status}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_sidecar_that_waits_for_its_app_is_not_at_fault(reason: str, native: bool) -> None:
    (found,) = pod_symptoms(beside_a_sidecar({"waiting": {"reason": reason}}, native=native))
    assert sentence(found, "x") == "x: pod x-1: container app is being created"


def test_an_image_that_cannot_be_pulled_is_the_only_symptom() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    assert [each.code for each in pod_symptoms(beside_a_sidecar(waiting))] == [Code.IMAGE_PULL]


@pytest.mark.parametrize(
    ("message", "final"),
    [
        ('failed to resolve reference "ghcr.io/a/b:v9": ghcr.io/a/b:v9: not found', True),
        ("reading manifest v9 in quay.io/a/b: manifest unknown", True),
        ("failed to fetch anonymous token: unexpected status from GET request: 403 Forbidden", True),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", True),
        ('choosing an image from manifest list: no image found in image index for architecture "arm64"', True),
        ("repository name not known to registry", True),
        ("unsupported media type application/vnd.cncf.helm.config.v1+json", True),
        ('short-name "api:v1" did not resolve to an alias and no unqualified-search registries are defined', True),
        ("toomanyrequests: You have reached your pull rate limit", False),
        ("dial tcp 10.0.0.1:443: connect: connection refused", False),
        ("lookup ghcr.io on 10.96.0.10:53: no such host", False),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", False),
        ("503 Service Unavailable", False),
        ("unexpected EOF", False),
        ('Back-off pulling image "ghcr.io/a/b:404"', False),
        ('failed to resolve reference "ghcr.io/a/denied-parties:1": dial tcp 10.0.0.1:443: i/o timeout', False),
        ('Head "https://ghcr.io/v2/a/b/manifests/1.401.0": net/http: TLS handshake timeout', False),
        ("reading manifest 403 in quay.io/a/b: received unexpected HTTP status: 502 Bad Gateway", False),
        ("unexpected status code [manifests 404]: 503 Service Unavailable", False),
        ('failed to resolve reference "ghcr.io/a/b:404": ghcr.io/a/b:404: not found', True),
        ("unexpected status from HEAD request to https://ghcr.io/v2/a/b/manifests/1: 404 Not Found", True),
    ],
)
def test_what_a_registry_will_say_again_has_a_short_grace(message: str, final: bool) -> None:
    (found,) = pod_symptoms(beside_a_sidecar({"waiting": {"reason": "ErrImagePull", "message": message}}))
    assert found.grace == ("image_pull_final" if final else "image_pull")


def test_a_native_sidecar_that_has_not_started_holds_its_app_back() -> None:
    waiting = {"waiting": {"reason": "PodInitializing"}}
    (found,) = pod_symptoms(beside_a_sidecar(waiting, native=True, started=False))
    assert (found.code, found.container) == (Code.SIDECAR_NOT_READY, "daprd")


REFUSED = ["NodePorts", "MatchNodeSelector", "TaintToleration", "ContainerStatusUnknown", "SomethingNew"]


def failed(pod: dict[str, Any], uid: str, created: str, reason: str) -> dict[str, Any]:
    """A pod that the kubelet refused or lost."""
    found = copy.deepcopy(pod)
    found["metadata"] |= {"uid": uid, "name": uid, "creationTimestamp": created}
    found["status"] = {"phase": "Failed", "reason": reason, "message": f"Pod was rejected: {reason}"}
    return found


def with_failed(state: str, *failures: tuple[str, str], reason: str = "NodePorts") -> Tree:
    """The state, with failed pods: (uid, when they were made)."""
    there = tree(state)
    pods = [failed(dict(there.new_pods[0]), uid, made, reason) for uid, made in failures]
    return Tree(there.workload, there.newest, (*pods, *there.new_pods), there.old_pods)


@pytest.mark.parametrize("reason", REFUSED)
def test_a_failed_pod_that_was_replaced_dooms_nothing(reason: str) -> None:
    judge, seen = Judge({}), with_failed("deployment-creating", ("gone", "2020-01-01T00:00:00Z"), reason=reason)
    judge.look(seen, at(0))
    codes = {symptom.code for symptom in judge.look(seen, at(60)).terminal}
    assert Code.POD_FAILED not in codes


def test_a_failed_pod_that_nothing_replaces_counts_after_a_while() -> None:
    judge, seen = Judge({}), with_failed("deployment-creating", ("gone", "2099-01-01T00:00:00Z"))
    assert Code.POD_FAILED not in {symptom.code for symptom in judge.look(seen, at(0)).terminal}
    assert Code.POD_FAILED in {symptom.code for symptom in judge.look(seen, at(21)).terminal}


def test_pods_that_are_refused_again_and_again_doom_it() -> None:
    thrice = [(f"gone-{n}", f"2020-01-01T00:00:0{n}Z") for n in range(3)]
    found = Judge({}).look(with_failed("deployment-creating", *thrice), at(0)).terminal
    assert [(symptom.code, symptom.pod, symptom.reason) for symptom in found] == [
        (Code.POD_FAILED, "gone-0", "NodePorts")]  # fmt: skip
    assert not Judge({}).look(with_failed("deployment-healthy", *thrice), at(0)).terminal


def test_pods_that_fail_side_by_side_are_no_repetition() -> None:
    """A node with three of them is lost, say."""
    thrice = [(f"gone-{n}", f"2020-01-01T00:00:0{n}Z") for n in range(3)]
    seen = with_failed("deployment-creating", *thrice, reason="ContainerStatusUnknown")
    for pod in seen.new_pods[:3]:
        ended = {"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:01:00Z"}
        pod["status"]["conditions"] = [ended]
    assert not Judge({}).look(seen, at(0)).terminal


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("Pod ephemeral local storage usage exceeds the total limit of containers 100Mi. ", True),
        ('Usage of EmptyDir volume "cache" exceeds the limit "1Gi". ', True),
        ('Container app exceeded its local ephemeral storage limit "100Mi". ', True),
        ("The node was low on resource: ephemeral-storage. Container app was using 2Gi, request is 0.", False),
    ],
)
def test_pods_evicted_for_their_own_limit_again_and_again_doom_it(message: str, own: bool) -> None:
    thrice = [(f"gone-{n}", f"2020-01-01T00:00:0{n}Z") for n in range(3)]
    seen = with_failed("deployment-creating", *thrice, reason="Evicted")
    pods: Any = seen.new_pods[:3]
    for pod in pods:
        end = {"exitCode": 137, "reason": "Error"}
        pod["status"] |= {"message": message, "containerStatuses": [{"name": "app", "state": {"terminated": end}}]}
    found = Judge({}).look(seen, at(0)).terminal
    assert [symptom.pod for symptom in found] == (["gone-0"] if own else [])
    for symptom in found:
        text = sentence(symptom, "web", dict(seen.new_pods[0]))
        assert text == f"web: pod gone-0 failed (Evicted: {message.rstrip('. ')})"


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ('failed to reserve container name "app_x_1": name "app_x_1" is reserved for "123"', 120),
        ("context deadline exceeded", 120),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", 120),
        ('the container name "k8s_app" is already in use by 123. You have to remove that container', 120),
        ("error during container init: error mounting /x: not a directory", 10),
    ],
)
def test_a_busy_runtime_has_more_time_than_one_that_refuses(message: str, seconds: int) -> None:
    judge, pod = Judge({}), copy.deepcopy(dict(tree("pod-create-container-error").workload))
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = message
    judge.look(tree_of(pod, []), at(0))
    assert not judge.look(tree_of(pod, []), at(seconds - 1)).terminal
    assert judge.look(tree_of(pod, []), at(seconds)).terminal


def pending(**changed: Any) -> dict[str, Any]:
    """A new pod of a state, of which only this much is known."""
    pod = copy.deepcopy(dict(tree("deployment-creating").new_pods[0]))
    pod["status"] = {"phase": "Pending"}
    pod["spec"] |= changed
    return pod


@pytest.mark.parametrize(
    ("pod", "text"),
    [
        (pending(nodeName=None), "scheduler default-scheduler has said nothing about it"),
        (
            pending(nodeName=None, schedulerName="mine", volumes=[{"persistentVolumeClaim": {"claimName": "data"}}]),
            "scheduler mine has said nothing about it (or its volumes are being made)",
        ),
        (pending(), "node node1 has not begun to start it"),
    ],
)
def test_a_pod_that_nobody_has_begun_with_says_whose_turn_it_is(pod: dict[str, Any], text: str) -> None:
    (found,) = pod_symptoms(pod)
    assert (found.code, found.grace) == (Code.NOT_READY, "not_ready")
    assert sentence(found, "web") == f"web: pod {found.pod}: {text}"


def test_an_init_container_that_does_not_end_is_named() -> None:
    pod = dict(tree("pod-init-running").workload)
    (found,) = pod_symptoms(pod)
    assert (found.code, found.grace, found.container) == (Code.NOT_READY, "not_ready", "wait")
    assert sentence(found, "web", pod, cause="no db") == "web: init container wait runs and has not ended: no db"


def test_an_image_that_is_pulled_for_long_is_named() -> None:
    pod = pending()
    pod["status"] |= {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    (found,) = pod_symptoms(pod)
    about = {"uid": pod["metadata"]["uid"], "fieldPath": "spec.containers{app}"}
    events = [
        {"involvedObject": about, "reason": reason, "message": f'{reason} image "big:1"', "lastTimestamp": when}
        for reason, when in (("Pulling", "2026-01-01T00:00:00Z"), ("Pulled", "2026-01-01T00:01:00Z"))
    ]
    text = sentence(refined(found, events[:1], ""), "web")
    assert text == f'web: pod {found.pod}: its image "big:1" is being pulled'
    assert "container app is being created" in sentence(refined(found, events, ""), "web")


def gated(*conditions: dict[str, str]) -> dict[str, Any]:
    pod: dict[str, Any] = copy.deepcopy(dict(tree("pod-running").workload))
    pod["spec"]["readinessGates"] = [{"conditionType": "target-health.example.org/web"}]
    ready = {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}
    scheduled = {"type": "PodScheduled", "status": "True"}
    pod["status"]["conditions"] = [scheduled, ready, *conditions]
    return pod


def test_a_readiness_gate_that_nobody_sets_is_named() -> None:
    (found,) = pod_symptoms(gated())
    assert (found.code, found.reason, found.grace) == (Code.NOT_READY, "ReadinessGate", "not_ready")
    text = "its containers are ready, but its readiness gate target-health.example.org/web is not: nobody has set it"
    assert sentence(found, "web") == f"web: pod {found.pod}: {text}"


def test_a_readiness_gate_says_why() -> None:
    why = {"type": "target-health.example.org/web", "status": "False", "reason": "Unhealthy", "message": "503"}
    (found,) = pod_symptoms(gated(why))
    assert found.message.endswith("target-health.example.org/web is not: Unhealthy 503")
    assert not list(pod_symptoms(gated({**why, "status": "True"})))


def test_a_pod_whose_node_is_lost_says_so() -> None:
    """Its containers stay ready in its status, as nobody on the node writes it any more."""
    pod = {**gated(), "spec": {**gated()["spec"], "readinessGates": []}}
    next(one for one in pod["status"]["conditions"] if one["type"] == "Ready").pop("reason")
    (found,) = pod_symptoms(pod)
    assert (found.code, found.grace) == (Code.NOT_READY, "not_ready")
    assert sentence(found, "web", pod).endswith("its containers are ready, the pod is not: is node node1 down?")


def test_scheduling_gates_are_named_and_have_no_grace() -> None:
    pod = copy.deepcopy(dict(tree("pod-gated").workload))
    pod["spec"]["schedulingGates"] = [{"name": "queue.example.org/admission"}, {"name": "other"}]
    (found,) = pod_symptoms(pod)
    assert (found.code, found.grace) == (Code.UNSCHEDULABLE, "not_ready")
    assert "scheduling gates queue.example.org/admission, other" in sentence(found, "web", pod)
