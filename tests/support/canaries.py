# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canary secrets: their possible encodings, and where on this machine they must not appear."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.processes import command_of, environ_of, processes
from tests.cluster.paths import cache

_RECENT_SECONDS = 3600
_LARGE = 4_000_000


def spellings(secret: str) -> frozenset[str]:
    """As it is, and as it looks within something that was encoded in base64, whatever stands before it."""
    raw = secret.encode()
    found = {secret}
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode()
        # What its neighbours have a part in is left out.
        found.add(text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    return frozenset(found)


def shown(text: str, secrets: Iterable[str]) -> list[str]:
    """Spellings of secrets that stand in a text."""
    return [each for secret in secrets for each in spellings(secret) if each in text]


@contextmanager
def no_command_line_shows(secrets: Iterable[str], *, environ: bool = False) -> Iterator[None]:
    """Meanwhile, on this machine. ``environ``: nor does the environment of a Helm program, which inherits ours."""
    needles = [each for secret in secrets for each in spellings(secret)]
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            for pid in processes():
                command = command_of(pid)
                given = environ_of(pid).decode(errors="replace") if environ and _is_helm(command) else ""
                seen.extend(command[:200] for needle in needles if needle in f"{command}\n{given}")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not seen, f"a secret on a command line: {seen}"


def _is_helm(command: str) -> bool:
    return Path(command.partition(" ")[0]).name in ("helm", "helm3")


def files_that_show(base: Path, secrets: Iterable[str]) -> list[Path]:
    """Files below a folder that changed within the last hour, are not too large, and hold a secret.

    The cache is left out, where the local cluster keeps what it was made with, wherever that may lie.
    """
    needles = [each.encode() for secret in secrets for each in spellings(secret)]
    return [path for path in _recent(base) if _holds(path, needles)]


def _recent(base: Path) -> Iterator[Path]:
    left_out = cache()
    for folder, folders, names in os.walk(base):
        folders[:] = [f for f in folders if not f.startswith("pytest-of-") and Path(folder, f) != left_out]
        for name in names:
            path = Path(folder, name)
            try:
                info = path.lstat()
            except OSError:
                continue
            if path.is_file() and info.st_size < _LARGE and time.time() - info.st_mtime < _RECENT_SECONDS:
                yield path


def _holds(path: Path, needles: list[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(needle in content for needle in needles)
