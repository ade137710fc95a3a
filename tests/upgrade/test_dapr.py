"""Dapr goes up a minor version by site.yml, while users use the app: no request fails, and all sidecars come along.

Each test takes a cluster of its own, on which nothing is deployed yet.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from tests.cluster.build.parts import DAPR, DAPR_BEFORE
from tests.e2e.conftest import TOP, Cluster, User, Watcher, cluster, until
from tests.support.patience import patience

__all__ = ["cluster"]
SITE = ("ansible-playbook", "site.yml", "-i", "inventories/local")
CONTROL_PLANE = ("dapr-operator", "dapr-sentry", "dapr-sidecar-injector")
_SIDECARS = 4


def endpoint_of(cluster: Cluster) -> str:
    return str(cluster.facts["url"])


def versions(cluster: Cluster) -> Counter[str]:
    """How many pods of the environment run a sidecar of each version."""
    pods = [pod["spec"] for pod in cluster.get("pods") if not pod["metadata"].get("deletionTimestamp")]
    containers = [each for pod in pods for each in (*pod["containers"], *pod.get("initContainers", ()))]
    return Counter(each["image"].rpartition(":")[2] for each in containers if each["name"] == "daprd")


def before(cluster: Cluster) -> None:
    """The app on the version before; a new cluster's root certificate is of that version too."""
    began = time.monotonic()
    # Injectors before 1.18 know controllers by their uid, which the role's trial pod cannot have, or by this.
    known = {"allowedServiceAccountsPrefixNames": "kube-system:replicaset-controller"}
    small = {"cluster": {"storageSize": "1Gi"}}
    values = {"dapr_sidecar_injector": known, "dapr_scheduler": small}
    # Sidecars before 1.18 end when the scheduler's pods do, all at once; the Todo app needs no scheduler.
    alone = {"scheduler_host_address": "", "sidecar_readiness_probe_period_seconds": 2, "graceful_shutdown_seconds": 3}
    given = json.dumps(
        {"dapr_chart_version": DAPR_BEFORE, "dapr_values": values, "app_service_sidecar_settings": alone}
    )
    cluster.playbook("site.yml", "-e", given).ok()
    assert versions(cluster) == {DAPR_BEFORE: _SIDECARS}
    print(f"\nsite.yml from nothing with Dapr {DAPR_BEFORE}: {time.monotonic() - began:.0f} s")


@contextmanager
def used(cluster: Cluster, user: User) -> Iterator[list[Watcher]]:
    """Constant requests for the page and, through the frontend, the backend and the database, for a user's tasks."""
    paths = ("/", "/api/tasks")
    watchers = [Watcher(endpoint_of(cluster) + path, cookies=user.http.cookies) for path in paths]
    with ExitStack() as stack:
        for watcher in watchers:
            stack.enter_context(watcher.watching())
        yield watchers


def upgraded(cluster: Cluster, user: User, watchers: list[Watcher], late: dict[str, Any]) -> None:
    """Nobody noticed, everything is at the new version, and what was asked before the upgrade is done after it."""
    counts = {watcher.url.rpartition("/")[2] or "/": (watcher.requests, len(watcher.failures)) for watcher in watchers}
    print(f"requests and failures: {counts}")
    assert [watcher.failures for watcher in watchers] == [[], []]
    assert all(watcher.requests > 100 for watcher in watchers)
    assert versions(cluster) == {DAPR: _SIDECARS}
    for name in CONTROL_PLANE:
        images = [
            c["image"] for c in cluster.get("deployment", name, "dapr-system")["spec"]["template"]["spec"]["containers"]
        ]
        assert all(image.endswith(f":{DAPR}") for image in images)
    answer = user.http.post(f"/api/tasks/{late['id']}/complete")
    assert answer.status_code == 200, answer.text
    until(lambda: [t for t in user.tasks() if not t["completed_at"]], 60, "the next instance of a recurring task")


def with_user(cluster: Cluster) -> User:
    http = httpx.Client(base_url=endpoint_of(cluster), timeout=patience(10), headers={"Origin": endpoint_of(cluster)})
    credentials = {"username": "upgrade", "password": "of-dapr-itself"}
    for step in ("register", "login"):
        assert http.post(f"/api/auth/{step}", json=credentials).status_code in (200, 201), step
    return User(http, "upgrade")


def test_whole(cluster: Cluster) -> None:
    before(cluster)
    user = with_user(cluster)
    late = user.add("rent", due="2027-01-31", recurrence="monthly")
    began = time.monotonic()
    with used(cluster, user) as watchers:
        run = cluster.playbook("site.yml").ok()
    print(f"site.yml to Dapr {DAPR}: {time.monotonic() - began:.0f} s")
    assert f"{_SIDECARS} verified" in run.output, run.output[-3000:]
    upgraded(cluster, user, watchers, late)
    assert cluster.playbook("site.yml").ok().count("changed") == 0


def test_killed(cluster: Cluster) -> None:
    before(cluster)
    user = with_user(cluster)
    late = user.add("rent", due="2027-01-31", recurrence="monthly")
    with used(cluster, user) as watchers:
        with open(os.devnull, "w") as nowhere:
            process = subprocess.Popen(
                SITE, cwd=TOP, env=cluster.environ, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere,
                start_new_session=True,
            )  # fmt: skip
        until(lambda: DAPR in versions(cluster) or process.poll() is not None, 600, "the first sidecar is new")
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found = versions(cluster)
        print(f"killed with sidecars {dict(found)}")
        assert DAPR_BEFORE in found
        cluster.playbook("site.yml", TODO_LOCK_WAIT="600").ok()
    upgraded(cluster, user, watchers, late)
