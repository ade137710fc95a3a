"""``python3 -m tests.bench [PIECE...]``: measure on the cluster that TODO_CLOUD_TEST_KUBECONFIG names.

Prints a table per piece and writes it as JSON to the cache's results folder. A missed goal is reported; the exit
code is 1 only when a figure could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback

from tests.cluster.paths import TOP
from tests.cluster.say import say
from tests.cluster.venv import enter

# In this order: the application of the last piece leaves its load on the cluster.
PIECES = {
    "single": "one rollout_wait task on a ready workload beside one k8s_info task",
    "verdicts": "from the moment the API shows a failure to the verdict, beside helm --wait and kubectl rollout status",
    "traffic": "API requests of a wait for 1, 20 and 200 workloads, beside k8s_info's polling",
    "releases": "sets of 5 and 15 releases, beside helmfile, helm in a shell loop and kubernetes.core.helm",
    "site": "site.yml with nothing to do, and with one new image, beside helmfile and helm upgrade --wait",
    "users": "100 users during an upgrade and a rollback of the application; the screen of status.yml",
}


def main() -> int:
    """Run the pieces that are asked for, all by default."""
    options = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    options.add_argument("pieces", nargs="*", choices=[*PIECES, []], metavar="PIECE", help=", ".join(PIECES))
    wanted = options.parse_args().pieces or list(PIECES)
    enter()
    sys.path.insert(0, str(TOP / "collections"))
    from tests.bench import figures
    from tests.bench.world import Broken, world

    broken, missed = [], []
    for piece in wanted:
        load, began = os.getloadavg(), time.monotonic()
        say(f"{piece}: {PIECES[piece]} (load {load[0]:.1f})")
        try:
            with world() as here:
                found = importlib.import_module(f"tests.bench.{piece}").measure(here)
        except Broken as exc:
            broken.append(piece)
            print(f"{piece}: no figures: {exc}", file=sys.stderr)
            continue
        except Exception:  # one piece that breaks must not cost the figures of the others
            broken.append(piece)
            traceback.print_exc()
            continue
        seconds = time.monotonic() - began
        file = figures.write(found, load, seconds)
        missed += [goal for goal in found.goals if not goal.met]
        print(f"\n{found.text()}\n({seconds:.0f} s, {file})\n", flush=True)
    if missed:
        print("goals missed:\n" + "\n".join(f"  {goal}" for goal in missed))
    if broken:
        print(f"no figures: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
