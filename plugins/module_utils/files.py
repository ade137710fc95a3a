# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of charts, manifests and values, which may be others': nothing outside of what was named is read.

What is read ends up in the cluster and in release sets. A link within a folder could lead to any file of the machine
that deploys, such as its kubeconfig; Helm follows it.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from .failure import Code, TodoCloudError, error

LARGEST = 16 << 20  # bytes of one file
_VERSIONED = ".git"  # neither a chart's nor manifests


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted, hidden ones too. Links are followed, as Helm does, as long as they stay in it.

    Raises invalid_input for a link that leads out of the folder, or in a circle; OSError.
    """
    top = Path(os.path.realpath(folder))
    return sorted(_below(folder, folder, top, (top,)))


def _below(place: Path, folder: Path, top: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """``above``: the folders that this one is in, as they are called without links."""
    with os.scandir(place) as entries:
        for entry in entries:
            path = place / entry.name
            real = above[-1] / entry.name
            if entry.is_symlink():
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(top):
                    raise _outside(path.relative_to(folder), folder)
                if real in above:
                    message = f"{path.relative_to(folder)} in {folder} is a link in a circle: take it out."
                    raise error(Code.INVALID_INPUT, message, path=str(path))
            if entry.is_dir():
                if entry.name != _VERSIONED:
                    yield from _below(path, folder, top, (*above, real))
            elif entry.is_file():
                yield path


def named_file(path: Path) -> Path:
    """The same path. Raises invalid_input if it is a link that leads out of its folder."""
    return _within(path, path.parent)


def found_files(pattern: str) -> list[Path]:
    """Files that a glob finds, sorted. Raises invalid_input for a link out of the folder that its pattern begins in."""
    parts = Path(pattern).parts
    plain = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    folder = Path(*parts[:plain])
    found = sorted(Path(file) for file in glob.glob(pattern, recursive=True))
    return [_within(file, folder) for file in found if file.is_file()]


def _within(path: Path, folder: Path) -> Path:
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise _outside(path.relative_to(folder), folder)
    return path


def _outside(path: Path, folder: Path) -> TodoCloudError:
    return error(
        Code.INVALID_INPUT,
        f"{path} in {folder} is a link that leads out of there, maybe to a file that nobody meant to deploy: name its "
        "target instead, or put a copy in its place.",
        path=str(folder / path),
    )


def content_of(path: Path, largest: int = LARGEST) -> bytes:
    """What a file holds, whatever its size was. Raises invalid_input if that is too much; OSError."""
    with open(path, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise error(Code.INVALID_INPUT, f"{path.name} has more than {largest >> 20} MiB.", path=str(path))
    return content
