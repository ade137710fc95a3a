"""A run of site.yml with nothing to do, and with one new image; beside helmfile and ``helm upgrade --wait``.

The application is deployed by site.yml first, unless it is there. The peers get the same nine releases with the same
charts and values, which are read from what Helm stored; they write new revisions, so their turn comes last, and
site.yml runs once more in the end.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader

from tests.bench.figures import Findings, Goal, median, times
from tests.bench.world import HELM, HELMFILE, Broken, World
from tests.cluster.paths import TOP, cache

REPEATS = 3
ENVIRONMENT = "todo-local"
CHARTS = TOP / "charts"
SERVICES = ("backend-api", "frontend", "recurring-task-service", "notification-service", "sse-gateway")
OLD, NEW = "v1.0.0", "v1.1.0"
HELMFILE_TIMES, HELM_TIMES, HELM_PLUS_S = 1.5, 1.2, 3.0
_LIMIT_S = 600


@dataclass(frozen=True)
class Run:
    """One command that ended well: seconds, of the clock and of the processor."""

    seconds: float
    cpu: float
    output: str

    @property
    def tasks(self) -> int:
        """Tasks of a playbook run that are shown."""
        return len(re.findall(r"^TASK ", self.output, re.MULTILINE))


def measure(world: World) -> Findings:
    """The table of commands."""
    facts = json.loads((Path(world.kubeconfig).parent / "cluster.json").read_text())
    environ = {**os.environ, "TODO_CLOUD_CLUSTER": str(facts["name"]), "KUBECONFIG": world.kubeconfig}
    _playbook(environ, "site.yml")
    runs: dict[str, list[Run]] = {}
    for name in ("site.yml", "playbooks/plan.yml", "playbooks/status.yml"):
        runs[name] = [_playbook(environ, name) for _ in range(REPEATS)]
    limited = ("site.yml", "--limit", "backend_api")
    values = {OLD: _values(world, "backend-api")}
    runs["site.yml, new image"] = []
    for _ in range(REPEATS):
        runs["site.yml, new image"] += [_playbook(environ, *limited, "-e", f"backend_api_version={NEW}")]
        values[NEW] = _values(world, "backend-api")
        _playbook(environ, *limited)
    try:
        helmfile = [str(HELMFILE), "--helm-binary", str(HELM), "--file", _helmfile(world), "sync", "--skip-deps"]
        runs["helmfile"] = [_run(environ, helmfile) for _ in range(REPEATS)]
        runs["helm"] = []
        for _ in range(REPEATS):
            runs["helm"] += [_run(environ, _helm(world, values[NEW]))]
            _run(environ, _helm(world, values[OLD]))
    finally:
        _playbook(environ, "site.yml")
    return findings(runs)


def findings(runs: Mapping[str, Sequence[Run]]) -> Findings:
    """From the runs to the table."""
    rows: list[Mapping[str, Any]] = [
        {
            "command": name,
            "s": median([run.seconds for run in each]),
            "CPU s": median([run.cpu for run in each]),
            "tasks": each[0].tasks or None,
        }
        for name, each in runs.items()
    ]
    seconds: dict[str, float | None] = {row["command"]: row["s"] for row in rows}
    found = Findings("site", "site.yml with nothing to do, and with one new image (nine releases)", rows)
    found.goals = [
        Goal("site.yml, nothing to do", seconds.get("site.yml"), times(HELMFILE_TIMES, seconds.get("helmfile"))),
        Goal(
            "site.yml --limit backend_api, a new image",
            seconds.get("site.yml, new image"),
            times(HELM_TIMES, seconds.get("helm"), HELM_PLUS_S),
        ),
    ]
    found.notes = ["helmfile: sync, nothing to change; helm: upgrade --wait of backend-api to the same new image"]
    return found


def _values(world: World, release: str, namespace: str = ENVIRONMENT) -> str:
    """A file with the values of a release, as they were given to Helm."""
    stored = HelmReader(world.kube, namespace).read(release)
    file = world.folder / f"{release}-{stored.revision}.json"
    file.write_text(json.dumps(stored.config))
    return str(file)


def _helmfile(world: World) -> str:
    """A helmfile of all nine, in the order in which they depend on each other."""
    dapr = HelmReader(world.kube, "dapr-system").read("dapr")
    charts = {
        ("environment", ENVIRONMENT): CHARTS / "environment",
        ("dapr", "dapr-system"): cache() / "charts" / f"dapr-{dapr.chart_version}",
        ("kafka", "kafka"): CHARTS / "kafka",
        ("dapr-components", ENVIRONMENT): CHARTS / "dapr-components",
        **{(name, ENVIRONMENT): CHARTS / "service" for name in SERVICES},
    }
    releases = [
        {"name": name, "namespace": namespace, "chart": str(chart), "values": [_values(world, name, namespace)]}
        for (name, namespace), chart in charts.items()
    ]
    defaults = {"wait": True, "timeout": 180, "createNamespace": False, "skipCRDs": True}
    file = world.folder / "helmfile.yaml"
    file.write_text(yaml.safe_dump({"helmDefaults": defaults, "releases": releases}))
    return str(file)


def _helm(world: World, values: str) -> list[str]:
    command = [str(HELM), "upgrade", "backend-api", str(CHARTS / "service"), "--namespace", ENVIRONMENT]
    return [*command, "--values", values, "--wait", "--timeout", "180s"]


def _playbook(environ: Mapping[str, str], *arguments: str) -> Run:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return _run(environ, [program, "-i", "inventories/local", *arguments])


def _run(environ: Mapping[str, str], command: Sequence[str]) -> Run:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command, cwd=TOP, env=dict(environ), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Broken(f"{' '.join(command)}: {done.stdout[-3000:]}")
    return Run(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout)
