# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One release without a record, where nothing has to be deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import NETWORK_POLICY
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    LEASE,
    NAMESPACE,
    SERVICE,
    STATEFUL_SET,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME
from ansible_collections.todo.cloud.plugins.module_utils.planning.drift import deleted
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.releases import helm_release
from ansible_collections.todo.cloud.plugins.module_utils.releases.helm_release import HelmReleaseRun
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.support.fake_environment import spec as secret_spec
from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.deploy.test_orphans import OURS, manifest


@pytest.fixture
def spec(tmp_path: Path) -> ReleaseSpec:
    (tmp_path / "Chart.yaml").write_text("name: api\nversion: 1.0.0\n")
    return ReleaseSpec.parse({"name": "api", "namespace": "ns", "chart": str(tmp_path)})


def run(kube: FakeKube, spec: ReleaseSpec, **settings: Any) -> Any:
    one = Run(kube, FakeHelm(kube), Settings("", "ns", **settings), lambda line: None, "a test")
    return HelmReleaseRun(one).present(spec)


@pytest.mark.parametrize("check", [True, False])
def test_what_a_failed_revision_left_goes_though_the_run_that_got_over_it_was_killed(
    spec: ReleaseSpec, check: bool
) -> None:
    kube = FakeKube()
    kube.objects["Namespace", "", "ns"] = {"metadata": {"name": "ns", "uid": "n", "resourceVersion": "1"}}
    assert kube.find(NAMESPACE, "", "ns")
    store(kube, revision=1, status="failed", manifest=manifest("a", "left"))
    store(kube, revision=2, manifest=manifest("a"), labels=spec.labels({}, "", 2))
    for name in ("a", "left"):
        kube.put(CONFIG_MAP, "ns", {"metadata": {"name": name, "annotations": OURS}})
    assert run(kube, spec, check=check).action is Action.NONE
    assert bool(kube.find(CONFIG_MAP, "ns", "left")) is check
    assert bool(kube.writes) is not check
    if not check:
        assert not kube.get(LEASE, "ns", LOCK_NAME)["spec"]["holderIdentity"], "written under the lock, given back"
        kube.writes.clear()
        run(kube, spec)
        assert kube.writes == []


def test_a_release_with_secret_values_has_a_keyed_digest_and_stays_unchanged() -> None:
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    release = secret_spec("grafana", {"secret": "hunter2-canary"})
    predicted = run(kube, release, check=True, diff=True)
    assert (predicted.action, predicted.input_digest) == (Action.INSTALL, "")
    first = run(kube, release, diff=True)
    assert first.input_digest not in ("", release.inputs)
    assert "hunter2" not in str(first.as_result())
    again = run(kube, release)
    assert (again.action, again.input_digest) == (Action.NONE, first.input_digest)
    del kube.objects["Secret", "ns", "todo-cloud-input-key"]
    assert run(kube, release).action is Action.NONE


class Limited(FakeKube):
    """Lists of these kinds are forbidden."""

    hidden = ""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "list" and resource.kind == self.hidden:
            raise Forbidden("The credentials may not list them.", 403)


def test_what_was_deleted_by_hand_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy or a quota has no status that would tell."""
    looked: list[str] = []

    def spied(kube: FakeKube, namespace: str, manifest: str, kinds: Any) -> list[str]:
        looked.append(namespace)
        return deleted(kube, namespace, manifest, kinds)

    monkeypatch.setattr(helm_release, "deleted", spied)
    kube = Limited()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    release = secret_spec("environment", {"maps": ["a", "b"], "service": True})
    run(kube, release)
    del kube.objects["Service", "ns", "environment"]
    kube.hidden = "Service"
    assert run(kube, release).action is Action.NONE, "what may not be listed counts as there"
    kube.hidden = ""
    gone = "Service environment does not exist any more"
    one = Run(kube, FakeHelm(kube), Settings("", "ns"), lambda line: None, "a test")
    assert HelmReleaseRun(one).pending(release) == f"release environment: {gone}"
    predicted = run(kube, release, check=True)
    assert (predicted.action, predicted.changes) == (Action.UPGRADE, (gone,))
    looked.clear()
    done = run(kube, release)
    assert (done.action, done.changes, done.changed) == (Action.UPGRADE, (gone,), True)
    assert len(looked) == 1, "its kinds are listed once, however often the state is asked for"
    assert kube.find(SERVICE, "ns", "environment")
    assert run(kube, release).action is Action.NONE


def test_objects_of_the_platform_are_not_listed() -> None:
    """A list of all its kinds in each run would cost too much."""
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    release = secret_spec("dapr", {"maps": ["a"]})
    run(kube, release, platform=True)
    del kube.objects["ConfigMap", "ns", "a"]
    assert run(kube, release, platform=True).action is Action.NONE


def test_an_uninstall_does_not_wait_for_what_it_keeps() -> None:
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    kept = "metadata: {name: db, annotations: {helm.sh/resource-policy: Keep}}"
    store(kube, revision=1, manifest=f"apiVersion: apps/v1\nkind: StatefulSet\n{kept}\n")
    kube.put(STATEFUL_SET, "ns", {"metadata": {"name": "db", "annotations": {}}})
    one = Run(kube, FakeHelm(kube), Settings("", "ns", timeout=20), lambda line: None, "a test")
    report = HelmReleaseRun(one).absent("api")
    assert report.changed
    assert report.warnings == ["api: StatefulSet db is left, as its annotation helm.sh/resource-policy says."]
    assert kube.find(STATEFUL_SET, "ns", "db")


@pytest.mark.parametrize("check", [True, False])
def test_objects_that_helm_leaves_out_are_told(spec: ReleaseSpec, check: bool) -> None:
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    helm = FakeHelm(kube)
    helm.render = lambda request: Rendered("", skipped=("pre-instal",))  # type: ignore[method-assign]  # another chart's
    (Path(spec.chart) / "job.yaml").write_text("helm.sh/hook: pre-instal")
    settings = Settings("", "ns", check=check, diff=True)
    found = HelmReleaseRun(Run(kube, helm, settings, lambda line: None, "a test")).present(spec)
    assert [line for line in found.warnings if "helm.sh/hook 'pre-instal', which Helm does not know" in line]


def test_a_namespace_that_is_yet_to_be_made_is_no_warning(spec: ReleaseSpec) -> None:
    predicted = run(FakeKube(), spec, check=True)
    assert (predicted.action, predicted.changes) == (Action.INSTALL, ("namespace ns is to be made first",))
    assert predicted.warnings == []
    with pytest.raises(TodoCloudError, match="There is no namespace 'ns': make it first"):
        run(FakeKube(), spec)


def test_policies_and_quotas_of_the_platform_are_made_again_too() -> None:
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    release = secret_spec("kafka", {})
    objects = [("networking.k8s.io/v1", "NetworkPolicy"), ("v1", "ConfigMap")]
    manifest = "---\n".join(f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: x}}\n" for group, kind in objects)
    store(kube, "kafka", manifest=manifest, labels=release.labels({}, "", 1))

    def pending() -> str:
        one = Run(kube, FakeHelm(kube), Settings("", "ns", platform=True), lambda line: None, "a test")
        return HelmReleaseRun(one).pending(release)

    assert pending() == "release kafka: NetworkPolicy x does not exist any more", (
        "other kinds are not listed in each run"
    )
    kube.put(NETWORK_POLICY, "ns", {"metadata": {"name": "x"}})
    assert pending() == ""
