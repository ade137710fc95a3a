"""Runs ``ansible-test sanity`` on the working tree, without Docker and with no download but from the package index.

ansible-test wants the collection below ``ansible_collections/<namespace>/<name>`` and makes virtual environments with a
bootstrap script that it would download; one of the same cache name that runs the interpreter's own ``ensurepip`` serves
as well.
"""

from __future__ import annotations

import importlib.resources
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

TOP = Path(__file__).resolve().parents[1]
GO_TEMPLATES = re.compile(r"charts/[^/]+/templates/")  # not YAML before Helm has rendered them: `helm lint` reads these
NOT_FOR_GALAXY = ("tests/", "examples/", "inventories/", "collections/", ".ci/", ".github/")
GET_PIP = "import ensurepip\nensurepip.bootstrap(default_pip=True)\n"


def cache_folder() -> Path:
    """Where this project keeps what is slow to make again."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TODO_CLOUD_CACHE") or base / "todo-cloud")


def copy_tree(to: Path) -> None:
    """The tracked files as they are on disk now; tests and examples are checked by other tools."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True, text=True).stdout.split(
        "\0"
    )
    for name in names:
        if name and not name.startswith(NOT_FOR_GALAXY) and not GO_TEMPLATES.match(name) and (TOP / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, to / name, follow_symlinks=False)
    sanity = TOP / "tests" / "sanity"
    if sanity.is_dir():
        shutil.copytree(sanity, to / "tests" / "sanity")


def write_get_pip(home: Path, python: str) -> None:
    """Place the bootstrap script where this ansible-core looks before it downloads one, under the name it expects."""
    from ansible_test._internal.python_requirements import get_venv_packages

    wanted = get_venv_packages(SimpleNamespace(version=python))["pip"]
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{wanted.replace('.', '_')}.py").write_text(GET_PIP)


def main() -> int:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="sanity-") as folder:
        root = Path(folder) / "ansible_collections" / "todo" / "cloud"
        root.mkdir(parents=True)
        copy_tree(root)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run(["git", "add", "-A"], cwd=root, check=True)
        home = cache_folder() / "ansible-test"  # its virtual environments live there and serve the next run too
        write_get_pip(home, version)
        beside = importlib.resources.files("ansible_collections") / "kubernetes" / "core"
        shutil.copytree(Path(str(beside)), root.parents[1] / "kubernetes" / "core")  # what the modules import
        argv = ["ansible-test", "sanity", "--python", version, "--color", "no", *sys.argv[1:]]
        done = subprocess.run(
            argv,
            cwd=root,
            env={**os.environ, "HOME": str(home)},
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    tests = re.findall(r'^Running sanity test "(.+)"', done.stdout, re.MULTILINE)
    if done.returncode or not tests:
        print(done.stdout)
        return done.returncode or 1
    skipped = re.findall(r"^WARNING: (.*[Ss]kip.*)", done.stdout, re.MULTILINE)
    print(f"ansible-test sanity: {len(tests)} tests clean", *dict.fromkeys(skipped), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
