# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Migrations, as Helm and the API server take them: a Job that failed is made again, one that ended well is kept."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, JOB

from tests.cluster.paths import TOP
from tests.integration.releases.world import World
from tests.integration.support import BUSYBOX


def service(world: World, script: str, migrations: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """A worker of the chart ``service`` with a migration; ``migrations``: more of its keys."""
    amount = {"cpu": "10m", "memory": "16Mi"}
    given = {
        "environment": "test", "image": BUSYBOX, "port": 0, "resources": {"requests": amount, "limits": amount},
        "command": ["sh", "-c", "trap exit TERM; sleep 3600 & wait"], **values,
    }  # fmt: skip
    chart = str(TOP / "charts/service")
    said = {"command": ["sh", "-c", script], "timeout": 60, **(migrations or {})}
    return {"name": "api", "namespace": world.namespace, "chart": chart, "values": given, "migrations": said}


def jobs(world: World) -> dict[str, str]:
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in world.kube.list_(JOB, world.namespace)[0]}


def test_once_per_version_and_again_only_after_a_failure(world: World) -> None:
    broken = service(world, "echo no such column; exit 3")
    failed = world.apply(broken)
    assert "no such column" in failed.message, failed.code
    assert world.history("api") == []
    first = jobs(world)
    assert "no such column" in world.apply(broken).message
    assert jobs(world).keys() == first.keys()
    assert jobs(world) != first, "made again under the same name"

    world.apply(service(world, "exit 0")).ok()
    done = jobs(world)
    result = world.apply(service(world, "exit 0")).ok()
    assert (result.result["changed"], jobs(world)) == (False, done)
    world.apply(service(world, "exit 0", env={"A": "1"})).ok()
    assert (len(world.history("api")), jobs(world)) == (2, done), "only the service"
    world.back().ok()
    assert (len(world.history("api")), jobs(world)) == (3, done), "a rollback leaves it alone"


def test_after_the_service_and_what_cannot_be_undone_is_a_floor(world: World) -> None:
    after = {"when": "after"}
    first = world.apply(service(world, "exit 0", after)).ok()
    (job,) = world.kube.list_(JOB, world.namespace)[0]
    (deployment,) = world.kube.list_(DEPLOYMENT, world.namespace)[0]
    assert job["metadata"]["creationTimestamp"] >= deployment["metadata"]["creationTimestamp"]
    assert [row["name"] for row in first.result["releases"]] == ["api", "api-migration"]

    failed = world.apply(service(world, "echo still in use; exit 3", after, env={"A": "1"}), on_failure="hold")
    assert "still in use" in failed.message
    assert failed.outcomes["api"] == "verified", "it runs already when its migration begins"

    world.apply(service(world, "exit 0; # drop", after | {"reversible": False}, env={"A": "1"})).ok()
    history = len(world.history("api"))
    refused = world.back()
    assert (refused.code, len(world.history("api"))) == ("rollback_refused", history)
    assert "the migration api-migration (revision" in refused.message
    assert "cannot be undone (reversible: false), and api of release set 1 is from before it" in refused.message
