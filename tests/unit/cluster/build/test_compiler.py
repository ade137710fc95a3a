"""The build step with a Go command of our own making: what it starts, keeps, repeats and says."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.cluster.build import compiler
from tests.cluster.build.parts import Part, Plugins
from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE

GO = """#!/bin/sh
[ "$1 $2" = "mod download" ] && { echo "{\\"Dir\\": \\"$FAKE_GO_MODULE\\"}"; exit 0; }
[ "$1" = env ] && { echo "${FAKE_GO_VERSION:-go1.26.8}"; exit 0; }
echo "$@" >> "$FAKE_GO_CALLS"
for last; do :; done
[ "$FAKE_GO_FAILS" = yes ] || [ "$FAKE_GO_FAILS" = "$last" ] && { echo "package nowhere: not found" >&2; exit 1; }
[ "$FAKE_GO_HANGS" = "$last" ] && exec sleep 60
mkdir -p "$GOCACHE" "$GOMODCACHE"
[ -e "$GOCACHE/compiled" ] && echo "$last" >> "$FAKE_GO_CALLS.warm"
touch "$GOCACHE/compiled"
name=${last##*/}
echo binary > "$GOBIN/${name%@*}"
"""
ONE = Part("one", "1.2.3", "example.test/cmd/one@v1.2.3")
SERVER = Part("etcd-like", "3.0.0", "example.test/server@v3.0.0")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    for name in ("BIN", "GO", "LOGS"):
        monkeypatch.setattr(compiler, name, tmp_path / name.lower())
    monkeypatch.setattr(compiler, "_DISK_NEEDED", 1)
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GO_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_part_is_built_once_per_version(calls: Path) -> None:
    assert compiler.build([ONE, SERVER], []) == 2
    assert compiler.build([ONE, SERVER], []) == 0

    assert len(calls.read_text().splitlines()) == 2
    assert (compiler.BIN / "one").readlink() == Path("one-1.2.3")
    assert (compiler.BIN / "etcd-like").read_text() == "binary\n"


def test_another_version_is_built_beside_and_linked(calls: Path) -> None:
    compiler.build([ONE], [])
    compiler.build([Part("one", "1.2.4", "example.test/cmd/one@v1.2.4")], [])

    assert (compiler.BIN / "one").readlink() == Path("one-1.2.4")
    assert (compiler.BIN / "one-1.2.3").exists()


def test_caches_of_go_are_emptied_between_families_not_within_one(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_CACHE_LIMIT", -1)
    monkeypatch.setattr(compiler, "_LANES", 1)
    sibling = Part("sibling", "1.2.3", "example.test/cmd/sibling@v1.2.3")

    compiler.build([ONE, sibling, SERVER], [])

    assert Path(f"{calls}.warm").read_text().split() == [sibling.package]


def test_caches_of_go_are_removed(calls: Path) -> None:
    compiler.build([ONE], [])

    assert not compiler.GO.exists()


def test_plugins_that_nobody_needs_are_not_built(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "module" / "plugins"
    plugins.mkdir(parents=True)
    for name in ("one.go", "other.go", "notes.md"):
        (plugins / name).touch()
    monkeypatch.setenv("FAKE_GO_MODULE", str(tmp_path / "module"))
    monkeypatch.setattr(compiler, "PLUGINS", (Plugins("dapr", "example.test/module", "plugins", ("one.go",)),))
    entry = Part("with-plugins", "1.2.3", "example.test/with-plugins", pins="dapr")

    compiler.build([entry, ONE], [])

    assert sorted(file.name for file in plugins.iterdir()) == ["notes.md", "one.go"]
    (plugins / "one.go").unlink()
    (compiler.BIN / entry.file).unlink()
    with pytest.raises(ClusterError, match=r"example\.test/module has no one\.go in plugins"):
        compiler.build([entry], [])


def test_a_failed_build_leaves_nothing_half_done(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", "yes")

    with pytest.raises(ClusterError, match=r"one 1\.2\.3 does not build.*\n.*not found"):
        compiler.build([ONE], [])

    assert list(compiler.BIN.iterdir()) == []


def test_a_failed_build_ends_what_is_built_beside_it(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", SERVER.package)
    monkeypatch.setenv("FAKE_GO_HANGS", ONE.package)
    further = Part("further", "1.2.3", "example.test/further@v1.2.3")
    began = time.monotonic()

    with pytest.raises(ClusterError, match=r"etcd-like 3\.0\.0 does not build"):
        compiler.build([ONE, SERVER, further], [])

    assert time.monotonic() - began < 30
    assert list(compiler.BIN.iterdir()) == []
    assert further.package not in calls.read_text()


def test_no_go(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None)

    with pytest.raises(ClusterError, match=r"^Go is missing: install Go"):
        compiler.build([ONE], [])


@pytest.mark.parametrize("version", ["go1.19.8", "go1.26", "go1.26.5"])
def test_an_old_go(calls: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", version)

    with pytest.raises(ClusterError, match=rf"^Go is too old \({re.escape(version)}\): install Go"):
        compiler.build([ONE], [])


def test_the_modules_need_no_newer_go_than_is_asked_for() -> None:
    """Go would refuse them, in words that say nothing of what to install."""
    asked = {
        tuple(int(n) for n in re.findall(r"^go ([\d.]+)$", file.read_text(), re.MULTILINE)[0].split("."))
        for file in (HERE / "build" / "go").glob("*/go.mod")
    }
    assert max(asked) == compiler._GO_NEEDED


@pytest.mark.parametrize("version", ["go1.26.6", "go1.27.0", "go1.27rc1", "go2.0"])
def test_a_go_that_is_new_enough(calls: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", version)

    assert compiler.build([ONE], []) == 1


def test_a_disk_too_small(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_DISK_NEEDED", 1 << 60)

    with pytest.raises(ClusterError, match="point TODO_CLOUD_CACHE to a larger disk"):
        compiler.build([ONE], [])
