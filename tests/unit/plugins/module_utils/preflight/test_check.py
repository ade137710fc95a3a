"""The whole list: over all releases at once, before the first write; and nothing where nothing changes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import rendering
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest, Rendered
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    NAMESPACE,
    NODE,
    RESOURCE_QUOTA,
    SECRET,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.preflight.check import Preflight

from tests.support.fake_environment import A1, A2, C1, World, deployed, outcomes
from tests.support.fake_helm import manifest_of
from tests.support.fake_kube import FakeKube

CONFIGURATION = WELL_KNOWN["dapr.io/v1alpha1", "Configuration"]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s}
spec:
  replicas: 2
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      containers:
        - name: app
          image: r/app:v1
          envFrom: [{secretRef: {name: %s}}]
          resources: {requests: {cpu: "3"}}
"""


def kube() -> FakeKube:
    found = FakeKube()
    found.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    return found


def test_one_list_over_all_releases() -> None:
    broken = HelmError(Failure(Code.CHART_INVALID, "bad: no template. To do: write one.", {}), transient=False)
    rendered: dict[str, Rendered | HelmError] = {
        "api": Rendered(DEPLOYMENT % ("api", "database")),
        "web": Rendered(DEPLOYMENT % ("web", "cookies")),
        "bad": broken,
    }
    there = kube()
    there.put(SECRET, "ns", {"metadata": {"name": "cookies"}, "data": {}})
    allocatable = {"cpu": "4", "memory": "8Gi"}
    there.put(NODE, "", {"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": allocatable}})
    found = Preflight(there, "ns", lambda images: list(images)).problems(rendered)
    assert [(p.release, p.code, p.certain) for p in found] == [
        ("api", Code.CONFIG_MISSING, True),
        ("api", Code.IMAGE_NOT_FOUND, True),
        ("api", Code.UNSCHEDULABLE, False),
        ("bad", Code.CHART_INVALID, True),
        ("web", Code.IMAGE_NOT_FOUND, True),
        ("web", Code.UNSCHEDULABLE, False),
    ]
    assert str(found[3]) == "bad: no template: write one"
    assert there.writes == []


EVERYTHING = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  template:
    spec:
      priorityClassName: high
      runtimeClassName: gvisor
      containers: [{name: app, image: r/app:v1, resources: {requests: {cpu: "1"}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec: {scaleTargetRef: {kind: Deployment, name: api}, maxReplicas: 9}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api}
spec: {ingressClassName: nginx}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: api}
spec: {storageClassName: fast}
"""


def test_platforms_classes_ports_and_autoscalers_are_looked_at() -> None:
    there = kube()
    info = {"operatingSystem": "linux", "architecture": "arm64"}
    state = {"allocatable": {"cpu": "4", "memory": "8Gi"}, "nodeInfo": info}
    there.put(NODE, "", {"metadata": {"name": "n"}, "spec": {}, "status": state})
    rendered = {
        "api": Rendered(EVERYTHING),
        "web": Rendered(EVERYTHING.split("---")[2].replace("name: api", "name: web")),
    }
    look = Preflight(there, "ns", lambda images: [], platforms=lambda images: {i: ["linux/amd64"] for i in images})
    lines = [(p.release, p.code, p.certain, str(p)) for p in look.problems(rendered)]
    expected = [
        ("api", Code.IMAGE_NOT_FOUND, True, "linux/amd64; the nodes that may run it are linux/arm64"),
        ("api", Code.NOT_FOUND, False, "IngressClass 'nginx'"),
        ("api", Code.NOT_FOUND, False, "StorageClass 'fast'"),
        ("api", Code.NOT_FOUND, False, "the cluster's metrics server, which is not there"),
        ("api", Code.NOT_FOUND, True, "PriorityClass 'high'"),
        ("api", Code.NOT_FOUND, True, "RuntimeClass 'gvisor'"),
        ("api", Code.UNSCHEDULABLE, False, "no room for 5 of 7 more, which its autoscaler may ask for"),
        ("web", Code.CONFLICT, True, "node port 30080"),
    ]
    assert sorted(line[:3] for line in lines) == sorted(line[:3] for line in expected)
    assert all(any(line[3] in found[3] for found in lines) for line in expected)


def test_without_a_look_at_nodes_nothing_is_said_of_platforms_and_room() -> None:
    class Narrow(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if verb == "list":
                raise Forbidden("no", 403)

    there = Narrow()
    there.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    look = Preflight(there, "ns", lambda images: [], ["database"], lambda images: {"r/app:v1": ["linux/s390x"]})
    assert look.problems({"api": Rendered(DEPLOYMENT % ("api", "database"))}) == []


def test_secrets_that_the_caller_is_about_to_write_are_not_missed() -> None:
    rendered = {"api": Rendered(DEPLOYMENT % ("api", "database"))}
    assert Preflight(kube(), "ns", lambda images: [], ["database"]).problems(rendered) == []


def test_without_its_namespace_only_images_can_be_asked_about() -> None:
    rendered = {"api": Rendered(DEPLOYMENT % ("api", "database"))}
    assert Preflight(FakeKube(), "ns", lambda images: []).problems(rendered) == []
    assert len(Preflight(FakeKube(), "ns", lambda images: list(images)).problems(rendered)) == 1


def test_a_name_that_no_kubelet_takes_is_told_of_built_in_workloads() -> None:
    odd = DEPLOYMENT.replace("r/app:v1", "Foo:Bar:1") % ("api", "s")
    there = kube()
    there.put(SECRET, "ns", {"metadata": {"name": "s"}})
    (problem,) = Preflight(there, "ns", lambda images: []).problems({"api": Rendered(odd)})
    assert (problem.code, problem.certain) == (Code.IMAGE_INVALID, True)
    assert "'Foo:Bar:1' has the" in problem.message
    custom = Rendered(odd.replace("apps/v1", "example.org/v1"))
    found = Preflight(there, "ns", lambda images: []).problems({"api": custom})
    assert Code.IMAGE_INVALID not in {each.code for each in found}


def test_users_of_images_are_asked_for_once_where_they_count() -> None:
    asked = []

    def users(images: Iterable[str]) -> dict[str, str]:
        asked.append(sorted(images))
        return {"r/app:v1": "node"}

    careful = DEPLOYMENT.replace("      containers:", "      securityContext: {runAsNonRoot: true}\n      containers:")
    there = kube()
    there.put(SECRET, "ns", {"metadata": {"name": "s"}})
    rendered = {name: Rendered(text % (name, "s")) for name, text in (("api", DEPLOYMENT), ("web", careful))}
    found = Preflight(there, "ns", lambda images: [], users=users).problems(rendered)
    assert [(p.release, p.code) for p in found] == [("web", Code.CONTAINER_START)]
    assert asked == [["r/app:v1"]]


def test_pods_of_custom_workloads_need_their_images_and_secrets_too() -> None:
    rollout = DEPLOYMENT.replace("apps/v1", "argoproj.io/v1alpha1").replace("Deployment", "Rollout")
    there = kube()
    there.kinds["argoproj.io/v1alpha1", "Rollout"] = Resource("argoproj.io/v1alpha1", "Rollout", "rollouts")
    rollout = rollout.replace("      containers:", "      serviceAccountName: robot\n      containers:")
    rendered = {"api": Rendered(rollout % ("api", "database"))}
    found = Preflight(there, "ns", lambda images: list(images)).problems(rendered)
    assert [(p.code, p.certain) for p in found] == [
        (Code.CONFIG_MISSING, False),
        (Code.IMAGE_NOT_FOUND, True),
        (Code.SERVICE_ACCOUNT_MISSING, False),
    ]
    certificate = "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: a}, spec: {template: {b: c}}}"
    there.kinds["cert-manager.io/v1", "Certificate"] = Resource("cert-manager.io/v1", "Certificate", "certificates")
    assert Preflight(there, "ns", lambda images: list(images)).problems({"api": Rendered(certificate)}) == []


HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: "%s"}}
spec:
  template:
    spec:
      serviceAccountName: migrator
      containers: [{name: a, image: "r/migrate:v1", envFrom: [{secretRef: {name: admin}}]}]
"""


def test_pods_of_hooks_need_their_images_accounts_and_secrets() -> None:
    rendered = {"api": Rendered("", hooks=(HOOK % "pre-install",))}
    found = Preflight(kube(), "ns", lambda images: list(images)).problems(rendered)
    assert [(p.code, p.certain) for p in found] == [
        (Code.CONFIG_MISSING, False),  # another hook may make it
        (Code.IMAGE_NOT_FOUND, True),
        (Code.SERVICE_ACCOUNT_MISSING, True),
    ]
    assert "Job migrate needs Secret 'admin'" in found[0].message
    account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: migrator}}"
    rendered = {"api": Rendered("", hooks=(HOOK % "pre-install", account))}
    found = Preflight(kube(), "ns", lambda images: []).problems(rendered)
    assert [p.code for p in found] == [Code.CONFIG_MISSING]


@pytest.mark.parametrize(("events", "told"), [("pre-upgrade", True), ("pre-install", False), ("test", False)])
def test_only_hooks_that_run_are_looked_at(events: str, told: bool) -> None:
    world = deployed()
    world.helm.render = lambda request: Rendered(  # type: ignore[method-assign]  # another chart's rendering
        manifest_of("api", request.values), (HOOK % events,)
    )
    found = {problem.code for problem in world.apply({"api": A2}, check=True).preflight}
    assert (Code.SERVICE_ACCOUNT_MISSING in found) is told


def test_objects_that_helm_leaves_out_are_told_before_there_is_a_namespace() -> None:
    rendered = {"web": Rendered("", skipped=("pre-instal", "crd-install", "pre-instal")), "api": Rendered("")}
    found = Preflight(FakeKube(), "ns", lambda images: []).problems(rendered)
    assert [(p.release, p.code, p.certain) for p in found] == [("web", Code.CHART_INVALID, False)]
    assert "'pre-instal', 'crd-install', which Helm does not know: it leaves them out" in found[0].message


def test_a_kind_that_a_chart_may_bring_in_its_folder_crds_is_only_told() -> None:
    error = HelmError(Failure(Code.HELM_FAILED, 'no matches for kind "Thing"', {}), transient=False)
    (problem,) = Preflight(kube(), "ns", lambda images: []).problems({"api": error})
    assert not problem.certain


def needing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts whose pods need a Secret that is not there."""

    def render(request: ApplyRequest) -> Rendered:
        text = manifest_of(request.name, request.values)
        return Rendered(text if "image" not in request.values else DEPLOYMENT % (request.name, "database"))

    monkeypatch.setattr(world.helm, "render", render)


def test_kinds_that_a_first_installation_brings_in_its_folder_crds_are_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crd = "{kind: CustomResourceDefinition, metadata: {name: t}, spec: {group: example.org, names: {kind: Thing}}}"
    world = World()

    def render(request: ApplyRequest) -> Rendered:
        return Rendered("{apiVersion: example.org/v1, kind: Thing, metadata: {name: t}}")

    monkeypatch.setattr(world.helm, "render", render)
    (missed,) = world.apply({"api": A1}, check=True).preflight
    assert (missed.code, missed.certain) == (Code.NOT_FOUND, True)
    monkeypatch.setattr(rendering, "may_have_crds", lambda chart: True)
    monkeypatch.setattr(world.helm, "crds", lambda request: crd)
    assert world.apply({"api": A1}, check=True).preflight == []


def test_a_deployment_ends_before_its_first_write(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    needing(world, monkeypatch)
    commands = list(world.helm.commands)
    caught = world.fails({"components": C1}, {"api": A2})
    assert caught.failure.code is Code.CONFIG_MISSING
    assert outcomes(caught.results) == {"components": "unchanged", "api": "kept"}
    assert world.helm.commands == commands
    assert world.writes() == []


def test_a_plan_lists_it_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    needing(world, monkeypatch)
    report = world.apply({"api": A2}, check=True)
    assert [problem["code"] for problem in report.as_result()["preflight"]] == ["config_missing"]
    assert any(line.startswith("in the way: api: ") for line in report.as_result()["table"])
    assert world.apply({"api": A2}, check=True, prepared_secrets=("database",)).preflight == []


def test_a_run_with_nothing_to_do_asks_nothing_unless_all_is_to_be_looked_at() -> None:
    """And then what is deployed is looked at: it is not rendered again."""
    world = World()
    world.kube.put(CONFIGURATION, "ns", {"metadata": {"name": "tracing"}})
    release = {"api": {**A1, "podAnnotations": {"dapr.io/config": "tracing"}}}
    world.apply(release)
    del world.kube.objects["Configuration", "ns", "tracing"]
    calls = world.helm.calls
    assert world.apply(release, check=True).preflight == []
    (problem,) = world.apply(release, check=True, preflight_all=True).preflight
    assert problem.message == "Deployment api needs Configuration 'tracing', which is not there"
    assert world.helm.calls == calls


def test_component_types_are_looked_at_before_there_is_a_namespace() -> None:
    component = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: cart}\nspec: {type: state.rediss}\n"
    look = Preflight(FakeKube(), "ns", lambda images: [], dapr_namespace="dapr")
    (problem,) = look.problems({"dapr-components": Rendered(component)})
    assert problem.code is Code.COMPONENT_NOT_LOADED


def test_a_quota_that_holds_no_two_services_is_found_before_anything_is_written() -> None:
    there = kube()
    there.put(RESOURCE_QUOTA, "ns", {"metadata": {"name": "small"}, "spec": {"hard": {"requests.cpu": "9"}}})
    for name in ("database", "cookies"):
        there.put(SECRET, "ns", {"metadata": {"name": name}, "data": {}})
    rendered = {"api": Rendered(DEPLOYMENT % ("api", "database")), "web": Rendered(DEPLOYMENT % ("web", "cookies"))}
    [found] = Preflight(there, "ns", lambda images: []).problems(rendered)
    assert (found.code, found.certain) == (Code.QUOTA_EXCEEDED, True)
    assert "allows 9 of requests.cpu, 0m is used, and this deployment needs 12000m more" in found.message

    class Blind(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource == RESOURCE_QUOTA:
                raise Forbidden("may not list quotas", 403)

    blind = Blind()
    blind.objects = there.objects
    assert Preflight(blind, "ns", lambda images: []).problems(rendered) == []
