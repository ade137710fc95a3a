# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Python environments of single tools, each with pins of its own beside it; made once for each set of pins."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.locks import locked
from tests.cluster.paths import cache
from tests.cluster.say import say


def programs(name: str, requirements: Path, python: str = sys.executable) -> Path:
    """The folder ``bin`` of the environment; raises CalledProcessError where it can't be made."""
    version = subprocess.run([python, "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(f"{version}\n{requirements.read_text()}".encode()).hexdigest()[:12]
    folder = cache() / "environments" / f"{name}-{digest}"
    with locked(folder.with_name(f"{name}.lock"), f"the environment of {name}"):
        if not (folder / ".complete").exists():
            say(f"{name}: installing its pins (once)")
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
            subprocess.run([*pip, "--requirement", str(requirements)], check=True)
            (folder / ".complete").touch()
    return folder / "bin"
