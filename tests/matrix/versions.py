"""Oldest and newest versions that the collection supports, each made beside the project's own environment.

What pip and Go download is kept in the cache. Collections of others come out of the package ``ansible``, which holds a
set of them for each ansible-core.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.build.compiler import go_environment
from tests.cluster.paths import cache
from tests.support.environments import find_python

FOLDER = cache() / "matrix"
_COLLECTIONS = ("kubernetes/core", "community/digitalocean")
_COMPLETE = ".complete"


@dataclass(frozen=True)
class Controller:
    """What a run of ansible-playbook is made of.

    Attributes:
        name: in the table.
        python: version of Python, ``3.11``.
        core: requirement of ansible-core.
        ansible: version of the package ``ansible`` whose kubernetes.core is used.
        libraries: requirements of the libraries, and of what else is to be of a version.
    """

    name: str
    python: str
    core: str
    ansible: str
    libraries: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def environ(self) -> dict[str, str]:
        """Variables with which ansible-playbook is this one; it is made unless it is there.

        Raises:
            LookupError: this machine has no such Python.
        """
        python = find_python(self.python)
        if not (self.folder / _COMPLETE).exists():
            self._make(python)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": f"collections:{self.folder / 'collections'}"}

    def _make(self, python: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        _run(str(python), "-m", "venv", str(self.folder))
        pip = (str(self.folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
        _run(*pip, "install", "--no-compile", self.core, *self.libraries)
        with tempfile.TemporaryDirectory() as folder:
            _run(*pip, "download", "--no-deps", "--dest", folder, f"ansible=={self.ansible}")
            unpack(next(Path(folder).glob("ansible-*.whl")), self.folder / "collections")
        (self.folder / _COMPLETE).touch()


def unpack(wheel: Path, folder: Path) -> None:
    """The collections that the playbooks use, as far as this set of collections has them."""
    with zipfile.ZipFile(wheel) as archive:
        wanted = tuple(f"ansible_collections/{each}/" for each in _COLLECTIONS)
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(wanted)])


def helm(version: str) -> dict[str, str]:
    """Variables with which ``helm`` is of this version; it is compiled unless it is there."""
    folder = FOLDER / f"helm-{version}"
    if not (folder / "helm").exists():
        module = f"helm.sh/helm/v{version.partition('.')[0]}"
        name = f"{module}/internal/version.version"
        flags = ("-trimpath", f"-ldflags=-s -w -X {name}=v{version}")
        with tempfile.TemporaryDirectory(dir=cache(), prefix="go-") as caches:
            own = {"GOCACHE": f"{caches}/build", "GOMODCACHE": f"{caches}/mod", "GOTMPDIR": caches}
            _run("go", "install", *flags, f"{module}/cmd/helm@v{version}", env={**go_environment(folder), **own})
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def _run(*argv: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, check=False)
    assert done.returncode == 0, f"{' '.join(argv[:5])} failed; its words are above"
