"""What a deployment needs goes away beside it, for real: it is named and waited for, and nothing goes back for it.

All parts of a platform are broken by ``make faults``, which has a cluster to itself.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import KubeError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD, SERVICE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import is_true
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import WaitOptions

from tests.faults.parts import HOOK_NAME, Place
from tests.integration.releases.test_preflight import deployment, release
from tests.integration.releases.world import World
from tests.integration.support import eventually
from tests.support.patience import patience

# By its address: the busybox of these tests is static, and looks no name up.
ASK = "nc -w 2 $DB_SERVICE_HOST 5432 -e true"
STABLE = WaitOptions(stability_seconds=3, graces={"waits_for_dependency": 1})
APP = f'{ASK} || {{ echo "connect to $DB_SERVICE_HOST:5432: refused"; exit 1; }}; exec httpd -f -p 8080 -h /'


def app(world: World, version: str) -> dict[str, Any]:
    """It listens once it has reached its database: however late the kubelet tells of its end, it was not ready."""
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    env = [{"name": "VERSION", "value": version}]
    container = {"command": ["sh", "-c", APP], "env": env, "readinessProbe": probe}
    return release(world, "api", deployment("api", container=container, terminationGracePeriodSeconds=0))


@pytest.fixture
def with_database(world: World) -> World:
    """With a grace its pod is there until it has ended; without, it may answer for a while after that."""
    container = {"command": ["httpd", "-f", "-p", "5432", "-h", "/"]}
    body = deployment("db", container=container, terminationGracePeriodSeconds=1)
    world.kube.create(DEPLOYMENT, world.namespace, body)
    spec = {"selector": {"app": "db"}, "ports": [{"port": 5432}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": spec}
    world.kube.create(SERVICE, world.namespace, service)
    scale(world, 1)
    world.apply(app(world, "one")).ok()
    return world


def scale(world: World, replicas: int) -> None:
    world.kube.patch(DEPLOYMENT, world.namespace, "db", {"spec": {"replicas": replicas}})

    def there() -> bool:
        pods, _version = world.kube.list_(POD, world.namespace, label_selector="app=db")
        return len(pods) == replicas and all(is_true(pod, "Ready") for pod in pods)

    eventually(f"db has {replicas} pods", there)


def restarts(world: World) -> int:
    pods, _version = world.kube.list_(POD, world.namespace, label_selector="app=api")
    statuses = (status for pod in pods for status in pod["status"].get("containerStatuses") or ())
    return sum(int(status.get("restartCount") or 0) for status in statuses)


def test_a_database_that_is_down_is_named_and_nothing_goes_back(with_database: World) -> None:
    world = with_database
    scale(world, 0)
    failed = world.apply(app(world, "two"), wait=STABLE, timeout=round(patience(12)))
    assert failed.code == "dependency_down"
    assert "Service db" in failed.result["failures"][0]["details"]["dependency"]
    assert failed.outcomes == {"api": "failed"}
    assert len(world.history("api")) == 2


def test_one_that_comes_back_in_time_lets_the_run_go_on(with_database: World) -> None:
    world = with_database
    scale(world, 0)

    def return_later() -> None:
        with KubeSession.from_params({"kubeconfig": world.kubeconfig}) as kube:
            other = World(world.kubeconfig, kube, world.namespace, world.helm)
            eventually("the new version crashes, and was judged", lambda: restarts(other) >= 2)
            scale(other, 1)

    later = threading.Thread(target=return_later)
    later.start()
    try:
        done = world.apply(app(world, "two"), wait=STABLE, timeout=round(patience(120))).ok()
    finally:
        later.join()
    assert done.outcomes == {"api": "verified"}
    assert any("Service db" in line and "waiting" in line for line in done.lines)


def test_what_crashed_before_a_run_is_tried_again_by_it(with_database: World) -> None:
    """The kubelet would start it minutes later."""
    world = with_database
    scale(world, 0)
    failed = world.apply(app(world, "two"), wait=STABLE, timeout=round(patience(12)), on_failure="hold")
    assert failed.outcomes == {"api": "failed"}
    eventually("its back-off is long", lambda: restarts(world) >= 3)
    scale(world, 1)
    done = world.apply(app(world, "two"), wait=STABLE, timeout=round(patience(60))).ok()
    assert done.actions == {"api": "verify"}
    assert done.outcomes == {"api": "verified"}


def is_refused(world: World) -> bool:
    """Whether no pod can be made now."""
    body = {"metadata": {"name": "try"}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
    try:
        world.kube.create(POD, world.namespace, body, dry_run=True, deadline=Deadline.after(0))
    except KubeError:
        return True
    return False


def test_a_webhook_that_lets_no_pod_be_made_is_waited_for(world: World) -> None:
    world.apply(release(world, "api", deployment("api"))).ok()
    place = Place("", world.namespace, world.kube)
    guard = ExitStack()
    guard.enter_context(place.guarded("", "pods"))
    eventually("the webhook counts", lambda: is_refused(world))
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        if "waiting for it" in line:
            guard.close()

    changed = deployment("api", container={"env": [{"name": "VERSION", "value": "two"}]})
    with guard:
        wait = WaitOptions(stability_seconds=0.5, graces={"failed_create": 1})
        done = world.apply(release(world, "api", changed), wait=wait, hear=hear).ok()
    assert done.outcomes == {"api": "verified"}
    assert any(HOOK_NAME in line for line in lines)
    assert len(world.history("api")) == 2


def test_dapr_that_is_down_is_named_and_nothing_goes_back(world: World) -> None:
    """The namespace plays Dapr's: its sentry has a Service and no pods."""
    world.apply(release(world, "api", deployment("api"))).ok()
    spec = {"selector": {"app": "sentry"}, "ports": [{"port": 443}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dapr-sentry"}, "spec": spec}
    world.kube.create(SERVICE, world.namespace, service)
    never = {"exec": {"command": ["false"]}}
    changed = deployment("api", container={"command": ["sh", "-c", "exit 1"], "readinessProbe": never})
    changed["spec"]["template"]["metadata"]["annotations"] = {"dapr.io/enabled": "true", "dapr.io/app-id": "api"}
    failed = world.apply(release(world, "api", changed), timeout=round(patience(12)), wait=STABLE,
                         dapr_namespace=world.namespace)  # fmt: skip
    assert failed.code == "platform_down", failed.message
    assert "dapr-sentry" in failed.result["failures"][0]["details"]["dependency"]
    assert (failed.outcomes, len(world.history("api"))) == ({"api": "failed"}, 2)
