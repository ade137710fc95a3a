"""``python3 -m tests.fuzz [TARGET...]``: tries random inputs, prints what escapes, and fails if anything does."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.fuzz.frame import all_targets, escapes

_SHOWN = 10  # escapes of one target


def main(arguments: Sequence[str]) -> int:
    """Exit code: 1 if anything escaped."""
    known = all_targets()
    parser = argparse.ArgumentParser(prog="python3 -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(known)} (default: all)")
    parser.add_argument("--inputs", type=int, default=2000, help="of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run (default: the time)")
    parser.add_argument("--only", type=int, help="the number of one input")
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(known):
        parser.error(f"there is no target {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    numbers = range(options.inputs) if options.only is None else [options.only]
    print(f"SEED={options.seed}", flush=True)
    total = 0
    for name in options.targets or known:
        began = time.monotonic()
        found = list(escapes(known[name], options.seed, numbers))
        for each in found[:_SHOWN]:
            print(each)
        total += len(found)
        print(f"{name}: {len(numbers)} inputs, {len(found)} escapes, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if total else 0


sys.exit(main(sys.argv[1:]))
