"""site.yml with nothing to do, and with one new image; beside helmfile and ``helm upgrade --wait``.

The application is deployed by site.yml first, unless it is there. The peers get the same nine releases with the same
charts and values, which are read from what Helm stored; they write new revisions, so their turn comes last, and
site.yml runs once more in the end. What each command does first, such as filling a cache, is not measured.

helmfile's command is ``sync``: like site.yml it leaves a release only when its workloads are ready. ``apply`` would ask
the plugin helm-diff first and look at no workload of what has not changed. The goal is set by the quicker of two files:
one without any order, in which all releases are taken at once, and one in the order of dependencies.

TODO_CLOUD_BENCH_BEFORE names an older checkout whose site.yml is measured too, before the present one.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader

from tests.bench.figures import Findings, Goal, median, times
from tests.bench.world import HELM, HELMFILE, Broken, World
from tests.cluster.build.parts import DAPR
from tests.cluster.paths import TOP, cache
from tests.cluster.say import say
from tests.support.environ import ANSIBLES_OUTPUT

REPEATS = 5
ENVIRONMENT = "todo-local"
CHARTS = TOP / "charts"
WAVES: tuple[tuple[tuple[str, str], ...], ...] = (
    (("environment", ENVIRONMENT), ("dapr", "dapr-system"), ("kafka", "kafka")),
    (("dapr-components", ENVIRONMENT),),
    (("backend-api", ENVIRONMENT), ("frontend", ENVIRONMENT)),
    tuple((name, ENVIRONMENT) for name in ("recurring-task-service", "notification-service", "sse-gateway")),
)
OLD, NEW = "v1.0.0", "v1.1.0"
SITE, PLAN, STATUS = "site.yml", "playbooks/plan.yml", "playbooks/status.yml"
NEW_IMAGE = "site.yml --limit backend_api, new image"
ALL_AT_ONCE, IN_ORDER = "helmfile sync, all at once", "helmfile sync, in order"
HELM_LOOP, HELM_UPGRADE = "helm upgrade --install --wait, one by one", "helm upgrade --wait, new image"
BEFORE = " (before)"
HELMFILE_TIMES, HELM_TIMES, HELM_PLUS_SECONDS, CPU_TIMES = 1.5, 1.2, 3.0, 0.25
_LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Run:
    """One command that ended well: seconds, of the clock and of the processor, its child processes included."""

    seconds: float
    cpu: float
    output: str

    @property
    def tasks(self) -> int:
        """Tasks of a playbook run that are shown."""
        return len(re.findall(r"^TASK ", self.output, re.MULTILINE))


Runs = dict[str, list[Run]]


def measure(world: World) -> Findings:
    """The table of commands."""
    if not HELMFILE.exists():
        raise Broken("helmfile is not built: python3 -m tests.cluster build --bench")
    facts = json.loads((Path(world.kubeconfig).parent / "cluster.json").read_text())
    environ = {
        **os.environ, "TODO_CLOUD_CLUSTER": str(facts["name"]), "KUBECONFIG": world.kubeconfig, **ANSIBLES_OUTPUT,
    }  # fmt: skip
    runs: Runs = {}
    if before := os.environ.get("TODO_CLOUD_BENCH_BEFORE"):
        runs |= {name + BEFORE: each for name, each in _playbooks(world, environ, Path(before))[0].items()}
    ours, values = _playbooks(world, environ, TOP)
    runs |= ours
    try:
        runs |= _peers(world, environ, values)
    finally:
        _playbook(environ, TOP, SITE)
    return findings(runs)


def _playbooks(world: World, environ: Mapping[str, str], checkout: Path) -> tuple[Runs, dict[str, str]]:
    """The playbooks of a checkout, and files with the values of backend-api by its version."""
    _playbook(environ, checkout, SITE)
    runs = {name: _several(name, partial(_playbook, environ, checkout, name)) for name in (SITE, PLAN, STATUS)}
    limited, values = (SITE, "--limit", "backend_api", "-e"), {OLD: _values(world, "backend-api", ENVIRONMENT)}

    def there_and_back() -> Run:
        done = _playbook(environ, checkout, *limited, f"backend_api_version={NEW}")
        values[NEW] = _values(world, "backend-api", ENVIRONMENT)
        _playbook(environ, checkout, *limited, f"backend_api_version={OLD}")
        return done

    return {**runs, NEW_IMAGE: _several(NEW_IMAGE, there_and_back)}, values


def _peers(world: World, environ: Mapping[str, str], values: Mapping[str, str]) -> Runs:
    """The same by other tools."""
    runs: Runs = {}
    for name, needs in ((ALL_AT_ONCE, False), (IN_ORDER, True)):
        file = _helmfile(world, name, needs=needs)
        command = [str(HELMFILE), "--helm-binary", str(HELM), "--file", file, "sync", "--skip-deps"]
        _run(environ, command)
        runs[name] = _several(name, partial(_run, environ, command))
    upgrades = [
        _upgrade(name, namespace, _values(world, name, namespace), chart)
        for (name, namespace), chart in _charts().items()
    ]
    script = " && ".join(map(shlex.join, upgrades))
    runs[HELM_LOOP] = _several(HELM_LOOP, partial(_run, environ, ["sh", "-c", script]))

    def there_and_back() -> Run:
        done = _run(environ, _upgrade("backend-api", ENVIRONMENT, values[NEW]))
        _run(environ, _upgrade("backend-api", ENVIRONMENT, values[OLD]))
        return done

    return {**runs, HELM_UPGRADE: _several(HELM_UPGRADE, there_and_back)}


def _several(name: str, action: Callable[[], Run]) -> list[Run]:
    runs = [action() for _ in range(REPEATS)]
    say(f"{name}: {', '.join(f'{run.seconds:.1f}' for run in runs)} s")
    return runs


def findings(runs: Mapping[str, Sequence[Run]]) -> Findings:
    """From the runs to the table."""
    rows: list[Mapping[str, Any]] = []
    for name, each in runs.items():
        seconds = [run.seconds for run in each]
        figures = {"s": median(seconds), "min s": min(seconds), "max s": max(seconds)}
        rows.append(
            {"command": name, **figures, "CPU s": median([run.cpu for run in each]), "tasks": each[0].tasks or None}
        )
    seconds_of: dict[str, float | None] = {row["command"]: row["s"] for row in rows}
    cpu_of: dict[str, float | None] = {row["command"]: row["CPU s"] for row in rows}
    helmfile = [s for name in (ALL_AT_ONCE, IN_ORDER) if (s := seconds_of.get(name)) is not None]
    found = Findings("site", "site.yml with nothing to do, and with one new image (nine releases)", rows)
    found.goals = [
        Goal("site.yml, nothing to do", seconds_of.get(SITE), times(HELMFILE_TIMES, min(helmfile, default=None))),
        Goal(NEW_IMAGE, seconds_of.get(NEW_IMAGE), times(HELM_TIMES, seconds_of.get(HELM_UPGRADE), HELM_PLUS_SECONDS)),
    ]
    if SITE + BEFORE in cpu_of:
        limit = times(CPU_TIMES, cpu_of[SITE + BEFORE])
        found.goals.append(Goal("site.yml, nothing to do, processor", cpu_of.get(SITE), limit, "CPU s"))
    found.notes = [f"medians of {REPEATS} runs; the helm and helmfile commands write new revisions each time"]
    return found


def _values(world: World, release: str, namespace: str) -> str:
    """A file with the values of a release, as they were given to Helm."""
    stored = HelmReader(world.kube, namespace).read(release)
    file = world.folder / f"{release}-{stored.revision}.json"
    file.write_text(json.dumps(stored.config))
    return str(file)


def _charts() -> dict[tuple[str, str], Path]:
    """The charts of all nine, in the order in which they depend on each other."""
    charts = {name: CHARTS / name for name in ("environment", "kafka", "dapr-components")}
    charts["dapr"] = cache() / "charts" / f"dapr-{DAPR}"
    return {each: charts.get(each[0], CHARTS / "service") for wave in WAVES for each in wave}


def _helmfile(world: World, title: str, *, needs: bool) -> str:
    """A helmfile of all nine; with ``needs`` each waits for those of the wave before."""
    releases: list[dict[str, Any]] = []
    charts, before = _charts(), list[str]()
    for wave in WAVES:
        for name, namespace in wave:
            values, order = [_values(world, name, namespace)], {"needs": before} if needs else {}
            chart = str(charts[name, namespace])
            releases.append({"name": name, "namespace": namespace, "chart": chart, "values": values, **order})
        before = [f"{namespace}/{name}" for name, namespace in wave]
    defaults = {"wait": True, "timeout": 180, "createNamespace": False, "skipCRDs": True}
    file = world.folder / f"{title}.yaml"
    file.write_text(yaml.safe_dump({"helmDefaults": defaults, "releases": releases}))
    return str(file)


def _upgrade(name: str, namespace: str, values: str, chart: Path = CHARTS / "service") -> list[str]:
    command = [str(HELM), "upgrade", "--install", name, str(chart), "--namespace", namespace, "--skip-crds"]
    return [*command, "--values", values, "--wait", "--timeout", "180s"]


def _playbook(environ: Mapping[str, str], checkout: Path, *arguments: str) -> Run:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return _run(environ, [program, "-i", "inventories/local", *arguments], checkout)


def _run(environ: Mapping[str, str], command: Sequence[str], folder: Path = TOP) -> Run:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=dict(environ), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Broken(f"{' '.join(command)}: {done.stdout[-3000:]}")
    return Run(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout)
