from __future__ import annotations

import subprocess
import sys

from tests.cluster.node.usage import cpu_seconds

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])  # ends
child = subprocess.Popen([sys.executable, "-c", {BURN!r} + "print(flush=True); input()"], stdin=subprocess.PIPE)
input()
child.communicate()
"""


def test_children_that_ended_and_children_that_run_count() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        used = cpu_seconds(parent.pid)
        parent.communicate(b"\n")

    assert used >= 0.55  # /proc rounds each of the two down


def test_a_process_that_is_not_there_used_nothing() -> None:
    assert cpu_seconds(2**22 + 1) == 0
