"""Whether a namespace admits what comes back, and the label that lets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.admission import Admission, pod_templates
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import ENFORCE, LEVELS
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, POD, Resource

from tests.support.fake_kube import FakeKube

POD_SPEC = {"containers": [{"name": "app"}], "serviceAccountName": "own", "priorityClassName": "high"}
DEPLOYMENT = {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": POD_SPEC}}}


class Cluster(FakeKube):
    """A namespace under Pod Security: the pods of these tests need ``needs``."""

    def __init__(
        self, needs: str = "baseline", *, may: bool = True, says: str = "allowPrivilegeEscalation != false"
    ) -> None:
        super().__init__()
        self.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {ENFORCE: "restricted"}}})
        self.needs, self.may, self.says = needs, may, says
        self.trials: list[Mapping[str, Any]] = []

    def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **_: Any) -> Any:
        assert dry_run
        self.trials.append(body)
        level = self.level()
        if LEVELS.index(level) > LEVELS.index(self.needs):
            text = f'pods "todo-cloud-trial" is forbidden: violates PodSecurity "{level}:latest": {self.says}'
            raise Refused("The API server refuses.", 403, api_message=text)
        return {}

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb in ("try", "patch") and resource is NAMESPACE and not self.may:
            raise Forbidden("The credentials may not patch namespaces.", 403)

    def level(self) -> str:
        return str(self.objects["Namespace", "", "ns"]["metadata"]["labels"][ENFORCE])


def admission(kube: FakeKube, *objects: Any) -> Admission:
    manifest = "\n---\n".join(json.dumps(each) for each in objects or (DEPLOYMENT,))
    return Admission(kube, "ns", [manifest])


def test_the_pods_of_each_kind_of_workload() -> None:
    cron = {
        "kind": "CronJob",
        "metadata": {"name": "c"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": POD_SPEC}}}},
    }
    bare = {"kind": "Pod", "metadata": {"name": "p"}, "spec": POD_SPEC}
    other = {"kind": "ConfigMap", "metadata": {"name": "m"}}
    manifest = "\n---\n".join(json.dumps(each) for each in (DEPLOYMENT, cron, bare, other))
    assert [template.owner for template in pod_templates(manifest)] == ["Deployment api", "CronJob c", "Pod p"]


def test_a_stateful_set_is_tried_with_its_claims() -> None:
    """Without the volumes that its controller adds, the API server would refuse the pod before its security is seen."""
    item = {
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {"template": {"spec": POD_SPEC}, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    }
    kube = Cluster(needs="restricted")
    admission(kube, item)
    assert kube.trials[0]["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_what_is_admitted_changes_nothing() -> None:
    kube = Cluster(needs="restricted")
    found = admission(kube)
    found.check(kube)
    assert found.open(kube, print) == ""
    assert kube.writes == []
    assert kube.trials[0]["spec"] == {"containers": [{"name": "app"}], "serviceAccountName": "default"}


@pytest.mark.parametrize("needs", ["baseline", "privileged"])
def test_the_label_is_lowered_as_far_as_needed(needs: str) -> None:
    kube = Cluster(needs)
    found = admission(kube)
    found.check(kube)
    assert kube.writes == []
    lines: list[str] = []
    assert f"lowered from restricted to {needs}" in found.open(kube, lines.append)
    assert kube.level() == needs
    assert "Pod Security goes from restricted to baseline" in lines[0]


@pytest.mark.parametrize(("says", "level"), [("runAsNonRoot != true", "baseline"), ("host namespaces", "privileged")])
def test_who_may_not_change_the_label_gets_the_command(says: str, level: str) -> None:
    kube = Cluster(may=False, says=says)
    with pytest.raises(TodoCloudError) as caught:
        admission(kube).check(kube)
    failure = caught.value.failure
    assert failure.code is Code.ROLLBACK_REFUSED
    assert f"kubectl label namespace ns {ENFORCE}={level} --overwrite" in failure.message
    assert f'Deployment api: violates PodSecurity "restricted:latest": {says}' in failure.message
    assert kube.writes == []


def test_a_limit_range_is_no_matter_of_the_label() -> None:
    class Small(Cluster):
        def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **_: Any) -> Any:
            text = 'pods "x" is forbidden: maximum memory usage per Container is 2Gi, but limit is 3Gi'
            raise Refused("The API server refuses.", 403, api_message=text)

    kube = Small()
    with pytest.raises(TodoCloudError, match="LimitRange has to allow") as caught:
        admission(kube).check(kube)
    assert "kubectl" not in caught.value.failure.message


@pytest.mark.parametrize(
    "text", ["exceeded quota: environment", 'error looking up service account ns/x: "x" not found']
)
def test_what_passes_or_comes_along_does_not_count(text: str) -> None:
    class Busy(Cluster):
        def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **_: Any) -> Any:
            raise Refused("The API server refuses.", 403, api_message=text)

    assert admission(Busy()).refused == []


def test_what_cannot_be_tried_does_not_count() -> None:
    class Closed(Cluster):
        def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **_: Any) -> Any:
            assert resource is POD
            raise Forbidden("The credentials may not create pods.", 403)

    assert admission(Closed()).refused == []


def test_a_label_that_does_not_help_is_put_back() -> None:
    class Other(Cluster):
        def create(self, resource: Resource, namespace: str, body: Any, *, dry_run: bool = False, **_: Any) -> Any:
            raise Refused("No.", 403, api_message='pods "x" is forbidden: violates PodSecurity "y": z')

    kube = Other()
    found = admission(kube)
    found.check(kube)
    with pytest.raises(TodoCloudError, match="would not admit"):
        found.open(kube, lambda line: None)
    assert kube.level() == "restricted"
