"""The project's own virtual environment: everything requirements-dev.txt pins, rebuilt when a pin changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

from tests.cluster.build.compiler import fetching
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.machine import Tool, ready_to_build
from tests.cluster.paths import TOP, VENV, tool_path
from tests.cluster.say import Step, say

REQUIREMENTS = TOP / "requirements-dev.txt"
_COMPLETE = ".complete"
_PYTHON_NEEDED = (3, 11)


def folder_name(requirements: str, python: str) -> str:
    """The folder of the environment with these pins for this Python: another pin, another folder."""
    return "venv-" + hashlib.sha256(f"{python}\n{requirements}".encode()).hexdigest()[:12]


def ensure() -> Path:
    """Make the environment unless it is there, and return its folder.

    Raises:
        ClusterError: Python is too old, has no ``venv``, or pip cannot install the pins.
    """
    folder = VENV.parent / folder_name(REQUIREMENTS.read_text(), sys.version)
    if (folder / _COMPLETE).exists() and VENV.resolve() == folder:
        return folder
    if sys.version_info[:2] < _PYTHON_NEEDED:
        raise ClusterError("Python 3.11 or newer is needed: install python3.11 (Debian 12 has it) and run again.")
    with locked(VENV.parent / "venv.lock", "the Python environment"):
        if not (folder / _COMPLETE).exists():
            _install(folder)
        _point_to(folder)
    return folder


def enter() -> None:
    """Continue this very command with the environment's Python and the project's tools first in ``PATH``."""
    folder = ensure()
    os.environ["PATH"] = tool_path()
    if Path(sys.prefix).resolve() != folder:
        python = str(folder / "bin" / "python")
        os.execv(python, [python, *sys.orig_argv[1:]])


def _install(folder: Path) -> None:
    step = Step()
    say("Python environment: installing the pinned tools (once, about 90 s)")
    shutil.rmtree(folder, ignore_errors=True)
    if find_spec("ensurepip") is None:  # Debian has it in a package of its own
        ready_to_build([Tool(f"/usr/lib/python{sys.version_info[0]}*/ensurepip", "python3-venv")])
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    _run([str(base), "-m", "venv", str(folder)], "install the Debian package python3-venv")
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--requirement",
        str(REQUIREMENTS),
    ]
    with fetching() if sys.argv[1:2] == ["build"] else nullcontext():
        _run(pip, "pip's words are above")
    (folder / _COMPLETE).touch()
    say(f"Python environment installed ({step})")


def _run(argv: list[str], hint: str) -> None:
    if subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise ClusterError(f"The Python environment could not be made ({' '.join(argv[1:4])} failed): {hint}.")


def _point_to(folder: Path) -> None:
    """Turn the ``venv`` link; environments before the last one are removed."""
    previous = VENV.resolve() if VENV.is_symlink() else folder
    link = VENV.with_name("venv.new")
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(VENV)
    for old in VENV.parent.glob("venv-*"):
        if old not in (folder, previous):
            shutil.rmtree(old, ignore_errors=True)
