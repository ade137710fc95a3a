# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes are distinguished, and a module dies with its controller although it is not its child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.processes import CONTROLLER, gone, lasting, started

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

MODULE = """
import sys, threading
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error
with fail_json_on_error(None):
    print("at work", flush=True)
    threading.Event().wait(600)
"""


def module(controller: str) -> subprocess.Popen[str]:
    """A process that stands in for a module in a session of its own."""
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.Popen(
        [sys.executable, "-c", MODULE], env={**os.environ, "PYTHONPATH": path, CONTROLLER: controller},
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def test_a_module_dies_with_its_controller() -> None:
    controller = subprocess.Popen(["sleep", "600"])
    with module(f"{controller.pid} {started(controller.pid)}") as run:
        try:
            assert run.stdout
            assert run.stdout.readline() == "at work\n"
            assert run.poll() is None
            controller.kill()
            controller.wait()
            assert run.wait(60) == -9
        finally:
            run.kill()


def test_a_module_whose_controller_was_gone_before_it_began_dies_too() -> None:
    """Also if its pid belongs to somebody else by now."""
    with module(f"{os.getpid()} 1") as run:
        try:
            assert run.wait(60) == -9
        finally:
            run.kill()


def test_a_pid_names_a_process_only_with_its_start() -> None:
    mine = started(os.getpid())
    assert mine
    assert not gone(os.getpid(), mine)
    assert gone(os.getpid(), "1")
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert gone(ended.pid, mine)


def test_the_lasting_clock_goes_on() -> None:
    first = lasting()
    assert Path("/proc/uptime").exists()
    assert lasting() >= first
