# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole playbooks that meet: two runs of one environment, two environments at once, and a run that was held.

The lanes go side by side, each in an environment of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, LEASE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME

from tests.chaos.environment import Environment
from tests.chaos.processes import Run
from tests.support.patience import patience

_LIMIT_SECONDS = 300.0


def holder(env: Environment) -> str:
    lease = env.kube.find(LEASE, env.namespace, LOCK_NAME)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


def ended(run: Run) -> Run:
    assert run.wait(patience(_LIMIT_SECONDS)), f"{run.log}: still at work\n{run.output[-3000:]}"
    return run


def failed(run: Run) -> str:
    """Its output on one line."""
    ended(run)
    assert run.controller.returncode != 0, run.output[-3000:]
    assert "Traceback" not in run.output
    return " ".join(run.output.split())


def ok(run: Run) -> Run:
    ended(run)
    assert run.controller.returncode == 0, run.output[-3000:]
    return run


def two_runs(env: Environment, _quiet: str) -> None:
    """The first installs; one that comes meanwhile is refused, one that waits goes on from there."""
    # Time enough for Helm and for the lock: it is stopped for as long as two other runs take to come to the lock.
    runs = [env.start("site.yml", "v1", "-e", f"release_timeout={round(patience(400))}")]
    try:
        first = runs[0]
        storage = HelmReader(env.kube, env.namespace)
        assert not first.wait(patience(_LIMIT_SECONDS), until=lambda: bool(storage.history("alpha") and holder(env)))
        first.stop()  # nothing of it goes on until the others have met it
        seconds = (0, round(patience(400)))
        refused, waits = (env.start("site.yml", "v2", "-e", f"release_lock_wait={wait}") for wait in seconds)
        runs += [refused, waits]
        message = failed(refused)
        assert "holds it since" in message, message[-2000:]
        over = waits.wait(patience(_LIMIT_SECONDS), until=lambda: "waiting for the lock" in waits.output)
        assert not over, waits.output[-3000:]
        first.go_on()
        ok(first)
        ok(waits)
    finally:
        for run in runs:
            run.end()
    env.settled("v2")
    assert [env.version_of(record) for record in env.records()] == ["v1", "v2"]


def held(env: Environment, quiet: str) -> None:
    """A run that is refused for what is missing, twice; it goes on once that is there."""
    env.run("site.yml", "v1")
    late = {"app_service_values": {"secretEnv": {"WORD": {"secret": "late", "key": "word"}}}}
    extra = {**late, "isolation_watch": [{"environment": "quiet", "namespace": quiet}]}
    again = ["v2", "-e", json.dumps(extra)]

    def revisions() -> dict[str, int]:
        storage = HelmReader(env.kube, env.namespace)
        return {name: storage.history(name)[-1].revision for name in ("alpha", "beta", "gamma")}

    outputs = []
    for _attempt in range(2):
        run = env.start("site.yml", *again)
        try:
            outputs.append(failed(run))
        finally:
            run.end()
        assert revisions() == {"alpha": 1, "beta": 1, "gamma": 1}, "nothing was written"
        assert [env.version_of(record) for record in env.records()] == ["v1"]
        assert not holder(env)
    for output in outputs:
        assert re.search(r"needs Secret 'late', which is not there", output), output[-2000:]
        assert "quiet: untouched" in output, "a run that fails tells it too"
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}}
    env.kube.create(SECRET, env.namespace, {**body, "stringData": {"word": env.secret}})
    env.run("site.yml", *again)
    assert [env.version_of(record) for record in env.records()] == ["v1", "v2"]
    assert env.versions() == {"v2"}
    assert not env.traces()


LANES: tuple[Callable[[Environment, str], None], ...] = (two_runs, held)


@pytest.fixture(scope="module")
def outcomes(
    kube: KubeSession, kubeconfig: str, tmp_path_factory: pytest.TempPathFactory, make_namespace: Callable[..., str]
) -> Iterator[dict[Any, Future[None]]]:
    """All lanes at work."""
    quiet = make_namespace(**{"todo.cloud/environment": "quiet"})
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "something"}}
    kube.create(CONFIG_MAP, quiet, body)
    environments = {}
    for lane in LANES:
        folder: Path = tmp_path_factory.mktemp(lane.__name__)
        environments[lane] = Environment(kube, kubeconfig, folder, few=True)
    with ThreadPoolExecutor(len(LANES)) as pool:
        yield {lane: pool.submit(lane, env, quiet) for lane, env in environments.items()}
    for env in environments.values():
        env.close()


def test_two_runs_of_one_environment_and_another_environment_beside_them(outcomes: dict[Any, Future[None]]) -> None:
    outcomes[two_runs].result()


def test_a_run_that_was_held_and_the_same_again(outcomes: dict[Any, Future[None]]) -> None:
    outcomes[held].result()
