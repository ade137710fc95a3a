# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replica counts between Helm and a real autoscaler: switched on and off, nobody loses a pod for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, STATEFUL_SET, Resource

from tests.integration.releases.test_drift import kubectl
from tests.integration.releases.world import World, both_helms
from tests.integration.support import eventually

ON = {"minReplicas": 1}
kinds = pytest.mark.parametrize("resource", [DEPLOYMENT, STATEFUL_SET], ids=lambda r: r.kind)


@contextmanager
def counts(world: World, resource: Resource = DEPLOYMENT) -> Iterator[list[int]]:
    """Every replica count that the workload "api" is given meanwhile, the present one first."""
    live = world.kube.get(resource, world.namespace, "api")
    version = live["metadata"]["resourceVersion"]
    seen, versions = [live["spec"]["replicas"]], [version]
    stream = world.kube.watch(
        resource, world.namespace, version, seconds=300, silence=300, field_selector="metadata.name=api"
    )

    def follow() -> None:
        with suppress(Exception):  # interrupted
            for event in stream:
                seen.append(event["object"].get("spec", {}).get("replicas", seen[-1]))
                versions.append(event["object"]["metadata"]["resourceVersion"])
        stream.close()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield seen
    last = world.kube.get(resource, world.namespace, "api")["metadata"]["resourceVersion"]
    eventually("the watch saw everything", lambda: int(versions[-1]) >= int(last))
    stream.interrupt()
    thread.join(10)


def count(world: World) -> int:
    return int(world.kube.get(DEPLOYMENT, world.namespace, "api")["spec"]["replicas"])


def owners(world: World, resource: Resource = DEPLOYMENT) -> set[str]:
    fields = world.kube.get(resource, world.namespace, "api")["metadata"]["managedFields"]
    return {e["manager"] for e in fields if "f:replicas" in e["fieldsV1"].get("f:spec", {})}


def release(world: World, resource: Resource = DEPLOYMENT, **values: Any) -> dict[str, Any]:
    return world.release("api", kind=resource.kind, **values)


@kinds
def test_switched_on_at_five_it_stays_five(world: World, resource: Resource) -> None:
    world.apply(release(world, resource, replicas=5)).ok()
    before = set(world.pods("api"))
    with counts(world, resource) as seen:
        world.apply(release(world, resource, autoscaler=ON)).ok()
        world.apply(release(world, resource, autoscaler={"minReplicas": 2})).ok()
    assert set(seen) == {5}
    assert set(world.pods("api")) == before, "every pod is the same"


def test_switched_on_by_a_rollback(world: World) -> None:
    world.apply(release(world, autoscaler=ON)).ok()
    world.apply(release(world, replicas=5)).ok()
    with counts(world) as seen:
        world.back().ok()
    assert set(seen) == {5}


def test_a_count_that_was_scaled_manually_stays_too(world: World) -> None:
    world.apply(release(world, replicas=2)).ok()
    kubectl(world, "scale", "deployment/api", "--replicas=4")
    with counts(world) as seen:
        world.apply(release(world, autoscaler=ON)).ok()
    assert set(seen) == {4}


@both_helms
def test_switched_off_after_the_autoscaler_worked(world: World) -> None:
    world.apply(release(world, autoscaler={"minReplicas": 3})).ok()
    # The API server notes the autoscaler as the count's owner only where it takes it from somebody.
    mine = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": 2}}
    world.kube.patch(DEPLOYMENT, world.namespace, "api", mine, content_type=APPLY, field_manager="ada", force=True)
    eventually("the autoscaler's own write", lambda: owners(world) == {"kube-controller-manager"})
    with counts(world) as seen:
        world.apply(release(world, replicas=4)).ok()
    assert (seen[-1], min(seen), owners(world)) == (4, 3, {"helm"})
    world.apply(release(world, replicas=2)).ok()
    assert count(world) == 2


@both_helms
def test_a_deploy_never_changes_the_count_that_the_autoscaler_chose(world: World) -> None:
    world.apply(release(world, autoscaler={"minReplicas": 3})).ok()
    eventually("the autoscaler's choice", lambda: count(world) == 3)
    with counts(world) as seen:
        world.apply(release(world, autoscaler=ON, extra={"a": 1})).ok()
        world.apply(release(world, autoscaler=ON, extra={"a": 2})).ok()
        world.back().ok()
    assert set(seen) == {3}


def test_a_run_that_died_before_helm_leaves_a_count_that_goes_either_way(world: World, tmp_path: Path) -> None:
    world.apply(release(world, replicas=5)).ok()
    dying = tmp_path / "helm"
    dying.write_text(
        f'#!/bin/sh\ncase "$*" in *dry-run*|template*|version*) exec {world.helm} "$@";; esac\nkill -9 $$\n'
    )
    dying.chmod(0o755)
    died = replace(world, helm=str(dying))
    with counts(world) as seen:
        assert died.apply(release(world, autoscaler=ON), on_failure="hold").code == "helm_failed"
        assert owners(world) == set()
        world.apply(release(world, replicas=5, extra={"a": 1})).ok()
        assert owners(world) == {"helm"}
        assert died.apply(release(world, autoscaler=ON), on_failure="hold").code == "helm_failed"
        world.apply(release(world, autoscaler=ON)).ok()
    assert set(seen) == {5}
