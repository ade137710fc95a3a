"""Where things lie: the checkout, and the cache outside of it that ``TODO_CLOUD_CACHE`` can point elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def cache() -> Path:
    """The cache folder: ``$TODO_CLOUD_CACHE``, else ``todo-cloud`` in the user's cache folder (XDG base directory)."""
    chosen = os.environ.get("TODO_CLOUD_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "todo-cloud"


BIN = cache() / "bin"
CLUSTERS = cache() / "clusters"
GO = cache() / "go"
REGISTRY = cache() / "registry"
IMAGES = cache() / "images"
VENV = cache() / "venv"
LOGS = cache() / "log"


def tool_path() -> str:
    """``PATH`` with the project's own tools first: the built binaries, then the venv's."""
    own = [str(BIN), str(VENV / "bin")]
    sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"]
    rest = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry not in own]
    return os.pathsep.join([*own, *rest, *(entry for entry in sbin if entry not in rest)])
