# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a bundle becomes a file: whether that can be, and a file that nobody sees before it is whole."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..failure import Code, error, exhausted


def check_place(path: Path) -> None:
    """A file can be written there. Raises invalid_input."""
    why = ""
    if not path.parent.is_dir():
        why = f"There is no folder {path.parent} for the bundle."
    elif path.exists() and not path.is_file():
        why = f"{path} is no file: give the bundle another name."
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        why = f"The folder {path.parent} may not be written to: put the bundle elsewhere."
    if why:
        raise error(Code.INVALID_INPUT, why, option="bundle")


@contextmanager
def unfinished(path: Path) -> Iterator[IO[bytes]]:
    """A file of this run's own, which replaces ``path`` once it is whole. What runs that were killed have left goes: a
    run that still writes holds a lock.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), open(left, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            with suppress(OSError):  # some folders have no locks: there, nothing is removed either
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        os.replace(part, path)
    except OSError as exc:
        if exhausted(exc):
            raise
        message = f"The bundle {path} cannot be written: {exc.strerror or exc}."
        raise error(Code.INVALID_INPUT, message, option="bundle") from exc
    finally:
        part.unlink(missing_ok=True)
