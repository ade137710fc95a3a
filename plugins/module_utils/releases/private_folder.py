# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes files that only this user can read, into a folder of this user's, never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files of mode 0600 by their names, which may have one folder in front; ``folder`` becomes 0700.

    A file that is there is replaced, not written to: it may be a link. Raises OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _opened(str(folder), None) as top:
        for name, content in files.items():
            inner, _slash, base = name.rpartition("/")
            if not inner:
                _write(top, base, content)
                continue
            with _opened(inner, top) as place:
                _write(place, base, content)


@contextmanager
def _opened(name: str, within: int | None) -> Iterator[int]:
    """A folder, made if it is not there; one of this user's that nobody else may write to."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=within)
    folder = os.open(name, _FOLDER, dir_fd=within)
    try:
        found = os.fstat(folder)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(0, "others may write to it", name)
        os.fchmod(folder, 0o700)
        yield folder
    finally:
        os.close(folder)


def _write(folder: int, name: str, content: bytes) -> None:
    new = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with open(os.open(new, _NEW, 0o600, dir_fd=folder), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
    os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
