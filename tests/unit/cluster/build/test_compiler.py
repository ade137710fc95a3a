"""The build step with a Go command of our own making: what it starts, keeps, repeats and says."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.cluster.build import compiler
from tests.cluster.build.parts import DAPR_COMPONENTS, DAPR_WEBHOOKS, Part, Plugins, Port
from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE
from tests.support.fake_api import eventually

GO = """#!/bin/sh
[ "$1 $2" = "mod download" ] && { echo "{\\"Dir\\": \\"$FAKE_GO_MODULE\\"}"; exit 0; }
[ "$1" = env ] && { echo "${FAKE_GO_VERSION:-go1.26.8}"; exit 0; }
echo "$@" >> "$FAKE_GO_CALLS"
mkdir -p "$GOCACHE" "$GOMODCACHE"
shift
for package; do
  case $package in -*) continue;; esac
  [ "$FAKE_GO_FAILS" = "$package" ] && { echo "package nowhere: not found" >&2; exit 1; }
  [ "$FAKE_GO_DAWDLES" = "$package" ] && until [ -e "$FAKE_GO_UNTIL" ]; do sleep 0.05; done
  echo binary > "$GOTMPDIR/new"
  mv "$GOTMPDIR/new" "$GOBIN/${package##*/}"
done
"""
ONE = Part("one", "1.2.3", "example.test/cmd/one")
SERVER = Part("etcd", "3.0.0", "example.test/server")
ALONE = Part("loner", "3.0.0", "example.test/v3/one", alone=True)
PART_OF_ANOTHER_MODULE = Part("another", "3.0.0", "example.test/another", pins="helmfile")


def packages(calls: Path) -> list[list[str]]:
    """What each call of Go was to build."""
    return [
        [word for word in line.split()[1:] if word.startswith("example")] for line in calls.read_text().splitlines()
    ]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    for name in ("BIN", "GO", "LOGS"):
        monkeypatch.setattr(compiler, name, tmp_path / name.lower())
    monkeypatch.setattr(compiler, "_DISK_NEEDED", 1)
    monkeypatch.setattr(compiler, "PLUGINS", ())
    monkeypatch.setattr(compiler, "PORTS", ())
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GO_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_part_is_built_once_per_version(calls: Path) -> None:
    assert compiler.build([ONE, SERVER], []) == 2
    assert compiler.build([ONE, SERVER], []) == 0

    assert len(calls.read_text().splitlines()) == 1
    assert (compiler.BIN / "one").readlink() == Path("one-1.2.3")
    assert (compiler.BIN / "etcd").read_text() == "binary\n"


def test_one_command_builds_all_of_a_module_that_can_be_built_together(calls: Path) -> None:
    compiler.build([ONE, SERVER, ALONE, PART_OF_ANOTHER_MODULE], [])

    assert packages(calls) == [
        [ONE.package, SERVER.package],
        [ALONE.package],
        [PART_OF_ANOTHER_MODULE.package],
    ]


def test_another_version_is_built_beside_and_linked(calls: Path) -> None:
    compiler.build([ONE], [])
    compiler.build([Part("one", "1.2.4", ONE.package)], [])

    assert (compiler.BIN / "one").readlink() == Path("one-1.2.4")
    assert (compiler.BIN / "one-1.2.3").exists()


def test_caches_of_go_are_removed(calls: Path) -> None:
    compiler.build([ONE], [])

    assert not compiler.GO.exists()


def test_plugins_that_nobody_needs_are_not_built(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "module" / "plugins"
    plugins.mkdir(parents=True)
    for name in ("one.go", "other.go", "notes.md"):
        (plugins / name).touch()
    monkeypatch.setenv("FAKE_GO_MODULE", str(tmp_path / "module"))
    monkeypatch.setattr(compiler, "PLUGINS", (Plugins("cluster", "example.test/module", "plugins", ("one.go",)),))
    entry = Part("with-plugins", "1.2.3", "example.test/with-plugins")

    compiler.build([entry, ONE], [])

    assert sorted(file.name for file in plugins.iterdir()) == ["notes.md", "one.go"]
    (plugins / "one.go").unlink()
    (compiler.BIN / entry.file).unlink()
    with pytest.raises(ClusterError, match=r"example\.test/module has no one\.go in plugins"):
        compiler.build([entry], [])


def test_calls_are_ported_once(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "module" / "one.go"
    file.parent.mkdir()
    file.write_text("x := New(a).For(b).Do()")
    monkeypatch.setenv("FAKE_GO_MODULE", str(file.parent))
    monkeypatch.setattr(
        compiler, "PORTS", (Port("cluster", "example.test", file.name, (("New(a).For(b)", "New(a, b)"),)),)
    )

    compiler.build([ONE], [])
    compiler.build([SERVER], [])

    assert file.read_text() == "x := New(a, b).Do()"
    file.write_text("x := Newer(a)")
    with pytest.raises(ClusterError, match=r"example\.test does not say 'New\(a\)\.For\(b\)' in one\.go: see PORTS"):
        compiler.build([ONE, Part("two", "1.2.3", "example.test/two")], [])


def test_a_failed_build_leaves_nothing_half_done(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", ONE.package)

    with pytest.raises(ClusterError, match=r"one 1\.2\.3 cannot be built.*\n.*not found"):
        compiler.build([ONE], [])

    assert list(compiler.BIN.iterdir()) == []


def test_what_was_built_before_a_failure_stays_and_nothing_is_begun_after_it(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", SERVER.package)
    further = Part("further", "1.2.3", "example.test/further")

    with pytest.raises(ClusterError, match=r"^etcd 3\.0\.0, further 1\.2\.3 cannot be built"):
        compiler.build([ONE, SERVER, further, ALONE], [])

    assert sorted(file.name for file in compiler.BIN.iterdir()) == ["one", "one-1.2.3"]
    monkeypatch.delenv("FAKE_GO_FAILS")
    compiler.build([ONE, SERVER, further], [])
    assert packages(calls) == [[ONE.package, SERVER.package, further.package], [SERVER.package, further.package]]


def test_while_it_waits_it_says_what_comes_next_and_how_long_that_usually_takes(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    until, say = tmp_path / "until", compiler.say

    def said(text: str) -> None:
        say(text)
        if "now: etcd" in text:
            until.touch()

    monkeypatch.setattr(compiler, "say", said)
    monkeypatch.setattr(compiler, "_REMINDER_SECONDS", 0)
    monkeypatch.setenv("FAKE_GO_DAWDLES", SERVER.package)
    monkeypatch.setenv("FAKE_GO_UNTIL", str(until))

    compiler.build([ONE, SERVER], [])

    lines = [line.partition("] ")[2] for line in capsys.readouterr().out.splitlines()]
    told = "building 2 of 2 parts of the cluster from their Go modules (9 s on two quick cores); logs: "
    assert lines[0] == f"{told}{compiler.LOGS}"
    built = [re.sub(r"built \(.*?\)", "built", line) for line in lines if " built " in line]
    assert built == [
        "one 1.2.3 built; now etcd (9 s on two quick cores)",
        "etcd 3.0.0 built",
    ]
    assert [line for line in lines if re.fullmatch(r"compiling for .+ now: etcd \(9 s on two quick cores\)", line)]


@pytest.fixture
def fetching_is_possible(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "module" / DAPR_COMPONENTS.folder
    plugins.mkdir(parents=True)
    for name in DAPR_COMPONENTS.kept:
        (plugins / name).touch()
    ported = tmp_path / "module" / DAPR_WEBHOOKS.file
    ported.parent.mkdir(parents=True)
    ported.write_text("\n".join(before for before, _ in DAPR_WEBHOOKS.calls))
    monkeypatch.setenv("FAKE_GO_MODULE", str(tmp_path / "module"))
    monkeypatch.setenv("TODO_CLOUD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler.os, "geteuid", lambda: 0)
    which = shutil.which
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None if name == "kind" else which(name))


@pytest.mark.usefixtures("fetching_is_possible")
def test_modules_are_fetched_beside_other_work(calls: Path) -> None:
    with compiler.fetching():
        said = eventually(lambda: calls.exists() and calls.read_text())

    assert said.startswith(
        "list -deps -tags=stablecomponents,remove_all_sd,enable_kubernetes_sd k8s.io/kubernetes/cmd/kube-apiserver "
    )


@pytest.mark.usefixtures("fetching_is_possible")
def test_nothing_is_fetched_where_all_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "missing", lambda parts: [])
    monkeypatch.setattr(compiler.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))

    with compiler.fetching():
        pass


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
