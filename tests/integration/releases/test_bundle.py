# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one environment has verified goes to another one by a file, whose images nobody has but the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.images import images_of_cluster
from tests.integration.releases.test_digests import running
from tests.integration.releases.world import ENVIRONMENT, World
from tests.integration.support import ModuleRun, run_module

COMMIT = "1f3c5a7d9e"


def test_by_a_file_to_another_repository(
    kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str], tmp_path: Path
) -> None:
    names = [make_namespace(**{"todo.cloud/environment": ENVIRONMENT}) for _ in range(2)]
    staging, there = (World(kubeconfig, kube, name) for name in names)
    with images_of_cluster(kubeconfig).kept_while() as images:
        registries = [{"host": "ghcr.io", "endpoint": images.url}]
        digest = images.push("web", "sha-1", "1")
        other, file = f"{images.name('acme')}:v1.0.0", tmp_path / "bundle.tar"
        web = staging.release("web", image=f"{images.name('web')}:sha-1")
        staging.apply(web, commit=COMMIT, registries=registries).ok()

        def bundle(state: str, world: World, *, check: bool = False, **params: Any) -> ModuleRun:
            shared = {"environment": ENVIRONMENT, "namespace": world.namespace, "registries": registries}
            run = run_module(
                "release_bundle", {"state": state, "bundle": str(file), **shared, **params}, kubeconfig, check=check
            )
            assert not run.failed, run.output
            return run

        assert bundle("built", staging).result["changed"]
        assert not bundle("built", staging).result["changed"]
        images.delete("web", digest)
        opened: dict[str, Any] = {
            "waves": [[there.release("web", image=other)]], "folder": str(tmp_path), "push_registries": registries,
        }  # fmt: skip
        assert bundle("opened", there, check=True, **opened).result["copies"][0]["state"] == "copied"
        found = bundle("opened", there, **opened).result
        images.digests.add((f"{images.prefix}/acme", digest))
        assert found["copies"] == [{"image": f"{images.name('acme')}@{digest}", "state": "copied"}]
        there.apply(*found["waves"], commit=found["set"]["commit"]).ok()
        assert running(there, "web") == {digest}

        again = bundle("opened", there, **opened).result
        assert not again["changed"]
        second = there.apply(*again["waves"], commit=COMMIT).ok()
        assert (second.result["changed"], second.result["helm_calls"]) == (False, 0), "its charts have the same digests"
