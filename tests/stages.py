"""``python3 -m tests.stages [PART...]``: what ``make test`` runs, each stage with its seconds and CPU-seconds.

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
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from tests import summary
from tests.cluster.node import lifecycle, usage
from tests.cluster.paths import cache
from tests.cluster.say import say
from tests.cluster.state import load

RESULTS = cache() / "results"
CLUSTER = (sys.executable, "-m", "tests.cluster")
PYTEST = {
    "unit": ("tests/unit", "-n", "4", "--dist", "loadfile"),
    "integration": ("tests/integration", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"),
    "e2e": ("tests/e2e",),
}
ON_CLUSTER = ("integration", "e2e")
PARTS = ("lint", *PYTEST)


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
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    if _prepare(parts):
        return summary.main(RESULTS, [])
    return _test(parts) | summary.main(RESULTS, [part for part in parts if part in PYTEST])


def run(name: str, argv: Sequence[str]) -> Stage:
    """Run the command of a stage to its end, print the stage's line and keep it for the summary."""
    began, before = time.monotonic(), _cluster_cpu()
    process = subprocess.Popen(argv)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    stage = Stage(
        name,
        process.returncode,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        _cluster_cpu() - before,
    )
    say(str(stage))
    with (RESULTS / summary.STAGES).open("a") as file:  # one write of one line: several processes may append
        file.write(json.dumps({**asdict(stage), "line": str(stage)}) + "\n")
    return stage


def _prepare(parts: Sequence[str]) -> int:
    """Lint beside the build, since it leaves half of two processors idle."""
    beside: dict[str, Sequence[str]] = {"lint": ("make", "lint")} if "lint" in parts else {}
    if set(parts) & set(ON_CLUSTER):
        beside["build"] = (*CLUSTER, "build", "--tests", "test")
    elif "unit" in parts:
        beside["build"] = (*CLUSTER, "build", "--tools")
    with ThreadPoolExecutor() as pool:
        return _worst(stage.code for stage in pool.map(run, beside, beside.values()))


def _test(parts: Sequence[str]) -> int:
    codes = [_pytest("unit")] if "unit" in parts else []
    if clustered := [part for part in parts if part in ON_CLUSTER]:
        here = (sys.executable, "-m", "tests.stages", "--here", *clustered)
        codes.append(subprocess.run([*CLUSTER, "with", "test", "--", *here], check=False).returncode)
    return _worst(codes)


def _pytest(part: str) -> int:
    return run(part, ("pytest", *PYTEST[part], f"--junitxml={RESULTS / part}.xml")).code


def _worst(codes: Iterable[int]) -> int:
    return int(sum(code != 0 for code in codes) > 0)  # a sum: all of them are run


def _cluster_cpu() -> float:
    name = os.environ.get("TODO_CLOUD_TEST_CLUSTER")
    process = lifecycle.pid(load(name)) if name else None
    return usage.cpu_seconds(process) if process else 0.0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
