# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one environment has verified goes to another one by digest, is verified there, and gets its version as a tag."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.integration.images import Images, images_of_cluster
from tests.integration.releases.test_digests import running
from tests.integration.releases.world import CHART, ENVIRONMENT, World
from tests.integration.support import ModuleRun, eventually, run_module

COMMIT = "1f3c5a7d9e"


@dataclass
class Two:
    """Two namespaces that stand for staging and production, and one release ``web`` in each."""

    staging: World
    production: World
    images: Images

    @property
    def registries(self) -> list[dict[str, Any]]:
        return [{"host": "ghcr.io", "endpoint": self.images.url}]

    def stage(self, tag: str, commit: str = COMMIT) -> None:
        web = self.staging.release("web", image=f"{self.images.name('web')}:{tag}")
        self.staging.apply(web, commit=commit, registries=self.registries).ok()

    def wanted(self, tag: str, **values: Any) -> list[list[dict[str, Any]]]:
        return [[self.production.release("web", image=f"{self.images.name('web')}:{tag}", **values)]]

    def check(self, tag: str = "v1.0.0", **more: Any) -> ModuleRun:
        source = {"environment": ENVIRONMENT, "namespace": self.staging.namespace}
        return self._run(source=source, **{"waves": self.wanted(tag), **more})

    def verify(self, images: list[dict[str, Any]], *, check: bool = False) -> ModuleRun:
        return self._run(state="verified", images=images, run_in_check=check)

    def _run(self, *, run_in_check: bool = False, **params: Any) -> ModuleRun:
        shared = {"environment": ENVIRONMENT, "namespace": self.production.namespace, "registries": self.registries}
        return run_module("release_promotion", {**shared, **params}, self.production.kubeconfig, check=run_in_check)


@pytest.fixture
def two(kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str]) -> Iterator[Two]:
    names = [make_namespace(**{"todo.cloud/environment": ENVIRONMENT}) for _ in range(2)]
    with images_of_cluster(kubeconfig).kept_while() as images:
        yield Two(World(kubeconfig, kube, names[0]), World(kubeconfig, kube, names[1]), images)


def test_from_staging_to_production(two: Two) -> None:
    digest = two.images.push("web", "sha-1", "1")
    two.stage("sha-1")

    checked = two.check(expect_commit=COMMIT[:7])
    assert not checked.failed, checked.output
    assert not checked.result["changed"]
    assert checked.result["set"]["commit"] == COMMIT
    (image,) = checked.result["images"]
    assert (image["image"], image["tagged"]) == (f"{two.images.name('web')}:v1.0.0@{digest}", False)

    unverified = two.verify(checked.result["images"])
    assert unverified.code == "promotion_unproved", unverified.output
    assert two.images.digest("web", "v1.0.0") == "", "nothing is tagged before it is verified"

    two.production.apply(*checked.result["waves"], commit=COMMIT).ok()
    assert running(two.production, "web") == {digest}
    for check, state in ((True, "added"), (False, "added"), (False, "there")):
        verified = two.verify(checked.result["images"], check=check)
        assert not verified.failed, verified.output
        assert [tag["state"] for tag in verified.result["tags"]] == [state]
        assert two.images.digest("web", "v1.0.0") == ("" if check else digest)

    again = two.production.apply(*two.wanted("v1.0.0"), commit=COMMIT, registries=two.registries).ok()
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0), "the version means the same images"


def test_what_may_not_be_promoted(two: Two, tmp_path: Path) -> None:
    def reason(**params: Any) -> str:
        run = two.check(**params)
        assert run.code == "promotion_refused", run.output
        return str(run.result["failure"]["details"]["reason"])

    two.images.push("web", "sha-1", "1")
    assert reason() == "unverified"
    two.stage("sha-1")
    assert reason(commit="0000000") == "unverified"
    assert reason(expect_commit="0000000") == "commit"
    assert reason(min_age=3600) == "too_young"
    other = two.production.release("web", image=f"{two.images.name('web')}:v1.0.0")
    assert reason(waves=[[other], [two.production.release("api")]]) == "incomplete"

    store = RecordStore(two.staging.kube, two.staging.namespace, ENVIRONMENT)
    store.note_failed(store.headers()[0].id, "2026-11-22T11:59:00Z: web crashes")
    assert reason() == "verification_failed"
    where = {"environment": ENVIRONMENT, "namespace": two.staging.namespace, "releases": [{"name": "web"}]}
    verified = run_module("release_verify", {**where, "stability_seconds": 0}, two.staging.kubeconfig)
    assert not verified.failed, verified.output
    assert store.headers()[0].failed == "", "it was verified again"

    eventually("the set is older than a second", lambda: two.check(max_age=1).code)
    assert reason(max_age=1) == "too_old"
    chart = shutil.copytree(CHART, tmp_path / "sleeper")
    (chart / "NOTES.md").write_text("One more file.\n")
    assert reason(waves=[[{**other, "chart": str(chart)}]]) == "chart"

    taken = two.images.push("web", "v1.0.0", "another")
    refused = two.check()
    assert refused.code == "image_tag_taken", refused.output
    two.images.delete("web", taken)

    moved = two.images.push("web", "sha-1", "2")
    assert reason() == "tag_moved"
    two.stage("sha-1", commit="2222222222")
    assert two.check().result["set"]["commit"] == "2222222222"
    assert reason(commit=COMMIT) == "tag_moved"
    store.withdraw(store.headers()[0].id, "left manually")
    assert reason(commit="2222222222") == "withdrawn"

    two.stage("sha-1", commit="3333333333")
    two.images.delete("web", moved)
    gone = two.check()
    assert gone.code == "image_not_found", gone.output
    assert two.production.history("web") == [], "nothing of all this wrote anything"
