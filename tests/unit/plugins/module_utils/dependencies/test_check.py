"""Whose fault: a row of the table is down, and only then a failure is explained by it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.check import Dependencies
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.down import Down
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import NETWORK_POLICY
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    NODE,
    POD,
    SECRET,
    SERVICE,
    WELL_KNOWN,
    Resource,
)

from tests.support.fake_environment import SLICE
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.environments.test_table import policy, workload

COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
DAPR = {"dapr.io/enabled": "true", "dapr.io/app-id": "api"}


def service(kube: FakeKube, namespace: str, name: str, *ready: bool, **metadata: Any) -> None:
    """A Service with endpoints."""
    spec = {"selector": {"app": name}, "clusterIP": "10.96.0.7"}
    kube.put(SERVICE, namespace, {"metadata": {"name": name, **metadata}, "spec": spec})
    endpoints = [{"conditions": {"ready": each}} for each in ready]
    labels = {"kubernetes.io/service-name": name}
    kube.put(SLICE, namespace, {"metadata": {"name": f"{name}-1", "labels": labels}, "endpoints": endpoints})


def cluster(**annotations: str) -> FakeKube:
    """A failing pod on a node that works."""
    kube = FakeKube()
    kube.put(POD, "ns", {"metadata": {"name": "api-1", "annotations": annotations}, "spec": {"nodeName": "n"}})
    node(kube, "True")
    return kube


def node(kube: FakeKube, ready: str) -> None:
    condition = {"type": "Ready", "status": ready, "reason": "NodeStatusUnknown"}
    kube.put(NODE, "", {"metadata": {"name": "n"}, "status": {"conditions": [condition]}})


def failed(*log: str, code: Code = Code.CRASH_LOOP, **details: Any) -> Failure:
    return Failure(code, "api: container app exits with code 1.", {"pod": "api-1", "log_tail": list(log), **details})


def down(kube: FakeKube, failure: Failure, **options: Any) -> list[Down]:
    return Dependencies(kube, "ns", "dapr-system", **options).blamed({"api": failure}).get("api", [])


REFUSED = failed("dial tcp: connect to db:5432: connection refused")


def test_a_failure_without_anything_down_is_the_releases_own() -> None:
    kube = cluster()
    service(kube, "ns", "db", True)
    assert down(kube, REFUSED) == []
    assert down(kube, failed("ValueError: no")) == []


@pytest.mark.parametrize("ready", [(), (False,), (False, False)])
def test_a_service_without_a_ready_pod_is_down(ready: tuple[bool, ...]) -> None:
    kube = cluster()
    service(kube, "ns", "db", *ready)
    (found,) = down(kube, REFUSED)
    assert found.code is Code.DEPENDENCY_DOWN
    assert "db:5432" in found.what


@pytest.mark.parametrize(
    "host", ["kafka.data:9092", "kafka.data.svc:9092", "kafka-0.kafka.data.svc.cluster.local:9092", "10.96.0.7:9092"]
)
def test_names_of_services(host: str) -> None:
    kube = cluster()
    service(kube, "data", "kafka", False)
    if host[0].isdigit():
        service(kube, "ns", "kafka", False)  # the fake lists one namespace
    assert len(down(kube, failed(f"connect to {host}: refused"))) == 1


def test_a_connection_that_a_policy_cuts_is_named() -> None:
    kube, deny = cluster(), policy("all", selector={})
    out = policy("web", egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5432}]}])
    store(kube, "web", manifest="\n---\n".join(map(json.dumps, (workload("web"), workload("api"), deny, out))))
    kube.put(NETWORK_POLICY, "ns", deny)
    failure = failed("ValueError: no", workload="web")
    why = "NetworkPolicy policy-web does not exist any more"
    assert down(kube, failure) == [Down("the connection web -> 10.0.0.5/32 : 5432", why)]
    assert down(kube, failed("ValueError: no", workload="api")) == [], "another workload's"
    assert down(kube, failed(code=Code.IMAGE_PULL, workload="web")) == [], "it does not run"
    kube.put(NETWORK_POLICY, "ns", out)
    assert down(kube, failure) == []


def test_a_service_that_is_not_there_or_has_no_pods_of_its_own_is_not_down() -> None:
    kube = cluster()
    assert down(kube, REFUSED) == []
    kube.put(SERVICE, "ns", {"metadata": {"name": "db"}, "spec": {"type": "ExternalName"}})
    assert down(kube, REFUSED) == []


def test_what_a_release_of_the_wave_brings_along_fails_with_it() -> None:
    kube = cluster()
    service(kube, "ns", "db", False, annotations={"meta.helm.sh/release-name": "shop"})
    assert down(kube, REFUSED, wave=["shop"]) == []
    assert len(down(kube, REFUSED, wave=["other"])) == 1


def test_hosts_outside_of_the_cluster_count_if_the_old_version_named_them() -> None:
    failure = failed('connection to server at "db.example.org", port 5432 failed: timed out')
    asked: list[tuple[str, int]] = []

    def silent(host: str, port: int) -> bool:
        asked.append((host, port))
        return False

    assert len(down(cluster(), failure, known="url: db.example.org:5432", connect=silent)) == 1
    assert asked == [("db.example.org", 5432)]
    assert down(cluster(), failure, known="url: other", connect=silent) == []
    assert down(cluster(), failure, known="url: db.example.org:5432", connect=lambda host, port: True) == []


def test_the_platform_is_named() -> None:
    kube = cluster(**DAPR)
    node(kube, "Unknown")
    service(kube, "kube-system", "kube-dns", False)
    service(kube, "dapr-system", "dapr-sentry", False)
    service(kube, "dapr-system", "dapr-api", True)
    found = down(kube, failed())
    assert [each.what for each in found] == ["node n", "cluster DNS", "Dapr's dapr-sentry"], "causes come first"
    assert {each.code for each in found} == {Code.PLATFORM_DOWN}


def test_dapr_is_not_to_blame_for_pods_without_a_sidecar() -> None:
    kube = cluster()
    service(kube, "dapr-system", "dapr-sentry", False)
    assert down(kube, failed()) == []
    assert len(down(kube, failed(code=Code.SIDECAR_MISSING))) == 1


@pytest.mark.parametrize(
    "name", ["dapr-sidecar-injector", "dapr-sentry", "dapr-placement-server", "dapr-scheduler-server", "dapr-api"]
)
def test_parts_of_dapr_that_publish_unready_pods_too(name: str) -> None:
    kube = cluster(**DAPR)
    service(kube, "dapr-system", name, True)
    assert down(kube, failed()) == []
    item = kube.objects["EndpointSlice", "dapr-system", f"{name}-1"]
    item["endpoints"][0]["conditions"] = {"ready": True, "serving": False}
    assert [each.what for each in down(kube, failed())] == [f"Dapr's {name}"]


@pytest.mark.parametrize(("namespace", "name"), [("kube-system", "kube-dns"), ("openshift-dns", "dns-default")])
def test_the_clusters_names(namespace: str, name: str) -> None:
    kube = cluster()
    service(kube, namespace, name)
    assert [(each.what, each.code) for each in down(kube, failed())] == [("cluster DNS", Code.PLATFORM_DOWN)]


def test_a_node_that_came_back_a_moment_ago() -> None:
    """Everything else on it was away as well. A node that was not there before the pod is a new one."""
    kube = cluster()
    item = kube.objects["Node", "", "n"]["status"]["conditions"][0]
    pod = kube.objects["Pod", "ns", "api-1"]["metadata"]
    pod["creationTimestamp"], item["lastTransitionTime"] = "1970-01-12T13:44:00Z", "1970-01-12T13:46:10Z"
    kube.now = 1_000_000.0  # 13:46:40
    assert [each.why for each in down(kube, failed())] == ["it came back only now"]
    kube.now += 60
    assert down(kube, failed()) == []
    kube.now -= 60
    pod["creationTimestamp"] = "1970-01-12T13:46:15Z"
    assert down(kube, failed()) == []


def just_back(kube: FakeKube, namespace: str, name: str) -> None:
    """A Service whose only pod became ready a moment ago, after the pod that fails was made."""
    service(kube, namespace, name, True)
    kube.objects["Pod", "ns", "api-1"]["metadata"]["creationTimestamp"] = "1970-01-12T13:44:00Z"
    item = kube.objects["EndpointSlice", namespace, f"{name}-1"]["endpoints"][0]
    item["targetRef"] = {"kind": "Pod", "namespace": namespace, "name": "served-1"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-12T13:46:10Z"}
    kube.put(POD, namespace, {"metadata": {"name": "served-1"}, "status": {"conditions": [ready]}})


def test_a_part_of_dapr_that_came_back_a_moment_ago() -> None:
    kube = cluster(**DAPR)
    just_back(kube, "dapr-system", "dapr-api")
    assert [(each.what, each.why) for each in down(kube, failed())] == [("Dapr's dapr-api", "it came back only now")]
    kube.now += 60
    assert down(kube, failed()) == []


WAITS = [
    '{"level":"info","msg":"application protocol: http. waiting on port 5000.  This will block until ..."}',
    '{"level":"error","msg":"Failed to connect to scheduler host: connection refused"}',
    '{"level":"info","msg":"waiting for application to listen on port 5000"}',
]


def test_dapr_is_not_what_an_app_fails_of_for_which_its_sidecar_waits() -> None:
    """The sidecar has got from Dapr what it needs, whatever becomes of Dapr's parts: the app does not listen."""
    kube = cluster(**DAPR)
    service(kube, "dapr-system", "dapr-scheduler-server", False)
    found = "application discovered on port 5000"
    for code, log, blames in (
        (Code.NOT_READY, WAITS, 0), (Code.NOT_READY, WAITS[1:2], 1), (Code.NOT_READY, [*WAITS, found], 1),
    ):  # fmt: skip
        failure = failed(code=code, container_role="container", sidecar={"log_tail": log})
        assert len(down(kube, failure)) == blames
    own = failed(*WAITS, code=Code.SIDECAR_NOT_READY, container_role="sidecar")
    assert down(kube, own) == []
    assert len(down(kube, failed(*WAITS, container_role="container"))) == 1, "an app's words, whatever they are"


def test_a_sidecar_that_waits_for_its_app_has_had_dns() -> None:
    kube, waiting = cluster(**DAPR), failed(code=Code.NOT_READY, sidecar={"log_tail": WAITS})
    just_back(kube, "kube-system", "kube-dns")
    assert (len(down(kube, failed())), down(kube, waiting)) == (1, [])
    service(kube, "kube-system", "kube-dns", False)
    assert len(down(kube, waiting)) == 1, "the app may need it now"


@pytest.mark.parametrize("code", [Code.TIMEOUT, Code.PROGRESS_DEADLINE])
def test_nodes_of_all_its_pods_where_no_pod_is_named(code: Code) -> None:
    """A pod on a node that is gone shows no symptom of its own."""
    kube = cluster()
    kube.objects["Pod", "ns", "api-1"]["metadata"]["labels"] = {"app": "api"}
    selector = {"matchLabels": {"app": "api"}}
    kube.put(DEPLOYMENT, "ns", {"metadata": {"name": "api"}, "spec": {"selector": selector}})
    timed_out = Failure(code, "api: 0 of 1 available.", {"kind": "Deployment", "workload": "api", "pod": ""})
    assert down(kube, timed_out) == []
    node(kube, "Unknown")
    assert [each.what for each in down(kube, timed_out)] == ["node n"]


def test_a_pod_that_only_a_lost_node_has_room_for() -> None:
    kube = cluster()
    node(kube, "False")
    tainted = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."
    full = "0/1 nodes are available: 1 Insufficient cpu."
    assert [each.what for each in down(kube, failed(code=Code.UNSCHEDULABLE, api_message=tainted))] == ["node n"]
    assert down(kube, failed(code=Code.UNSCHEDULABLE, api_message=full)) == []
    node(kube, "True")
    assert down(kube, failed(code=Code.UNSCHEDULABLE, api_message=tainted)) == []


def test_an_admission_webhook_that_lets_no_pod_be_made() -> None:
    text = (
        'failed calling webhook "pods.policy.example": failed to call webhook: Post "https://policy.guard.svc:443/p": '
        "no endpoints available"
    )
    gone = failed(code=Code.FAILED_CREATE, kind="Deployment", workload="api", api_message=text)
    (found,) = down(cluster(), gone)
    assert (found.what, found.code) == (
        "admission webhook pods.policy.example (Service policy in namespace guard)", Code.PLATFORM_DOWN,
    )  # fmt: skip
    assert down(cluster(), failed(code=Code.FAILED_CREATE, api_message="no idea")) == []


def outside(kube: FakeKube, *up: str, known: str = "", secret: bool = False) -> list[Down]:
    """Brokers a and b are outside of the cluster; those of ``up`` accept connections."""
    text = "a.example.org:9092,b.example.org:9092"
    entry: dict[str, Any] = {"name": "brokers", "value": text}
    if secret:
        entry = {"name": "brokers", "secretKeyRef": {"name": "kafka", "key": "brokers"}}
        data = {"brokers": base64.b64encode(text.encode()).decode()}
        kube.put(SECRET, "ns", {"metadata": {"name": "kafka"}, "data": data})
    kube.put(COMPONENT, "ns", {"metadata": {"name": "pubsub"}, "spec": {"type": "pubsub.kafka", "metadata": [entry]}})
    hangs = failed(code=Code.SIDECAR_NOT_READY)
    return down(kube, hangs, known=known, connect=lambda host, port: host.split(".")[0] in up)


def test_brokers_outside_of_the_cluster_are_down_when_none_of_them_answers() -> None:
    known = "brokers: a.example.org:9092,b.example.org:9092"
    assert outside(cluster(**DAPR), "b", known=known) == []
    assert outside(cluster(**DAPR), known="other") == [], "the new version may have them wrong"
    assert len(outside(cluster(**DAPR), secret=True)) == 1, "the old version reads the same Secret"
    (found,) = outside(cluster(**DAPR), known=known)
    assert found.what == "a.example.org:9092, b.example.org:9092 of component pubsub (pubsub.kafka)"


@pytest.mark.parametrize("scopes", [None, ["api"], ["other"]])
def test_brokers_of_components(scopes: list[str] | None) -> None:
    kube = cluster(**DAPR)
    service(kube, "data", "kafka", False)
    entry = {"name": "brokers", "secretKeyRef": {"name": "kafka-credentials", "key": "brokers"}}
    body: dict[str, Any] = {"metadata": {"name": "pubsub"}, "spec": {"metadata": [entry]}}
    kube.put(COMPONENT, "ns", {**body, **({"scopes": scopes} if scopes else {})})
    brokers = base64.b64encode(b"kafka.data.svc:9092").decode()
    kube.put(SECRET, "ns", {"metadata": {"name": "kafka-credentials"}, "data": {"brokers": brokers}})
    assert len(down(kube, failed(code=Code.SIDECAR_NOT_READY))) == (0 if scopes == ["other"] else 1)


def test_what_is_down_is_named_once_by_what_it_is_for() -> None:
    kube = cluster(**DAPR)
    service(kube, "data", "kafka", False)
    service(kube, "dapr-system", "dapr-sentry", False)
    entry = {"name": "brokers", "value": "kafka.data.svc:9092"}
    kube.put(COMPONENT, "ns", {"metadata": {"name": "pubsub"}, "spec": {"metadata": [entry]}})
    lines = ["dial kafka.data:9092: refused", "dial dapr-sentry.dapr-system.svc:443: refused"]
    assert [each.what for each in down(kube, failed(*lines))] == [
        "Dapr's dapr-sentry", "kafka.data.svc:9092 of component pubsub",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "is_down"),
    [
        ('Failed to pull image "ghcr.io/a/b:1": dial tcp 1.2.3.4:443: i/o timeout', True),
        ('Failed to pull image "ghcr.io/a/b:1": unexpected status: 503 Service Unavailable', True),
        ('Failed to pull image "ghcr.io/a/b:1": toomanyrequests: rate limit', True),
        ('Failed to pull image "ghcr.io/a/b:1": ghcr.io/a/b:1: not found', False),
        ('Failed to pull image "ghcr.io/a/b:1": 403 Forbidden', False),
        ("Back-off pulling image", False),
    ],
)
def test_registries(text: str, is_down: bool) -> None:
    found = down(cluster(), failed(code=Code.IMAGE_PULL, api_message=text))
    assert bool(found) is is_down
    assert not found or found[0].what == "registry ghcr.io"


def test_codes_that_nothing_else_explains() -> None:
    kube = cluster()
    service(kube, "ns", "db", False)
    assert down(kube, failed("db:5432 refused", code=Code.CONFIG_MISSING)) == []


class Strict(FakeKube):
    """Nothing may be read, or nothing answers."""

    error: Exception = Forbidden("no", 403)

    def before(self, verb: str, resource: Resource, name: str) -> None:
        raise self.error


def test_what_may_not_be_read_counts_as_up() -> None:
    assert down(Strict(), REFUSED) == []


def test_an_api_that_is_out_of_reach_ends_it() -> None:
    kube = Strict()
    kube.error = Unreachable("no answer")
    with pytest.raises(Unreachable):
        down(kube, REFUSED)
