"""This checkout as others get it: the tracked files in a folder of their own, and the collection that they make."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.cluster.paths import TOP


def tracked() -> set[str]:
    """Paths of the tracked files, from the top of the checkout."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True, text=True).stdout
    return set(names.rstrip("\0").split("\0"))


def copy_of_checkout(to: Path) -> Path:
    """The tracked files as they are on disk now, as a fresh clone would hold them."""
    for name in tracked():
        source, target = TOP / name, to / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return to


def built(folder: Path) -> Path:
    """The collection's archive, built in this empty folder."""
    source = copy_of_checkout(folder / "source")
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(folder)]
    subprocess.run(build, cwd=source, check=True, stdout=subprocess.DEVNULL)
    [artifact] = folder.glob("todo-cloud-*.tar.gz")
    return artifact


def unpacked(artifact: Path, collections: Path) -> Path:
    """The archive's files where Ansible looks for them: below this folder of collections."""
    folder = collections / "ansible_collections/todo/cloud"
    folder.mkdir(parents=True)
    with tarfile.open(artifact) as tar:
        tar.extractall(folder, filter="data")
    return folder
