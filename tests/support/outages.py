"""What the code says in each outage of docs/operations.md: run with fakes, and captured."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.filter.environment_table import environment_table
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import Trust
from ansible_collections.todo.cloud.plugins.module_utils.deploy import verify_job
from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Report
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import NETWORK_POLICY
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import error_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kafka.client import Connection, Log, unreached
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import Topic, compare
from ansible_collections.todo.cloud.plugins.module_utils.kube import transport
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    ENDPOINT_SLICE,
    EVENT,
    NAMESPACE,
    NODE,
    POD,
    SECRET,
    SERVICE,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import LockState, ManualLock
from ansible_collections.todo.cloud.plugins.module_utils.logins import kafka, postgres
from ansible_collections.todo.cloud.plugins.module_utils.logins.check import with_what_to_do
from ansible_collections.todo.cloud.plugins.module_utils.logins.job import JobTry
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Kind, Login, waits
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Target as LoginTarget
from ansible_collections.todo.cloud.plugins.module_utils.planning.image_digests import ImageDigests
from ansible_collections.todo.cloud.plugins.module_utils.planning.promotion import Terms, choose
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import Snapshot
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.preflight.capacity import Wanted, shortages
from ansible_collections.todo.cloud.plugins.module_utils.preflight.dapr_trust import trust_problems
from ansible_collections.todo.cloud.plugins.module_utils.preflight.metrics import metrics_api
from ansible_collections.todo.cloud.plugins.module_utils.preflight.needs import Need
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import failure_of
from ansible_collections.todo.cloud.plugins.module_utils.preflight.surroundings import not_there
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference
from ansible_collections.todo.cloud.plugins.module_utils.registry.tagging import tag_image
from ansible_collections.todo.cloud.plugins.module_utils.releases import verify
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases
from ansible_collections.todo.cloud.plugins.module_utils.releases.differences import note_differences
from ansible_collections.todo.cloud.plugins.module_utils.releases.helm_release import HelmReleaseRun
from ansible_collections.todo.cloud.plugins.module_utils.releases.platform_info import PlatformInfo
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.releases.verify import verify_releases
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter, WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift, OnFailure, Settings

from tests.support import states
from tests.support.fake_api import Answer, Request, failure, fake_api, obj
from tests.support.fake_environment import CHART, World, spec
from tests.support.fake_helm import LONG_AGO, FakeHelm, Object
from tests.support.fake_kube import FakeKube
from tests.support.fake_registry import FakeRegistry
from tests.support.signatures import Signer
from tests.support.stored_releases import store

GOOD, NEXT = ({"image": f"ghcr.io/todo-app/backend-api:{tag}"} for tag in ("v1.0.0", "v1.1.0"))
BAD = {"image": "ghcr.io/todo-app/backend-api:bad"}
COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
NEW, NOW = "backend-api:bad", "1970-01-12T13:46:40Z"
AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]
STAGING = {"todo.cloud/environment": "staging"}
PROBED: Object = {"name": "app", "readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}}}
RUNNING = {"name": "app", "ready": False, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}}
UNREADY: Object = {"containerStatuses": [RUNNING], "conditions": [{"type": "Ready", "status": "False"}]}
FULL = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/2 nodes are available: 2 Insufficient cpu."}  # fmt: skip
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
BROKER = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-broker}
spec:
  podSelector: {matchLabels: {app: backend-api}}
  policyTypes: [Egress]
  egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kafka}}}]
      ports: [{protocol: TCP, port: 9092}]
"""
LIMIT = (
    "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued "
    "for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-24 08:30:00 UTC"
)
HOLDER = Holder("me", who="ada", host="ci-7", what="release_apply", commit="1f3c5a7", url="https://ci.example.com/42")
UNCALLED = (
    'Internal error occurred: failed calling webhook "sidecar-injector.dapr.io": failed to call webhook: Post '
    '"https://dapr-sidecar-injector.dapr-system.svc:443/mutate?timeout=10s": no endpoints available for service '
    '"dapr-sidecar-injector"'
)
_AT_ONCE = ("waits_for_dependency", "image_pull", "image_pull_final", "unschedulable", "container_start",
            "probe_wrong", "probe_failing")  # fmt: skip
SEED = "seed-todo.example.fmc.prd.cloud.redpanda.com:9092"


def environment(**values: Any) -> World:
    """A verified backend-api."""
    world = World()
    world.apply({"backend-api": {**GOOD, **values}})
    return world.forget()


class Said(str):
    """The message of a failure."""

    failure: Failure

    @classmethod
    def of(cls, failure: Failure) -> Said:
        said = cls(failure.message)
        said.failure = failure
        return said


def refused(call: Callable[[], object]) -> Said:
    """What a call says that fails."""
    with pytest.raises(TodoCloudError) as caught:
        call()
    return Said.of(caught.value.failure)


def crash(world: World, line: str, **settings: Any) -> Said:
    """How an upgrade ends whose container ends with this line."""
    world.kube.log = line
    return failed(world, BAD, **settings)


def failed(world: World, values: Mapping[str, Any], **settings: Any) -> Said:
    """How an upgrade to these values ends."""
    wait = replace(world.settings.wait, graces=dict.fromkeys(_AT_ONCE, 0))
    return Said.of(world.fails({"backend-api": dict(values)}, **{"timeout": 1, "wait": wait, **settings}).failure)


def served(kube: FakeKube, namespace: str, name: str, ready: bool = False) -> None:
    """A Service with one pod."""
    kube.put(SERVICE, namespace, {"metadata": {"name": name}, "spec": {"selector": {"app": name}}})
    labels = {"kubernetes.io/service-name": name}
    endpoints = [{"conditions": {"ready": ready}}]
    kube.put(ENDPOINT_SLICE, namespace, {"metadata": {"name": name, "labels": labels}, "endpoints": endpoints})


def with_pod(world: World, spec: Mapping[str, Any], status: Mapping[str, Any], replicas: int = 1) -> None:
    """The pod of the next upgrade has this in its spec and status."""

    def step(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        world.helm.apply(request)
        kube.objects["Deployment", "ns", request.name]["spec"]["replicas"] = replicas
        pod = next(item for (kind, _ns, _name), item in kube.objects.items() if kind == "Pod" and NEW in str(item))
        pod["metadata"]["creationTimestamp"] = NOW
        kube.put(POD, "ns", {**pod, "spec": {**pod["spec"], **spec}, "status": {**pod["status"], **status}})

    world.helm.script = [step]


def with_component(entry: Mapping[str, Any]) -> World:
    """A verified backend-api whose sidecar has the broker of this entry."""
    world = environment(dapr=True)
    kafka: Object = {"type": "pubsub.kafka", "version": "v1", "metadata": [dict(entry)]}
    world.kube.put(COMPONENT, "ns", {"metadata": {"name": "pubsub"}, "spec": kafka})
    return world


def with_refused_pods(world: World) -> None:
    """No pod of the next upgrade can be made: Dapr's injector does not answer."""

    def uncalled(verb: str, resource: Resource, name: str) -> None:
        if verb == "try" and resource is POD:
            raise Refused(UNCALLED, 500)

    def step(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        world.helm.apply(request)
        for key, item in list(kube.objects.items()):
            if key[0] == "Pod" and NEW in str(item):
                kube.delete(POD, "ns", key[2])
            if key[0] == "ReplicaSet" and NEW in str(item):
                refused_at = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": UNCALLED}
                item["status"] = {"replicas": 0, "observedGeneration": 1, "conditions": [refused_at]}
        kube.before = uncalled  # type: ignore[method-assign]

    world.helm.script = [step]


def with_daprd_down(world: World) -> None:
    """The sidecar of the next upgrade ends since it gets no broker."""
    world.kube.log = (
        "Fatal error from runtime: [INIT_COMPONENT_FAILURE]: kafka: client has run out of available brokers"
    )
    ended = {"exitCode": 1, "reason": "Error", "startedAt": NOW}
    waits = {"ready": False, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    statuses = [
        {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}},
        {"name": "daprd", **waits, "lastState": {"terminated": ended}},
    ]
    with_pod(world, {}, {"containerStatuses": statuses})


def unready(world: World) -> str:
    """How status.yml shows a service whose pods do not serve any more."""
    for (kind, _namespace, name), item in list(world.kube.objects.items()):
        if kind == "Pod":
            item["status"]["conditions"][0]["status"] = "False"
            item["status"]["containerStatuses"][0] |= {"ready": False}
            item["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8000}}
        if kind == "Deployment" and name == "backend-api":
            item["status"]["availableReplicas"] = 0
    return str(environment_table(set_info(world.kube, "ns", "staging", status=True))[-1])


def no_answer(kube: FakeKube | None = None, why: str = "") -> str:
    """How a run ends that finds the public endpoint away though the pods are ready. ``why``: Python's words."""
    world = World()
    run = Run(kube or world.kube, world.helm, world.settings, world.lines.append, "a test")
    with fake_api(lambda request, n: Answer(status=503)) as api, pytest.MonkeyPatch.context() as patch:
        public = Endpoint(api.params["host"])
        patch.setattr(verify, "_ATTEMPTS", 1)
        if why:
            public = Endpoint("https://todo.example.com")
            patch.setattr(verify, "problem_of", lambda endpoint: why)
        text = refused(lambda: verify_releases(run, {}, public, pause=lambda seconds: None))
    return text.replace(public.url, "https://todo.example.com")


def without_sidecar(world: World) -> str:
    """How verify.yml ends where a pod lacks its sidecar."""
    return refused(lambda: verify_releases(world.run(), {"backend-api": "backend-api"}))


def put_owned(kube: FakeKube, kind: str, name: str, owner: str, status: Mapping[str, Any]) -> None:
    """What cert-manager makes for a certificate, one below the other."""
    group = "acme.cert-manager.io" if kind == "Order" else "cert-manager.io"
    metadata: Object = {"name": name, "uid": name, "ownerReferences": [{"uid": owner}]}
    kube.put(Resource(f"{group}/v1", kind, f"{kind.lower()}s"), "ns", {"metadata": metadata, "status": status})


def settled(message: str) -> str:
    """A message with the seconds that the page names, however long this test took."""
    timed = re.sub(r"(?<=at most )\d+(?= s)|(?<=\(after )\d+(?= s\))", "300", message)
    return " ".join(re.sub(r"20\d\d-\d\d-\d\dT[0-9:]+\.\d{6}Z", "2026-11-22T10:00:00Z", timed).split())


TOP = Path(__file__).resolve().parents[2]
DATABASE_HINT = "Correct environment_secrets.database.url."  # of the roles database and redpanda_secrets
BROKER_HINT = "Correct redpanda_secrets_password, or what goes with it."
CASES: dict[str, Callable[[], Iterator[str]]] = {}


def case(title: str) -> Callable[[Callable[[], Iterator[str]]], Callable[[], Iterator[str]]]:
    """What the code says in this case, in the order of the page."""

    def added(made: Callable[[], Iterator[str]]) -> Callable[[], Iterator[str]]:
        CASES[title] = made
        return made

    return added


@case("The cloud or the cluster is down")
def cluster_down() -> Iterator[str]:
    def answer(request: Request, n: int) -> Answer:
        silent = n in (1, 2)
        return failure(503, message="etcdserver: request timed out") if silent else Answer(body=obj("todo-production"))

    lines: list[str] = []
    with fake_api(answer) as api, KubeSession(api.params, patience=0.3) as kube, pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "_SILENCE_SECONDS", 0.1)
        kube.outlast(300, lines.append)
        kube.get(NAMESPACE, "", "todo-production")
        kube.get(NAMESPACE, "", "todo-production")
    yield from lines
    closed = {**api.params, "host": "http://127.0.0.1:1"}
    with KubeSession(closed, patience=0.0) as kube, pytest.raises(TodoCloudError) as caught:
        kube.get(NAMESPACE, "", "todo-production")
    yield Report().interrupted(caught.value.failure).failure.message.replace(kube.server, "https://CLUSTER")
    world = environment()
    lost = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    world.kube.put(NODE, "", {"metadata": {"name": "pool-1"}, "status": {"conditions": [lost]}})
    with_pod(world, {"nodeName": "pool-1", "containers": [PROBED]}, UNREADY)
    yield failed(world, BAD)


@case("The database refuses connections or does not answer in time")
def database() -> Iterator[str]:
    world = environment(maps=["ep-todo.neon.tech"])  # the verified version knows this host
    yield crash(world, 'connection to server at "ep-todo.neon.tech", port 5432 failed: timeout expired')
    world = environment()
    served(world.kube, "database", "postgres")
    yield crash(world, 'connection to server at "postgres.database", port 5432 failed: Connection refused')
    yield unready(environment())
    yield no_answer()


@case("The database does not take the login")
def database_login() -> Iterator[str]:
    login = Login("database", Kind.POSTGRESQL, "todo-production", "database", hint=DATABASE_HINT)
    target = LoginTarget("ep-todo.neon.tech:5432", "todo", "todo")
    yield waits(login, target, 60, "connection to server failed: timeout expired")
    yield Said.of(with_what_to_do(postgres.judged(login, target, "timeout expired")))
    for words in (
        'FATAL:  password authentication failed for user "todo"',
        'FATAL:  database "todo" does not exist',
        "SSL error: certificate verify failed",
        "server does not support SSL, but SSL was required",
        "FATAL:  sorry, too many clients already",
    ):
        yield Said.of(postgres.judged(login, target, words))
    kube, denied = FakeKube(), {"podSelector": {}, "policyTypes": ["Egress"]}
    kube.put(NETWORK_POLICY, "todo-production", {"metadata": {"name": "default-deny"}, "spec": denied})
    job = JobTry(kube, "production", "postgres:17", [], lambda line: None)
    yield Said.of(login.fails(Code.CONNECTION_CUT, job.cut(login, target), job.remedy(login)).failure)


@case("The broker does not take the login")
def broker_login() -> Iterator[str]:
    login = Login("broker", Kind.KAFKA, "todo-production", "kafka-credentials", hint=BROKER_HINT)
    target = LoginTarget(SEED, "todo-production", tls=True)
    for words in (
        "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
        "PKIX path building failed",
        "Unsupported or unrecognized SSL message",
        "terminated during authentication",
        "Client SASL mechanism 'SCRAM-SHA-512' not enabled in the server, enabled mechanisms are [SCRAM-SHA-256]",
    ):
        yield Said.of(kafka.judged(login, target, words))
    yield Said.of(kafka.acl_missing(login, target, ["task-events"], ["notification-service"]))


@case("The broker is unavailable or restarts")
def broker() -> Iterator[str]:
    world = with_component({"name": "brokers", "value": "kafka.kafka.svc.cluster.local:9092"})
    served(world.kube, "kafka", "kafka")
    with_daprd_down(world)
    yield failed(world, {**BAD, "dapr": True})
    yield next(line for line in world.lines if "waiting for it" in line)


@case("The broker's provider has an outage")
def provider() -> Iterator[str]:
    world = with_component({"name": "brokers", "secretKeyRef": {"name": "kafka-credentials", "key": "brokers"}})
    data = {"brokers": base64.b64encode(SEED.encode()).decode()}
    world.kube.put(SECRET, "ns", {"metadata": {"name": "kafka-credentials"}, "data": data})
    with_daprd_down(world)
    yield failed(world, {**BAD, "dapr": True})


@case("A topic is missing, or messages are dead letters")
def no_topic() -> Iterator[str]:
    names = [f"todo-production{name}" for name in ("task-events", "reminders")]
    wanted = [{"name": name, "partitions": 3} for name in names]

    class Broker(FakeKube):
        def exec_(self, *_: Any, **__: Any) -> str:
            return "\n".join(f"{names[0]}-{number}" for number in range(6))

    kube = Broker()
    metadata = {"name": "kafka-0", "labels": {"app.kubernetes.io/instance": "kafka"}}
    running = {"spec": {"containers": [{"name": "kafka"}]}, "status": {"phase": "Running"}}
    kube.put(POD, "kafka", {"metadata": metadata, **running})
    parts = [{"name": "kafka_topics", "topics": [{"broker_namespace": "kafka", "wanted": wanted}]}]
    yield from PlatformInfo(kube, FakeHelm(kube), "v1.36.3").look(parts)[0].missing
    yield refused(lambda: compare([Topic(names[0], 3)], {names[0]: Topic(names[0], 6)}))
    log = Log()
    log.lines = ["SASL authentication error: Authentication failed during authentication due to invalid credentials"]
    connection = Connection("seed-todo.example.fmc.prd.cloud.redpanda.com:9092", "todo-production", "wrong")
    yield Said.of(unreached(connection, log, RuntimeError()).failure)


@case("A sidecar is missing, or crashes")
def sidecar() -> Iterator[str]:
    world = World()
    world.helm.injecting = False
    world.apply({"backend-api": {**GOOD, "dapr": True}})
    yield next(line for line in world.lines if "is missing" in line)
    world = World()
    world.helm.injecting = world.kube.recovers = False
    world.injector(ready=False)
    served(world.kube, "dapr-system", "dapr-sidecar-injector")
    yield failed(world, {**GOOD, "dapr": True})
    world = environment(dapr=True)
    with_refused_pods(world)
    yield failed(world, {**BAD, "dapr": True})
    world = environment(dapr=True)
    world.injector(ready=False)
    (pod,) = (item for key, item in world.kube.objects.items() if key[0] == "Pod")
    pod["spec"]["containers"].pop()
    yield without_sidecar(world)
    world = environment(dapr=True)
    with_daprd_down(world)
    world.kube.log = (
        "Fatal error from runtime: [INIT_COMPONENT_FAILURE]: pubsub (pubsub.kafka/v1): SASL Authentication failed"
    )
    yield failed(world, {**BAD, "dapr": True})


@case("Dapr's certificates run out")
def certificates_end() -> Iterator[str]:
    for days, below in ((20, 7), (5, 7), (-1, 7)):
        trust = Trust(True, days, days, "", "dapr-system")
        (problem,) = trust_problems("production", trust, below)
        failure = failure_of([problem])
        yield Said.of(failure) if failure else str(problem)
    yield next(iter(Trust(False, 300, 300, "", "dapr-system").sentences()))


@case("Secrets were rotated or changed")
def secrets() -> Iterator[str]:
    world = World()
    world.kube.put(SECRET, "ns", {"metadata": {"name": "database"}})
    raw = {"name": "backend-api", "namespace": "ns", "chart": CHART, "values": GOOD}
    release = ReleaseSpec.parse({**raw, "watches": [{"kind": "Secret", "name": "database"}]})
    apply_releases(world.run(), [[release]])
    world.kube.put(SECRET, "ns", {"metadata": {"name": "database"}})
    yield next(line for line in apply_releases(world.run(check=True), [[release]]).table() if "Secret" in line)
    yield crash(environment(), 'FATAL: password authentication failed for user "todo"', on_failure=OnFailure.SET)
    missing = failure_of([not_there("backend-api", Need("Secret", "database", "url", "Deployment backend-api"))])
    assert missing
    yield Said.of(missing)
    with fake_api(lambda request, n: failure(401)) as api, KubeSession(api.params) as kube:
        yield refused(lambda: kube.get(NAMESPACE, "", "todo-production"))


@case("The network between services is cut")
def partition() -> Iterator[str]:
    world = environment()
    with_pod(world, {"containers": [PROBED]}, UNREADY)
    yield failed(world, BAD, on_failure=OnFailure.SET)
    world = environment()
    served(world.kube, "ns", "sse-gateway", ready=True)
    yield crash(world, "connect to sse-gateway:8000: connection timed out", on_failure=OnFailure.SET)
    world = environment()
    store(world.kube, "environment", 1, manifest=f"{POLICY}---\n{BROKER}")
    world.kube.put(NETWORK_POLICY, "ns", objects_of(POLICY)[0])
    yield crash(world, "no brokers available", on_failure=OnFailure.SET)
    yield environment_table(set_info(world.kube, "ns", "staging", status=True))[-1]
    world = World()
    release = spec("environment", {})
    store(world.kube, "environment", 1, manifest=POLICY, labels=release.labels({}, "", 1))
    yield HelmReleaseRun(world.run()).pending(release)


@case("A Helm upgrade failed midway")
def midway() -> Iterator[str]:
    world = environment()
    store(world.kube, "backend-api", 2, "pending-upgrade", labels=STAGING, created=LONG_AGO)
    yield world.apply({"backend-api": NEXT}, check=True).table()[1]
    world.apply({"backend-api": NEXT})
    yield next(line for line in world.lines if "marked failed" in line)
    ended = "Error: UPGRADE FAILED: client rate limiter Wait returned an error: context deadline exceeded"
    yield Said.of(error_of("upgrade", "backend-api", ended).failure)
    world = environment()
    store(world.kube, "backend-api", 2, "pending-upgrade", labels=STAGING, created="1970-01-12T13:46:00Z")
    yield Said.of(world.fails({"backend-api": NEXT}).failure)


@case("An environment differs from its verified set")
def drifted() -> Iterator[str]:
    world = environment()
    live = world.kube.objects["Deployment", "ns", "backend-api"]
    live["spec"]["paused"] = True
    fields: Object = {"f:spec": {"f:paused": {}}}
    edit = {"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-22T10:00:00Z", "fieldsV1": fields}
    live["metadata"]["managedFields"] = [edit]
    found: dict[str, Any] = {"notes": []}
    note_differences(world.run(), found)
    yield from found["notes"]
    yield from world.apply({"backend-api": GOOD}, drift=OnDrift.REPORT).warnings
    alerts = yaml.safe_load((TOP / "charts/observability/files/alerts.yaml").read_text())
    text = alerts["EnvironmentDrifted"]["summary"].replace("{{ $value | humanize }}", "2")
    yield text.replace("{{ $labels.environment }}", "production").replace("{{ $labels.set }}", "4")


@case("The registry is unavailable, for a push or a pull")
def registry() -> Iterator[str]:
    world = environment()
    image = NEXT["image"]
    silent = f'failed to pull image "{image}": dial tcp 140.82.121.33:443: i/o timeout'
    waits = {"name": "app", "ready": False, "state": {"waiting": {"reason": "ErrImagePull", "message": silent}}}
    with_pod(world, {"containers": [{**PROBED, "image": image}]}, {"containerStatuses": [waits]})
    yield failed(world, BAD)
    closed = {"host": "ghcr.io", "endpoint": "http://127.0.0.1:1"}
    run = ImageDigests(FakeKube(), "ns", [closed], 0.1)
    run.resolve([[spec("backend-api", NEXT)]], Snapshot({}, {}, [], None), World().run().storage.read)
    yield run.warnings[0]
    chart = 'Error: failed to do request: Head "https://ghcr.io/v2/dapr/dapr/manifests/1.18.5": dial tcp: i/o timeout'
    yield Said.of(error_of("upgrade", "dapr", chart).failure)
    client = RegistryClient("ghcr.io", Access.to("ghcr.io", closed), 0.1)
    yield refused(lambda: tag_image(client, Reference.parse(f"{image}@sha256:{'0' * 64}"), "v1.1.0"))


@case("An image cannot be pulled")
def no_image() -> Iterator[str]:
    with FakeRegistry().serving() as empty:
        yield Said.of(
            environment().fails({"backend-api": NEXT}, registries=({"host": "ghcr.io", "endpoint": empty.url},)).failure
        )
    for why in ("not found", "pull access denied, repository does not exist or may require authorization"):
        world = environment()
        message = f'failed to pull image "{NEXT["image"]}": {why}'
        waits = {"name": "app", "ready": False, "state": {"waiting": {"reason": "ErrImagePull", "message": message}}}
        with_pod(world, {"containers": [{**PROBED, "image": NEXT["image"]}]}, {"containerStatuses": [waits]})
        yield failed(world, BAD, on_failure=OnFailure.HOLD)


@case("Some pods are updated, others do not become ready")
def partly() -> Iterator[str]:
    for policy in (OnFailure.HOLD, OnFailure.SET):
        world = environment()
        with_pod(world, {"containers": [PROBED]}, UNREADY, replicas=2)
        end = failed(world, BAD, on_failure=policy)
        if policy is OnFailure.HOLD:
            yield next(line for line in world.lines if "updated" in line)
        yield end


@case("A container ends again and again")
def crashing() -> Iterator[str]:
    yield crash(environment(), "KeyError: 'TOPIC'", on_failure=OnFailure.HOLD)
    ends = (("OOMKilled", 137, ""), ("StartError", 128, 'exec: "serve": executable file not found in $PATH'))
    for reason, code, message in ends:
        world = environment()
        ended = {"terminated": {"exitCode": code, "reason": reason, "message": message, "startedAt": NOW}}
        waits = {"name": "app", "ready": False, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        limited = {"name": "app", "resources": {"limits": {"memory": "256Mi"}}}
        with_pod(world, {"containers": [limited]}, {"containerStatuses": [{**waits, "lastState": ended}]})
        yield failed(world, BAD, on_failure=OnFailure.HOLD)


@case("A probe fails")
def probes() -> Iterator[str]:
    get: Object = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1, "failureThreshold": 1}
    world = environment()
    with_pod(world, {"containers": [{"name": "app", "readinessProbe": get}]}, UNREADY)
    (step,) = world.helm.script

    def refused_event(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        step(kube, request, number)
        (pod,) = (each for key, each in kube.objects.items() if key[0] == "Pod" and str(get) in str(each))
        about = {"uid": pod["metadata"]["uid"], "fieldPath": "spec.containers{app}", "kind": "Pod"}
        said = "Readiness probe failed: dial tcp 10.244.0.9:8000: connect: connection refused"
        event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Unhealthy", "message": said}
        kube.put(EVENT, "ns", {**event, "type": "Warning", "lastTimestamp": "2099-01-01T00:00:00Z"})

    world.helm.script = [refused_event]
    yield failed(world, BAD, on_failure=OnFailure.HOLD)
    world = environment()
    named = {"name": "app", "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}
    with_pod(world, {"containers": [named]}, UNREADY)
    yield failed(world, BAD, on_failure=OnFailure.HOLD)
    world = environment()
    ended = {"exitCode": 137, "reason": "Error", "startedAt": "1970-01-12T13:45:00Z", "finishedAt": NOW}
    waits = {"name": "app", "ready": False, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    status = {"containerStatuses": [{**waits, "lastState": {"terminated": ended}}]}
    with_pod(world, {"containers": [{"name": "app", "livenessProbe": get}]}, status)
    yield failed(world, BAD, on_failure=OnFailure.HOLD)


@case("Let's Encrypt's rate limit, at the first certificate")
def rate_limit() -> Iterator[str]:
    kube = FakeKube()
    failed = {
        "conditions": [{"type": "Ready", "status": "False", "message": "Issuing"}],
        "failedIssuanceAttempts": 2,
        "lastFailureTime": "2026-11-22T09:30:00Z",
    }
    put_owned(kube, "Certificate", "frontend-tls", "", failed)
    put_owned(kube, "CertificateRequest", "frontend-tls-1", "frontend-tls", {})
    put_owned(kube, "Order", "frontend-tls-1-0", "frontend-tls-1", {"state": "errored", "reason": LIMIT})
    yield environment_table({"status": {}, "certificates": certificates(kube, "ns")})[2]
    yield no_answer(kube, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")


@case("The metrics server is unavailable")
def metrics() -> Iterator[str]:
    world = environment()
    scaler = states.objects("autoscaler-no-metrics")[0]
    named = {**scaler, "metadata": {"name": "backend-api"}}
    world.kube.put(AUTOSCALER, "ns", named)
    yield environment_table(set_info(world.kube, "ns", "staging", status=True))[-1]
    report = Report(predicted=True, preflight=list(metrics_api(FakeKube(), {"backend-api": [named]})))
    yield report.table()[-2]
    target = Target("autoscaling/v2", "HorizontalPodAutoscaler", "ns", "backend-api", "backend-api")
    yield from RolloutWaiter(world.kube, WaitOptions(timeout=0), lambda line: None).wait([target]).warnings


@case("Another deployment to the environment is in progress")
def locked() -> Iterator[str]:
    kube, lines = FakeKube(), list[str]()
    other = replace(HOLDER, identity="ci")
    with EnvironmentLock(kube, "todo-production", other) as lock:
        yield refused(EnvironmentLock(kube, "todo-production", HOLDER, wait=0.1, progress=lines.append).__enter__)
        yield lines[0]
        ManualLock(kube, "todo-production", replace(HOLDER, who="bob", what="deploy_lock")).ensure(LockState.TAKEN_OVER)
        lock._renewed -= 10
        yield refused(lock.check)


@case("A change is refused: only by a promotion, or a freeze")
def not_now() -> Iterator[str]:
    world = World(settings=Settings("production", "ns", timeout=20, wait=WaitOptions(stability_seconds=0)))
    world.kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {ENVIRONMENT: "production"}}})
    world.apply({"backend-api": GOOD})
    named = {"image": NEXT["image"].replace("v1.1.0", "sha-1f3c5a7")}
    only, freeze = {"promoted_from": "staging"}, {"freeze": [{"why": "holidays", "until": "2999-01-03"}]}
    why = {"emergency": "INC-1234: nobody can log in"}

    def said(values: Mapping[str, Any], rules: Mapping[str, Any]) -> Said:
        return Said.of(world.fails({"backend-api": dict(values)}, change_rules=ChangeRules.parse(rules)).failure)

    yield said(NEXT, only)
    yield said(named, {**only, "promoted": [named["image"]]})
    yield said(NEXT, freeze)
    store = RecordStore(staging := FakeKube(), "todo-staging", "staging")
    store.write(Record(1, "staging", "2026-11-22T09:00:00Z", "ada@ci", "", {}, {}))
    store.note_failed(1, "2026-11-22T11:59:00Z: backend-api: 0/1 available")
    yield refused(lambda: choose(RecordStore(staging, "todo-staging", "staging"), Terms("staging")))
    let = world.apply({"backend-api": NEXT}, change_rules=ChangeRules.parse({**freeze, **why}), check=True)
    yield f"{let.preflight[0]}."
    yield refused(lambda: ChangeRules.parse({"emergency": "true"}))


@case("An image is not signed")
def unsigned() -> Iterator[str]:
    name, own, tag = "todo-app/backend-api", Signer(), NEXT["image"].rpartition(":")[2]
    with FakeRegistry().serving() as registry:
        rules = ChangeRules.parse({"image_key": own.public})
        settings = {"change_rules": rules, "registries": ({"host": "ghcr.io", "endpoint": registry.url},)}
        digest = registry.push(name, tag)
        yield Said.of(environment().fails({"backend-api": NEXT}, **settings).failure)
        Signer().bundle(registry, name, digest)
        yield Said.of(environment().fails({"backend-api": NEXT}, **settings).failure)
        registry.auth = "token"
        pinned = {**NEXT, "image": f"ghcr.io/{name}@{digest}"}
        yield Said.of(environment().fails({"backend-api": pinned}, **settings).failure)


@case("The nodes have no room for more pods")
def no_room() -> Iterator[str]:
    pod = {"spec": {"containers": [{"resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}]}}
    node = {"metadata": {"name": "pool-1"}, "spec": {}, "status": {"allocatable": {"cpu": "300m", "memory": "4Gi"}}}
    wanted = Wanted("backend-api", "Deployment backend-api", pod, 1, 4)
    report = Report(predicted=True, preflight=shortages([wanted], [node], []))
    yield report.table()[-2]
    world = environment()
    pending = {"phase": "Pending", "containerStatuses": [], "conditions": [FULL]}
    with_pod(world, {}, pending)
    yield failed(world, BAD, on_failure=OnFailure.HOLD)
    world = environment()
    (owner,) = (item for key, item in world.kube.objects.items() if key[0] == "ReplicaSet")
    world.helm.start_pod(owner, f"{owner['metadata']['name']}-2")  # an autoscaler asks for it
    world.kube.objects["Pod", "ns", f"{owner['metadata']['name']}-2"]["status"] = pending
    deployed = world.kube.objects["Deployment", "ns", "backend-api"]
    deployed["spec"]["replicas"] = deployed["status"]["updatedReplicas"] = 2
    yield environment_table(set_info(world.kube, "ns", "staging", status=True))[-1]
    busy = {**states.objects("autoscaler-at-maximum")[0], "metadata": {"name": "backend-api"}}
    world.kube.put(AUTOSCALER, "ns", busy)
    info = set_info(world.kube, "ns", "staging", status=True)
    yield from [line for line in environment_table(info) if line.startswith("autoscaler")]
    yield info["notes"][-1]


@case("An alert arrives")
def alert() -> Iterator[str]:
    """The texts of the chart's alerts that no other section of the page is for, as Prometheus fills them in."""
    alerts = yaml.safe_load((TOP / "charts/observability/files/alerts.yaml").read_text())
    labels = {
        "service": "backend-api", "namespace": "todo-production", "container": "app", "pod": "backend-api-67792b6f-2",
        "group": "todo-production.recurring-task-service", "topic": "todo-productiontask-events",
    }  # fmt: skip
    values = {"ServiceSlow": "1.5s", "PodRestarts": "5", "ConsumerLag": "1.2k"}
    for name, told in alerts.items():
        if told["runbook"] == "an-alert-arrives":
            text = re.sub(r"\{\{ \$value \| \w+ \}\}", values.get(name, "12%"), told["summary"])
            edge = {"service": "todo-production-frontend-80@kubernetes"} if name == "EdgeErrors" else {}
            for label, value in {**labels, **edge}.items():
                text = text.replace(f"{{{{ $labels.{label} }}}}", value)
            yield text


@case("Everything is ready, but the check of the app fails")
def not_working() -> Iterator[str]:
    job = {"service": "backend-api", "command": ["python", "-m", "frontend.transaction"], "chart": CHART}
    world = environment()
    world.kube.log = "read the task: 404 instead of 200"
    owner = {"kind": "Job", "name": "verify-job", "uid": "j", "controller": True}
    about = {"name": "verify-job-x", "labels": {"app.kubernetes.io/instance": "verify-job"}, "ownerReferences": [owner]}
    world.kube.put(POD, "ns", {"metadata": about})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_job, "image_of_own", lambda stored: stored.config["image"])
        yield failed(world, NEXT, verify_job={**job, "image": BAD["image"]})
    yield failed(environment(), NEXT, verify_job={**job, "service": "shop"})
