# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Python environments of single tools, each with pins of its own beside it; made once for each set of pins."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.locks import locked
from tests.cluster.paths import cache
from tests.cluster.say import say


def programs(name: str, requirements: str, python: str = sys.executable) -> Path:
    """The folder ``bin`` of the environment with these pins; raises CalledProcessError where it can't be made."""
    version = subprocess.run([python, "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(f"{version}\n{requirements}".encode()).hexdigest()[:12]
    folder = cache() / "environments" / f"{name}-{digest}"
    with locked(folder.with_name(f"{name}.lock"), f"the environment of {name}"):
        if not (folder / ".complete").exists():
            say(f"{name}: installing its pins (once)")
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(folder)], check=True)
            (folder / "requirements.txt").write_text(requirements)
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
            subprocess.run([*pip, "--requirement", str(folder / "requirements.txt")], check=True)
            (folder / ".complete").touch()
    return folder / "bin"


def find_python(version: str) -> Path:
    """The newest Python of this minor version, ``3.12``: of ``PATH``, else of pyenv.

    Raises:
        LookupError: there is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders = [Path(sys.base_prefix) / "bin", *(Path(each) for each in os.environ["PATH"].split(os.pathsep))]
    folders += sorted(pyenv.glob(f"{version}.*/bin"), key=lambda path: -int(path.parts[-2].rpartition(".")[2]))
    for each in (folder / f"python{version}" for folder in folders):
        if each.exists() and subprocess.run([each, "-c", ""], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return each  # one of pyenv's shims fails where this version is not chosen
    raise LookupError(f"there is no Python {version}")


def bring_collections(tools: Path) -> None:
    """Ansible in an environment finds the collections that this one depends on: those of the tests' environment."""
    core = Path(str(importlib.resources.files("ansible_collections") / "kubernetes" / "core"))
    [packages] = tools.parent.glob("lib/python*/site-packages")
    (packages / "ansible_collections").unlink(missing_ok=True)
    (packages / "ansible_collections").symlink_to(core.parents[1])
