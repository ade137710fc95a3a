"""100 users at the public endpoint while the application is upgraded and rolled back, and the output of status.yml.

The application is deployed by site.yml first, unless it is there. locust plays the users (locustfile.py), by HTTPS
where the cluster has it, as `make bench` starts it, with network policies enforced. No request may fail; p95 of the
page stays under 3 s, of every other operation under 2 s.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench.figures import Findings, Goal, median
from tests.bench.world import Broken, Ran, World
from tests.cluster.cli import PUBLIC_HOST
from tests.cluster.node.pki import PUBLIC_CA
from tests.cluster.paths import TOP
from tests.support.environ import ANSIBLES_OUTPUT

USERS = 100
SPAWN_RATE = 5  # a second: signing in costs the backend a deliberate amount of work
SETTLE_SECONDS = USERS / SPAWN_RATE + 10
LIMIT_SECONDS = {"page": 3.0}  # p95; of every other operation:
OPERATION_LIMIT_SECONDS = 2.0
STATUS_LIMIT_SECONDS = 3.0
ADDRESS, AUTHORITY = "TODO_CLOUD_BENCH_ADDRESS", "TODO_CLOUD_BENCH_AUTHORITY"  # read by locustfile.py
_PLAYBOOK_LIMIT_SECONDS = 420
_END_SECONDS = 40


def measure(world: World) -> Findings:
    """The table of operations."""
    facts = json.loads((Path(world.kubeconfig).parent / "cluster.json").read_text())
    environ = {**os.environ, "TODO_CLOUD_CLUSTER": str(facts["name"]), **ANSIBLES_OUTPUT}
    seconds = {"site.yml": _playbook(environ, "site.yml").seconds}
    status = [_playbook(environ, "playbooks/status.yml").seconds for _ in range(3)]
    seconds["status.yml"] = median(status) or 0.0
    prefix = world.folder / "load"
    locust = world.start(_locust(facts, Path(world.kubeconfig).parent, prefix))
    try:
        time.sleep(SETTLE_SECONDS)  # all users have come and signed in: from here on the load is steady
        if locust.process.poll() is not None:
            locust.output.seek(0)
            raise Broken(f"locust ended early: {locust.output.read()[-2000:]}")
        seconds["site.yml, upgrade under load"] = _playbook(environ, "site.yml", "-e", "app_version=v1.1.0").seconds
        seconds["rollback.yml under load"] = _playbook(environ, "rollback.yml").seconds
    finally:
        locust.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            locust.process.wait(_END_SECONDS)
        locust.end()
    with open(f"{prefix}_stats.csv", newline="") as file:
        found = findings(operations(list(csv.DictReader(file))), seconds)
    failures = Path(f"{prefix}_failures.csv")
    if failures.exists():
        found.notes += [f"failed: {line}" for line in failures.read_text().splitlines()[1:6]]
    return found


def operations(lines: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Rows of locust's statistics, in seconds; operations that never happened are left out."""
    return [
        {
            "operation": line["Name"],
            "requests": int(line["Request Count"]),
            "failures": int(line["Failure Count"]),
            "median s": float(line["50%"]) / 1000,
            "p95 s": float(line["95%"]) / 1000,
            "p99 s": float(line["99%"]) / 1000,
            "slowest s": float(line["Max Response Time"]) / 1000,
        }
        for line in lines
        if line["Name"] != "Aggregated" and int(line["Request Count"])
    ]


def findings(rows: Sequence[dict[str, Any]], seconds: dict[str, float]) -> Findings:
    """From the operations to the table."""
    if not rows:
        raise Broken("locust made no request")
    found = Findings("users", f"{USERS} users at the public endpoint during an upgrade and a rollback", list(rows))
    found.goals = [
        Goal("failed requests", float(sum(row["failures"] for row in rows)), 0.0, "requests"),
        *(
            Goal(
                f"p95 of {row['operation']}", row["p95 s"], LIMIT_SECONDS.get(row["operation"], OPERATION_LIMIT_SECONDS)
            )
            for row in rows
        ),
        Goal("status.yml", seconds.get("status.yml"), STATUS_LIMIT_SECONDS),
    ]
    found.notes = [f"{name}: {took:.1f} s" for name, took in seconds.items()]
    return found


def _playbook(environ: dict[str, str], *arguments: str) -> Ran:
    began = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/local", *arguments],
        cwd=TOP, env=environ, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=_PLAYBOOK_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    return Ran(time.monotonic() - began, done.returncode, done.stdout).ok()


def _locust(facts: dict[str, Any], folder: Path, prefix: Path) -> list[str]:
    """The command; a public name leads to the node, as DNS would have it."""
    url = f"https://{PUBLIC_HOST}" if facts["https"] else str(facts["url"])
    return [
        "env", f"{ADDRESS}={facts['node_ip']}", f"{AUTHORITY}={folder / 'pki' / f'{PUBLIC_CA}.crt'}",
        str(Path(sys.executable).with_name("locust")), "-f", str(Path(__file__).with_name("locustfile.py")),
        "--headless", "--host", url, "--users", str(USERS), "--spawn-rate", str(SPAWN_RATE), "--csv", str(prefix),
        "--only-summary", "--stop-timeout", "10", "--run-time", "15m",
    ]  # fmt: skip
