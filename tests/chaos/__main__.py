# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.chaos --points 200``: the chaos test at length, with a table. Needs TODO_CLOUD_TEST_KUBECONFIG."""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.chaos.environment import Environment
from tests.chaos.points import KINDS, Chain, Point


def play(
    kubeconfig: str,
    points: int,
    seed: str,
    lanes: int,
    folder: Path,
    verified_again: int = 1,
    *,
    few: bool = False,
    kinds: Sequence[str] = KINDS,
) -> tuple[list[Point], list[str]]:
    """So many points in so many environments side by side: what was played, and what went wrong.

    A chain ends at its first failure; nothing is retried. ``few``: environments of three services instead of five.
    """
    played: list[Point] = []
    environments: list[Environment] = []
    dealt = (list(kinds) * points)[:points]  # all kinds in equal shares, in random order
    random.Random(seed).shuffle(dealt)

    def lane(number: int) -> str:
        own = folder / str(number)
        own.mkdir()
        with KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests") as kube:
            environment = Environment(kube, kubeconfig, own, few=few)
            environments.append(environment)
            try:
                chain = Chain(environment, f"{seed}/{number}", verified_again=verified_again)
                for kind in dealt[number::lanes]:
                    begun = time.monotonic()
                    point = chain.play(kind)
                    played.append(point)
                    print(f"{len(played):4} {time.monotonic() - begun:5.1f} s  {point}", flush=True)
            except AssertionError as exc:
                print(f"FAILED {exc}", flush=True)
                return str(exc)
            finally:
                environment.close()
        return ""

    with ThreadPoolExecutor(lanes) as pool:
        try:
            return played, [failure for failure in pool.map(lane, range(lanes)) if failure]
        except BaseException:  # an interrupt: the lanes end with what they run
            for environment in environments:
                environment.end()
            raise


def table(points: list[Point]) -> str:
    """How many points of which kind."""
    counts = Counter((p.work, p.kind) for p in points)
    hit = Counter((p.work, p.kind) for p in points if p.where != "ended by itself")
    rows = [f"{work:10} {kind:11} {counts[work, kind]:4} {hit[work, kind]:4}" for work, kind in sorted(counts)]
    return "\n".join([f"{'work':10} {'how':11} {'all':>4} {'hit':>4}", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--lanes", type=int, default=3, help="environments side by side")
    parser.add_argument("--verified-again", type=int, default=1, help="a further run after every so many points")
    parser.add_argument("--kind", choices=sorted(set(KINDS)), help="only runs that are hit in this way")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the runs that are stopped just then outlive it
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        played, failures = play(
            os.environ["TODO_CLOUD_TEST_KUBECONFIG"],
            options.points,
            options.seed,
            options.lanes,
            folder,
            options.verified_again,
            kinds=[options.kind] if options.kind else KINDS,
        )
    except KeyboardInterrupt:
        print(f"interrupted: its environments are gone, the logs are in {folder}", flush=True)
        return 130
    print(table(played))
    print(f"{len(played)} points converged, {len(failures)} failed; logs in {folder}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
