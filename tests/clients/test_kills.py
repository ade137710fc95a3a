"""doks_cluster as a program is killed at moments drawn at random, and run again: one cluster, and no pool too many.

TODO_CLOUD_SEED repeats a run; TODO_CLOUD_KILLS is how many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

from tests.cluster.paths import TOP
from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean, Fault
from tests.support.environ import clean_environ
from tests.support.patience import patience
from tests.unit.plugins.module_utils.digitalocean.test_converge import APP, TODO, converge

_DB = {"name": "db", "size": "s-1vcpu-2gb", "count": 1}
_LARGER = {**APP, "size": "s-4vcpu-8gb"}
STORIES: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {  # what is there, what is wanted
    "from nothing": (None, {**TODO, "node_pools": [APP, _DB]}),
    "larger nodes": (TODO, {**TODO, "node_pools": [_LARGER], "allow_replace": True, "tags": ["a"]}),
    "two minor versions up": ({**TODO, "version": "1.34"}, {**TODO, "node_pools": [APP, _DB]}),
}


class Program:
    """The module in a process of its own."""

    def __init__(self, cloud: FakeDigitalOcean, params: dict[str, Any]) -> None:
        environ = {
            **clean_environ("DIGITALOCEAN_", "DO_"), "DIGITALOCEAN_ACCESS_TOKEN": TOKEN,
            "DIGITALOCEAN_API_URL": cloud.url, "PYTHONPATH": f"{TOP / 'collections'}:{TOP}",
        }  # fmt: skip
        argv = [sys.executable, "-m", "tests.support.module_server", "doks_cluster"]
        self.process = subprocess.Popen(
            argv, cwd=TOP, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._params = {**params, "api_ca_path": cloud.ca_path}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def run(self) -> dict[str, Any]:
        """What it says; empty when it was killed."""
        said, _ = self.process.communicate(json.dumps(self._params), patience(60))
        if self.process.returncode == -signal.SIGKILL:
            return {}
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        assert not found.get("failed"), found
        return found


def account(before: dict[str, Any] | None) -> FakeDigitalOcean:
    """Changes take no time there."""
    cloud = FakeDigitalOcean(Account(Clock(speed=1000), droplet_limit=20))
    cloud.account.takes = dict.fromkeys(cloud.account.takes, 0.0)
    with cloud.serving():
        if before:
            converge(cloud, before)
    return cloud


def shape(cloud: FakeDigitalOcean) -> list[Any]:
    """Each cluster: version, tags, pools with their sizes and nodes."""
    return [
        (each["version"], each["tags"][2:], sorted((p["name"], p["size"], len(p["nodes"])) for p in each["node_pools"]))
        for each in cloud.account.listed()
    ]


def test_a_program_killed_at_random_is_run_again() -> None:
    seed, kills = (
        os.environ.get("TODO_CLOUD_SEED") or str(int(time.time())),
        int(os.environ.get("TODO_CLOUD_KILLS", 20)),
    )
    print(f"TODO_CLOUD_SEED={seed}")
    draw, undisturbed = random.Random(seed), {}
    for name, (before, wanted) in STORIES.items():
        cloud = account(before)
        already = len(cloud.requests)
        with cloud.serving():
            assert Program(cloud, wanted).run()["changed"]
        undisturbed[name] = (len(cloud.requests) - already, shape(cloud))
    for _ in range(kills):
        name, how = draw.choice(list(STORIES)), draw.choice(("reset", "lost"))
        before, wanted = STORIES[name]
        requests, right = undisturbed[name]
        cloud, moment = account(before), draw.randrange(requests)
        with cloud.serving():
            killed = Program(cloud, wanted)
            cloud.faults = [Fault(how, after=moment, then=killed.kill)]
            assert killed.run() == {}, f"{name}: it ended before its request {moment}"
            wrote = len(cloud.writes())
            assert "changed" in Program(cloud, wanted).run()
            print(f"{name}: killed at request {moment} of {requests} ({how}); {wrote} of {len(cloud.writes())} writes")
            assert shape(cloud) == right
            assert not Program(cloud, wanted).run()["changed"]
        assert cloud.violations == []
