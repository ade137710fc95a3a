"""Builds the parts with the Go command, each once per version, and keeps Go's caches small on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.parts import FILES, PARTS, Files, Part
from tests.cluster.paths import BIN, GO, HERE, LOGS, cache
from tests.cluster.say import Step, say

_CACHE_LIMIT = 6 * 1024**3  # bytes; above it Go's caches are emptied before the next family of parts
_DISK_NEEDED = 14 * 1024**3  # bytes free for a build from nothing
_GO_NEEDED = (1, 26)
_GO_HINT = "install Go 1.26 or newer and put its `go` into PATH"


def missing(parts: Iterable[Part] = PARTS) -> list[Part]:
    """Those of the parts that are not built yet."""
    return [entry for entry in parts if not (BIN / entry.file).exists()]


def build(parts: Iterable[Part] = PARTS, files: Iterable[Files] = FILES) -> int:
    """Build what is missing, one line each, and return how many were built. A killed build continues where it was.

    Raises:
        ClusterError: no Go, too old a Go, too little disk, or a part that does not build.
    """
    wanted, files = list(parts), list(files)
    with locked(BIN.parent / "build.lock", "building the cluster's parts"):
        todo = missing(wanted)
        if todo or not all((cache() / each.place).exists() for each in files):
            _check_machine()
        if todo:
            say(f"building {len(todo)} of {len(wanted)} parts of the cluster from their Go modules")
        for number, entry in enumerate(todo):
            if number and entry.family != todo[number - 1].family and _size(GO) > _CACHE_LIMIT:
                shutil.rmtree(GO)
            _build(entry)
            _link(entry)
        for each in files:
            keep(each)
        shutil.rmtree(GO, ignore_errors=True)
        for entry in wanted:
            _link(entry)
    return len(todo)


def go_command(entry: Part) -> list[str]:
    """The Go command that builds one part."""
    argv = ["go", "install", "-trimpath", f"-ldflags={entry.ldflags}"]
    return [*argv, *([f"-tags={entry.tags}"] if entry.tags else []), entry.package]


def go_environment(target: Path) -> dict[str, str]:
    """Go's environment: static binaries into ``target``, caches of our own, and no toolchain but the installed one."""
    own = {
        "CGO_ENABLED": "0",
        "GOBIN": str(target),
        "GOCACHE": str(GO / "build"),
        "GOMODCACHE": str(GO / "mod"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    return {**os.environ, **own}


def _build(entry: Part) -> None:
    step = Step()
    BIN.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{entry.name}.log"
    with tempfile.TemporaryDirectory(dir=BIN, prefix=".build-") as folder:
        where = HERE / "go" / entry.pins if entry.pins else Path(folder)
        with log.open("w") as output:
            command = subprocess.run(
                go_command(entry),
                cwd=where,
                env=go_environment(Path(folder)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if command.returncode != 0:
            tail = "\n".join(log.read_text().splitlines()[-10:])
            raise ClusterError(f"{entry.name} {entry.version} does not build; Go says (whole log: {log}):\n{tail}")
        (made,) = Path(folder).iterdir()
        made.replace(BIN / entry.file)
    say(f"{entry.name} {entry.version} built ({step})")
    with (LOGS / "build-times.tsv").open("a") as times:
        times.write(f"{entry.file}\t{step.seconds:.0f} s\tGo caches {_size(GO) / 1024**3:.1f} GiB\n")


def _link(entry: Part) -> None:
    link = BIN / entry.name
    if link.is_symlink() and os.readlink(link) == entry.file:
        return
    fresh = BIN / f".{entry.name}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(entry.file)
    fresh.replace(link)


def keep(wanted: Files) -> None:
    """Copy the files of a Go module to their place in the cache, unless they are there.

    Raises:
        ClusterError: the module cannot be had.
    """
    target = cache() / wanted.place
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        done = subprocess.run(
            ["go", "mod", "download", "-json", wanted.module],
            cwd=folder,
            env=go_environment(Path(folder)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterError(f"Go module {wanted.module} cannot be had: {(done.stderr + done.stdout).strip()[-300:]}")
        shutil.copytree(Path(json.loads(done.stdout)["Dir"]) / wanted.folder, Path(folder) / "files")
        (Path(folder) / "files").replace(target)


def _size(folder: Path) -> int:
    """Bytes on disk under a folder."""
    out = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=False).stdout
    return int(out.split()[0]) * 1024 if out else 0


def _check_machine() -> None:
    if not shutil.which("go"):
        raise ClusterError(f"Go is missing: {_GO_HINT}.")
    words = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.fullmatch(r"go(\d+)\.(\d+).*", words)
    if not found or (int(found[1]), int(found[2])) < _GO_NEEDED:
        raise ClusterError(f"Go is too old ({words or 'unknown'}): {_GO_HINT}.")
    BIN.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(BIN).free
    if free < _DISK_NEEDED:
        raise ClusterError(
            f"Building the cluster needs {_DISK_NEEDED >> 30} GiB free in {BIN.parent}, and there are {free >> 30}: "
            "free some, or point TODO_CLOUD_CACHE to a larger disk."
        )
