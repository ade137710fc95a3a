"""``python3 -m tests.stages [PART...]``: what ``make test`` runs, each stage with its seconds and CPU-seconds.

Lint, unit tests and, after these, molecule on kind run beside the tests that need the bare-machine cluster, which leave
much of two processors idle; their output comes in one piece when they end.

CPU-seconds are user and system time of all processes that a stage started and waited for. The test cluster's programs
live longer than a stage: what they used meanwhile is counted beside.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from tests import summary
from tests.cluster.node import lifecycle, usage
from tests.cluster.paths import cache
from tests.cluster.say import say
from tests.cluster.state import load

RESULTS = cache() / "results"
CLUSTER = (sys.executable, "-m", "tests.cluster")
PYTEST = {
    "unit": ("tests/unit", "-n", "3", "--dist", "loadfile"),
    "e2e": ("tests/e2e",),
    "integration": ("tests/integration", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"),
}
ON_CLUSTER = ("e2e", "integration")
MOLECULE = "molecule"
PARTS = ("lint", *PYTEST, MOLECULE)


@dataclass(frozen=True)
class Stage:
    """A stage that ended. All times are seconds."""

    name: str
    code: int
    seconds: float
    cpu: float
    cluster_cpu: float = 0.0

    def __str__(self) -> str:
        failed = "" if self.code == 0 else "FAILED after "
        cluster = f" and {self.cluster_cpu:.0f} s of the cluster's" if self.cluster_cpu else ""
        return f"{self.name}: {failed}{self.seconds:.0f} s, {self.cpu:.0f} s of CPU{cluster}"


def main(arguments: Sequence[str]) -> int:
    """Run the parts, all unless some are named, and print a summary."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.stages", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--here", action="store_true", help="on the cluster that TODO_CLOUD_TEST_KUBECONFIG names")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    parts = options.parts or PARTS
    if options.here:
        return _worst(_pytest(part) for part in parts if part in ON_CLUSTER)
    if "integration" in parts:  # they need fake nodes, a registry and the kubelet's settings; e2e runs on kind too
        os.environ["LOCAL_CLUSTER"] = "local"
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    return _all(parts) | summary.main(RESULTS, [part for part in parts if part != "lint"])


def run(name: str, argv: Sequence[str], *, beside: bool = False) -> Stage:
    """Run the command of a stage to its end, print the stage's line and keep it for the summary.

    ``beside``: another stage runs meanwhile, so that this one's output is printed when it ends.
    """
    began, before = time.monotonic(), _cluster_cpu()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output) if beside else subprocess.Popen(argv)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        sys.stdout.write(output.read())
    stage = Stage(
        name,
        process.returncode,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        _kind_cpu() if name == MOLECULE else _cluster_cpu() - before,
    )
    say(str(stage))
    with (RESULTS / summary.STAGES).open("a") as file:  # one write of one line: several processes may append
        file.write(json.dumps({**asdict(stage), "line": str(stage)}) + "\n")
    return stage


def _all(parts: Sequence[str]) -> int:
    with ThreadPoolExecutor() as pool:
        build = pool.submit(_build, parts)
        beside = bool(set(parts) & set(ON_CLUSTER))
        alone = pool.submit(_alone, parts, build, beside)
        lanes = alone, pool.submit(_on_cluster, parts, build), pool.submit(_on_kind, parts, build, alone, beside)
        return _worst(lane.result() for lane in lanes)


def _build(parts: Sequence[str]) -> int:
    wanted = {
        "--tests": {"unit", *ON_CLUSTER} & set(parts),  # unit tests need both Helms
        "--https": {"e2e"} & set(parts),
        "--kind": {MOLECULE} & set(parts),
    }
    if {MOLECULE, *ON_CLUSTER} & set(parts):
        return run("build", (*CLUSTER, "build", *(option for option, needed in wanted.items() if needed), "test")).code
    return run("build", (*CLUSTER, "build", "--tools")).code if "unit" in parts else 0


def _alone(parts: Sequence[str], build: Future[int], beside: bool) -> int:
    """What needs no cluster; after a failed lint no unit test begins."""
    if "lint" in parts and run("lint", ("make", "lint"), beside=beside).code:
        return 1
    return (build.result() or _pytest("unit", beside)) if "unit" in parts else 0


def _on_cluster(parts: Sequence[str], build: Future[int]) -> int:
    chosen = [part for part in ON_CLUSTER if part in parts]
    if not chosen or build.result():
        return 0  # the build's own code is counted by itself
    here = (sys.executable, "-m", "tests.stages", "--here", *chosen)
    https = ["--https"] if "e2e" in chosen else []
    return subprocess.run([*CLUSTER, "with", *https, "test", "--", *here], check=False).returncode


def _on_kind(parts: Sequence[str], build: Future[int], alone: Future[int], beside: bool) -> int:
    """From nothing to a task's life on kind, as soon as what needs no cluster has ended, well or not."""
    if MOLECULE not in parts or build.result():
        return 0
    alone.result()
    results = RESULTS / f"{MOLECULE}.xml"
    return run(
        MOLECULE, (sys.executable, "-m", "tests.molecule", "--junit", str(results), "default"), beside=beside
    ).code


def _pytest(part: str, beside: bool = False) -> int:
    return run(part, ("pytest", *PYTEST[part], f"--junitxml={RESULTS / part}.xml"), beside=beside).code


def _worst(codes: Iterable[int]) -> int:
    return int(sum(code != 0 for code in codes) > 0)  # a sum: all of them are run


def _cluster_cpu() -> float:
    name = os.environ.get("TODO_CLOUD_TEST_CLUSTER")
    process = lifecycle.pid(load(name)) if name else None
    return usage.cpu_seconds(process) if process else 0.0


def _kind_cpu() -> float:
    """What the cluster has used that molecule started and removed itself."""
    note = RESULTS / f"{MOLECULE}.cpu"
    return float(note.read_text()) if note.exists() else 0.0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
