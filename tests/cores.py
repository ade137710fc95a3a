# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.cores``: ansible-test sanity with newer ansible-cores than that of the tests, each on its Python.

Where a machine lacks that Python, a line says that this core was left out, and the exit code is 2.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cluster.paths import TOP
from tests.support.environments import bring_collections, find_python, programs

CORES = {"2.20.10": "3.12", "2.21.5": "3.13"}


def main(chosen: list[str]) -> int:
    """Zero if each core finds nothing."""
    codes = []
    for core, version in CORES.items():
        if chosen and core not in chosen:
            continue
        try:
            python = str(find_python(version))
        except LookupError as error:
            print(f"ansible-core {core} was left out: {error}")
            codes.append(2)
            continue
        pins = (TOP / "tests/cores.txt").read_text() + f"ansible-core=={core}\n"
        tools = programs(f"core-{core}", pins, python)
        bring_collections(tools)
        print(f"ansible-core {core}, Python {version}:", flush=True)
        environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        codes.append(
            subprocess.run([str(tools / "python"), "tests/sanity.py"], cwd=TOP, env=environ, check=False).returncode
        )
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
