"""``python3 -m tests.outside peers|cases [DIR]``: checks that lie outside the project, each in a folder of its own.

* peers: programs ``*.py`` that compare this checkout with other projects' test suites. ``health.py`` gets the list of
  differences that are wanted, tests/peers/health-exceptions.txt.
* cases: folders with a ``run.sh`` that deploys something small to the cluster of $KUBECONFIG and prints lines that
  begin with RIGHT, WRONG or UNCLEAR. $P is this checkout.

Prints a table; exits 1 while something is not right. Without a folder, or with an empty one, nothing is compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.paths import TOP

EXCEPTIONS = TOP / "tests" / "peers" / "health-exceptions.txt"
CASE_SECONDS = 1800
_LINE = re.compile(r"^(RIGHT|WRONG|UNCLEAR): ?(.*)$", re.MULTILINE)


def run_peers(folder: Path) -> int:
    """Each program's output, then one line for each."""
    rows = []
    for program in sorted(folder.glob("*.py")):
        options = ["--except", str(EXCEPTIONS)] if program.name == "health.py" else []
        done = subprocess.run([sys.executable, str(program), str(TOP), *options], check=False)
        rows.append((program.name, "as wanted" if done.returncode == 0 else f"differs (exit {done.returncode})"))
    return _finish("peers", folder, rows, all(word == "as wanted" for _, word in rows))


def run_cases(folder: Path) -> int:
    """The lines of each case, then one row for each."""
    rows, good = [], True
    for script in sorted(folder.glob("*/run.sh")):
        name = script.parent.name
        try:
            done = subprocess.run(
                ["bash", str(script)], env={**os.environ, "P": str(TOP)}, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=CASE_SECONDS, check=False,
            )  # fmt: skip
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired:
            output, code = f"WRONG: no end after {CASE_SECONDS} s\n", 1
        found = _LINE.findall(output)
        for word, text in found:
            print(f"{name}: {word} {text}", flush=True)
        counts = Counter(word for word, _ in found)
        rows.append((name, ", ".join(f"{n} {word}" for word, n in counts.items()) or f"says nothing (exit {code})"))
        good &= code == 0 and set(counts) <= {"RIGHT"}
    return _finish("cases", folder, rows, good)


def _finish(what: str, folder: Path, rows: Sequence[tuple[str, str]], good: bool) -> int:
    if not rows:
        print(f"No {what} in {folder}: nothing to compare.")
        return 0
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name.ljust(width)}  {words}" for name, words in rows))
    return 0 if good else 1


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    what, folder = arguments[0], " ".join(arguments[1:])
    if not folder:
        print(f"No folder of {what} is given (make {what} {what.upper()}=DIR): nothing to compare.")
        return 0
    if not Path(folder).is_dir():
        print(f"There is no folder {folder}.")
        return 1
    return {"peers": run_peers, "cases": run_cases}[what](Path(folder).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
