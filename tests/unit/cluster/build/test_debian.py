from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cluster.build import debian
from tests.cluster.errors import ClusterError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose apt-get and dpkg-deb are scripts: the package holds one program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {
        "apt-get": f'echo "$@" >>{tmp_path}/calls; [ ! -e {tmp_path}/offline ] || exit 100; touch "$6_1_amd64.deb"',
        "dpkg-deb": 'mkdir -p "$3/usr/bin" && touch "$3/usr/bin/promtool"',
    }.items():
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("TODO_CLOUD_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_package_is_fetched_once_and_not_installed(machine: Path) -> None:
    debian.keep([debian.PROMETHEUS])
    debian.keep([debian.PROMETHEUS])
    (call,) = (machine / "calls").read_text().splitlines()
    assert call.endswith("download prometheus")
    found = debian.program(debian.PROMETHEUS, "promtool")
    assert found == machine / "cache/debian/prometheus/usr/bin/promtool"
    assert debian.program(debian.PROMETHEUS, "no-such-program") is None
    assert [path.name for path in (machine / "cache/debian").iterdir()] == ["prometheus"]


def test_one_that_cannot_be_had_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "offline").touch()
    monkeypatch.setattr(debian, "update_lists", lambda: None)
    with pytest.raises(ClusterError, match=r"^Debian's prometheus cannot be had: `apt-get download` ends with 100"):
        debian.keep([debian.PROMETHEUS])


def test_a_machine_that_is_not_debians_goes_without(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: None)
    debian.keep([debian.PROMETHEUS])
    assert "This is not Debian: some tests need what Debian has as prometheus" in "".join(capsys.readouterr())
    assert not (machine / "calls").exists()
