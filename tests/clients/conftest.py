"""The programs of others: an environment of their own in the cache, made once for these pins."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.paths import cache

_PINS = Path(__file__).with_name("requirements.txt")


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder ``bin`` of the environment."""
    key = hashlib.sha256(f"{sys.version}{_PINS.read_text()}".encode()).hexdigest()[:12]
    folder = cache() / f"doks-clients-{key}"
    if not (folder / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "--requirement", _PINS], check=True)
        (folder / ".complete").touch()
    return folder / "bin"
