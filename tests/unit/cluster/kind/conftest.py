"""Commands that answer as a test says, in a folder that is all of PATH."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.engine import daemon

Fake = Callable[..., None]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """``fake(name, out, error, code)`` installs a command; each call of any is noted in ``calls``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("KIND_EXPERIMENTAL_PROVIDER", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(daemon, "pid", lambda *_: None)

    def install(name: str, out: str = "", error: str = "", code: int = 0) -> None:
        file = folder / name
        file.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"open({str(tmp_path / 'calls')!r}, 'a').write(' '.join([{name!r}, *sys.argv[1:]]) + chr(10))\n"
            f"print({out!r})\nprint({error!r}, file=sys.stderr)\nsys.exit({code})\n"
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return install
