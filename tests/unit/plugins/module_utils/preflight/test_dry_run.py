"""What the API server says to a dry run becomes a problem with a remedy, or nothing where it proves nothing."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    NotFound,
    Refused,
    Unreachable,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.preflight.dry_run import (
    DryRuns,
    is_port_taken,
    without_sidecar,
)
from ansible_collections.todo.cloud.plugins.module_utils.preflight.needs import provided
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import built_in, template_of

from tests.support.fake_kube import FakeKube

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "api"},
    "spec": {"containers": [{"name": "app"}]},
}


class Saying(FakeKube):
    """An API server that answers every dry run with an error."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error
        self.tried: list[dict[str, Any]] = []

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "try" and self.error:
            raise self.error

    def create(self, resource: Resource, namespace: str, body: Any, **options: Any) -> dict[str, Any]:
        self.tried.append(dict(body))
        return super().create(resource, namespace, body, **options)

    def resource(self, api_version: str, kind: str, **options: Any) -> Resource:
        try:
            return super().resource(api_version, kind)
        except KeyError:
            raise NotFound("no such kind", 404) from None


def refused(text: str) -> Refused:
    return Refused(f"The API server refuses: {text}", 422, api_message=text)


def said(error: Exception | None, item: dict[str, Any] = MAP, *brought: dict[str, Any]) -> list[Problem]:
    return DryRuns(Saying(error), "ns", provided(brought, "ns", hooks=False)).problems("api", item)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, []),
        (NotFound("gone", 404), [(Code.NOT_FOUND, True)]),
        (Forbidden("no", 403), [(Code.FORBIDDEN, True)]),
        (refused('ConfigMap "c" is invalid: data: Forbidden: field is immutable'), [(Code.IMMUTABLE_FIELD, True)]),
        (refused("data: Required value"), [(Code.REFUSED, True)]),
        (refused("webhook x does not support dry run"), []),
        (Unreachable("failed calling webhook", 500), [(Code.UNREACHABLE, False)]),
        (
            Unreachable(
                "failed to convert new object (/x; /v1, Kind=Secret) to proper version: error decoding from json: "
                "illegal base64 data at input byte 8",
                500,
            ),
            [(Code.REFUSED, True)],
        ),
    ],
)
def test_what_is_said_about_an_object(error: Exception | None, expected: list[tuple[Code, bool]]) -> None:
    assert [(problem.code, problem.certain) for problem in said(error)] == expected


def test_what_to_do_is_told_where_it_is_known() -> None:
    (problem,) = said(refused("metadata.managedFields must be nil"), SECRET)
    assert problem.message == "Secret s has metadata.managedFields, as an object has that was read from a cluster"
    assert "lookup" in problem.remedy
    text = 'Deployment.apps "c" is invalid: spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy'
    (problem,) = said(refused(text))
    assert "kubectl -n ns patch deployment c" in problem.remedy


REASON = 'Post "https://hook.ops.svc:443/v?timeout=5s": no endpoints available for service "hook"'
DOWN = f'Internal error occurred: failed calling webhook "validate.example.com": failed to call webhook: {REASON}'
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}


class Timed(Saying):
    """Notes how long each dry run may take; raises the errors one after another, the last again and again."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(errors[0])
        self.errors = list(errors)
        self.seconds: list[int] = []

    def _note(self, deadline: Deadline) -> None:
        self.seconds.append(ceil(deadline.remaining))
        self.error = self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]

    def patch(self, *where: Any, **options: Any) -> dict[str, Any]:
        self._note(options["deadline"])
        return super().patch(*where, **options)

    def create(self, *where: Any, **options: Any) -> dict[str, Any]:
        self._note(options["deadline"])
        return super().create(*where, **options)


def asked(kube: FakeKube, *objects: dict[str, Any]) -> set[Problem]:
    """What is said about objects of two releases, and about two pods."""
    runs = DryRuns(kube, "ns", provided([], "ns", hooks=False), "staging")
    found = {problem for item in objects for release in ("api", "web") for problem in runs.problems(release, item)}
    template = built_in(POD, "ns")
    assert template
    return found | {problem for _ in range(2) for problem in runs.pod("api", template)[0]}


def test_a_webhook_that_cannot_be_called_is_one_line_and_each_kind_is_tried_once() -> None:
    kube = Timed(Unreachable("The API server fails.", 500, api_message=DOWN))
    (problem,) = asked(kube, MAP, SECRET)
    assert problem.message.startswith("the admission webhook validate.example.com cannot be called: ")
    assert "Service hook in ops" in problem.message
    assert "kubectl" in problem.remedy
    assert (problem.release, problem.code, problem.certain) == ("staging", Code.WEBHOOK_DOWN, False)
    assert kube.seconds == [2, 2, 2]  # a ConfigMap, a Secret, a Pod


def test_a_webhook_that_hangs_is_waited_for_once_so_that_it_is_named() -> None:
    silence, words = Unreachable("timed out"), Unreachable("The API server fails.", 500, api_message=DOWN)
    kube = Timed(silence, words, silence)
    (problem,) = asked(kube, MAP, SECRET)
    assert "validate.example.com" in problem.message
    assert kube.seconds == [2, 12, 2, 2]


def test_an_api_server_in_trouble_is_not_asked_about_each_object() -> None:
    kube = Timed(Unreachable("etcdserver: request timed out", 503))
    found = asked(kube, MAP, SECRET)
    assert {(problem.release, problem.code, problem.certain) for problem in found} == {("api", Code.UNREACHABLE, False)}
    assert kube.seconds == [2, 2, 2]


def test_a_slow_answer_is_one() -> None:
    class Slow(FakeKube):
        def patch(self, *where: Any, **options: Any) -> dict[str, Any]:
            seconds.append(ceil(options["deadline"].remaining))
            if options["deadline"].remaining < 5:
                raise Unreachable("timed out")
            return super().patch(*where, **options)

    seconds: list[int] = []
    assert asked(Slow(), MAP, SECRET) == set()
    assert seconds == [2, 12, 12, 12, 12]


def test_an_api_that_is_out_of_reach_ends_it() -> None:
    class Silent(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        DryRuns(Silent(), "ns", provided([], "ns", hooks=False)).problems("api", MAP)


def test_an_api_that_answers_all_but_the_dry_run_waits_for_a_webhook() -> None:
    (problem,) = said(Unreachable("The read operation timed out."))
    assert problem.message.endswith("when it tries configmaps: a webhook that hangs?")
    assert (problem.code, problem.certain) == (Code.WEBHOOK_DOWN, False)


@pytest.mark.parametrize(("manager", "certain"), [("helm", True), ("kubectl", False)])
def test_what_helm_3_merges_otherwise_is_not_certain(manager: str, certain: bool) -> None:
    kube = Saying(refused("spec.strategy.rollingUpdate: Forbidden"))
    fields = [{"manager": manager, "operation": "Apply"}]
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "c", "managedFields": fields}})
    found = DryRuns(kube, "ns", provided([], "ns", hooks=False)).problems("api", MAP)
    assert [problem.certain for problem in found] == [certain]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data.x: Invalid value: canary", "Secret s is refused: it is not valid"),
        ('Secret "s" is invalid: data[a b]: Invalid value: "canary": no key',
         "Secret s is refused: its data[a b] is not valid"),
        ('Secret "s" is invalid: type: Invalid value: "canary": field is immutable',
         "type of Secret s cannot be changed once it exists: give it another name whenever its content changes"),
        ("failed to create typed patch object (ns/s; /v1, Kind=Secret): errors:\n  .stringData.a: expected string, "
         "got &value.valueUnstructured{Value:canary}\n  .stringData.b: expected",
         ".stringData.a of Secret s has to be a string"),
    ],
)  # fmt: skip
def test_words_about_a_secret_are_not_repeated(text: str, told: str) -> None:
    (problem,) = said(refused(text), SECRET)
    assert f"api: {told}" in str(problem)
    assert "canary" not in str(problem)


IMMUTABLE = {
    "PersistentVolumeClaim": ("v1", "spec is immutable after creation\n@@ -6,7 +6,7 @@\n-  2Gi\n",
                              "deleting it loses them"),
    "StatefulSet": ("apps/v1", "updates to statefulset spec for fields other than 'replicas'",
                    "kubectl -n ns delete statefulset x --cascade=orphan"),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "field is immutable", "kubectl delete clusterrole x"),
}  # fmt: skip


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_what_cannot_be_changed_has_the_remedy_of_its_kind(kind: str) -> None:
    version, text, remedy = IMMUTABLE[kind]
    item = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}
    (problem,) = said(refused(f'{kind} "x" is invalid: spec: Forbidden: {text}'), item)
    assert problem.message == f"spec of {kind} x cannot be changed once it exists"
    assert remedy in problem.remedy


def test_whole_objects_that_the_api_server_quotes_are_left_out() -> None:
    value = '{"Containers":[{"Env":[{"Name":"A","Value":"canary"}]}]}'
    (problem,) = said(refused(f'ConfigMap "c" is invalid: spec.template: Invalid value: {value}: no\n  way'))
    assert problem.message == 'ConfigMap c is refused: ConfigMap "c" is invalid: spec.template: no way'


def test_a_mistake_in_a_chart_is_told_as_by_helm() -> None:
    where = "failed to create typed patch object (ns/c; /v1, Kind=ConfigMap)"
    (problem,) = said(refused(f'{where}: .data.list: duplicate entries for key [name="A"]'))
    assert problem.message == '.data.list of ConfigMap c has two entries with name="A": keep one of them'


def test_kinds_that_are_not_served_unless_the_run_brings_them() -> None:
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
           "spec": {"group": "example.org", "names": {"kind": "Thing"}}}  # fmt: skip
    assert [problem.code for problem in said(None, thing)] == [Code.NOT_FOUND]
    assert said(None, thing, crd) == []


def test_a_kind_that_the_release_itself_defines_comes_too_late_for_helm() -> None:
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}}
    runs = DryRuns(Saying(None), "ns", provided([], "ns", hooks=False), beside={"api": {("example.org", "Thing")}})
    (problem,) = runs.problems("api", thing)
    assert problem.remedy.startswith("put the CustomResourceDefinition into the chart's folder crds/")


def test_a_workload_that_is_refused_is_not_told_again_by_its_pods() -> None:
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": POD}}
    template = template_of(web, "ns")
    assert template
    runs = DryRuns(Saying(refused("json: cannot unmarshal number")), "ns", provided([], "ns", hooks=False))
    assert runs.pod("api", template)[0]
    assert runs.problems("api", web)
    assert not runs.pod("api", template)[0]


def test_a_namespace_that_the_run_makes_is_not_asked_in() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}
    inside = {**MAP, "metadata": {"name": "c", "namespace": "new"}}
    assert said(NotFound("no namespace", 404), inside, namespace) == []


def pod_said(error: Exception | None, *brought: dict[str, Any], **spec: Any) -> tuple[list[Problem], Saying]:
    kube = Saying(error)
    template = built_in({**POD, "spec": {**POD["spec"], **spec}}, "ns")
    assert template is not None
    return DryRuns(kube, "ns", provided(brought, "ns", hooks=False)).pod("api", template)[0], kube


QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: cpu={}, used: cpu=1500m, limited: cpu=2'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, []),
        (refused('pods "x" is forbidden: violates PodSecurity "restricted:latest": host ports'),
         [(Code.ADMISSION_DENIED, True)]),
        (refused('admission webhook "policy.example" denied the request: no'), [(Code.ADMISSION_DENIED, True)]),
        (refused('pods "x" is forbidden: error looking up service account ns/r: serviceaccount "r" not found'),
         [(Code.SERVICE_ACCOUNT_MISSING, True)]),
        (refused('pods "x" is forbidden: no PriorityClass with name high was found'), [(Code.NOT_FOUND, True)]),
        (refused('pods "x" is forbidden: pod rejected: RuntimeClass "gvisor" not found'), [(Code.NOT_FOUND, True)]),
        (refused(QUOTA.format("1")), [(Code.QUOTA_EXCEEDED, False)]),
        (refused(QUOTA.format("3")), [(Code.QUOTA_EXCEEDED, True)]),
        (Forbidden("may not create pods", 403), []),
        (KubeError("failed calling webhook", 500), []),
    ],
)  # fmt: skip
def test_what_is_said_about_a_pod(error: Exception | None, expected: list[tuple[Code, bool]]) -> None:
    assert [(problem.code, problem.certain) for problem in pod_said(error)[0]] == expected


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ('violates PodSecurity "restricted:latest": runAsNonRoot', "environment_pod_security"),
        (
            "ValidatingAdmissionPolicy 'a-pods' denied request: images from elsewhere than a/: b/c",
            "environment_registries",
        ),
    ],
)
def test_what_lets_a_pod_in_is_said(said: str, setting: str) -> None:
    [problem] = pod_said(refused(f'pods "x" is forbidden: {said}'))[0]
    assert setting in problem.remedy


def test_a_service_account_that_the_run_makes_is_not_looked_up() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    for brought, sent in (((account,), None), ((), "robot")):
        _found, kube = pod_said(None, *brought, serviceAccountName="robot")
        assert kube.tried[0]["spec"].get("serviceAccountName") == sent


@pytest.mark.parametrize(
    ("kind", "field"), [("PriorityClass", "priorityClassName"), ("RuntimeClass", "runtimeClassName")]
)
def test_a_class_that_the_run_makes_is_not_looked_up(kind: str, field: str) -> None:
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "high"}}
    for brought, sent in (((made,), None), ((), "high")):
        _found, kube = pod_said(None, *brought, **{field: "high"})
        assert kube.tried[0]["spec"].get(field) == sent


def test_a_node_port_that_is_taken_is_a_conflict() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    (problem,) = said(
        refused("spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"), service
    )
    assert (problem.code, problem.certain) == (Code.CONFLICT, True)
    assert is_port_taken(problem)


@pytest.mark.parametrize(
    ("asked", "containers", "told"),
    [("true", ["app"], True), ("true", ["app", "daprd"], False), ("yes", ["app"], False), (None, ["app"], False)],
)
def test_a_sidecar_that_nobody_would_add(asked: str | None, containers: list[str], told: bool) -> None:
    notes = {"dapr.io/enabled": asked} if asked else {}
    template = built_in({**POD, "metadata": {"name": "api", "annotations": notes}}, "ns")
    assert template is not None
    found = without_sidecar("api", template, {"spec": {"containers": [{"name": name} for name in containers]}})
    assert [(problem.code, problem.certain) for problem in found] == ([(Code.SIDECAR_MISSING, False)] if told else [])


def test_a_native_sidecar_is_one() -> None:
    template = built_in({**POD, "metadata": {"name": "api", "annotations": {"dapr.io/enabled": "true"}}}, "ns")
    assert template is not None
    assert without_sidecar("api", template, {"spec": {"initContainers": [{"name": "daprd"}]}}) == []


def test_nothing_is_written() -> None:
    _found, kube = pod_said(None)
    assert kube.writes == []
    assert said(None) == []
