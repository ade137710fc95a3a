"""Runs ``ansible-test sanity`` on what is committed or changed, without Docker and without a download from outside the package index.

ansible-test wants the collection below ``ansible_collections/<namespace>/<name>`` and makes virtual environments with a
bootstrap script that it would download; a script of the same cache name that runs the interpreter's own ``ensurepip`` serves as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
NOT_FOR_GALAXY = ("tests/", "examples/", "inventories/", "collections/", ".ci/")
GET_PIP = """\
import ensurepip
import sys
ensurepip.bootstrap(upgrade="--upgrade" in sys.argv, default_pip=True)
"""


def copy_tree(to: Path) -> None:
    """The tracked files as they are on disk now; tests and examples are checked by other tools."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        if name and not name.startswith(NOT_FOR_GALAXY) and (TOP / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, to / name, follow_symlinks=False)
    sanity = TOP / "tests" / "sanity"
    if sanity.is_dir():
        shutil.copytree(sanity, to / "tests" / "sanity")


def write_get_pip(home: Path) -> None:
    """Place the bootstrap script under every name that this ansible-core asks for."""
    import ansible_test._internal.python_requirements as requirements

    wanted = set(re.findall(r"get_pip_[\w{}.]+\.py", Path(requirements.__file__).read_text()))
    versions = set(re.findall(r"\b\d\d\.\d(?:\.\d)?\b", Path(requirements.__file__).read_text()))
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True)
    for name in wanted:
        for version in versions:
            (cache / re.sub(r"{[^}]*}", version.replace(".", "_"), name)).write_text(GET_PIP)


def main() -> int:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="sanity-") as folder:
        root = Path(folder) / "ansible_collections" / "todo" / "cloud"
        root.mkdir(parents=True)
        copy_tree(root)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run(["git", "add", "-A"], cwd=root, check=True)
        home = Path(folder) / "home"
        write_get_pip(home)
        argv = ["ansible-test", "sanity", "--python", version, "--color", "no", *sys.argv[1:]]
        return subprocess.run(argv, cwd=root, env={**os.environ, "HOME": str(home)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
