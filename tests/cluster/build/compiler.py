"""Builds the parts with the Go command, each once per version, and keeps Go's caches small on the way.

Two families of parts are built side by side, since neither downloads nor linking keep a processor busy. Each has
caches of its own: families share too little to make one wait until the other one's may be emptied.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue

from tests.cluster.build.parts import FILES, PARTS, PLUGINS, Files, Part, Plugins
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.paths import BIN, GO, HERE, LOGS, cache
from tests.cluster.say import Step, say

_LANES = 2  # families built side by side
_CACHE_LIMIT = 3 * 1024**3  # bytes; above it a lane's caches are emptied before its next family of parts
_MEMORY_LEAST = 1024**3  # bytes that a Go process may use before it collects garbage, whatever the machine
_DISK_NEEDED = 14 * 1024**3  # bytes free for a build from nothing
_GO_NEEDED = (1, 26, 6)  # the highest `go` line in go/*/go.mod
_GO_HINT = f"install Go {'.'.join(map(str, _GO_NEEDED))} or newer and put its `go` into PATH"


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
        _build_all(todo)
        for each in files:
            keep(each)
        shutil.rmtree(GO, ignore_errors=True)
        for entry in wanted:
            _link(entry)
    return len(todo)


def _build_all(todo: Sequence[Part]) -> None:
    """Families side by side, the parts of one after another; after a failure nothing is begun or gone on with."""
    lanes: SimpleQueue[Path] = SimpleQueue()
    for number in range(_LANES):
        lanes.put(GO / str(number))
    stop = threading.Event()

    def family(entries: Sequence[Part]) -> None:
        caches = lanes.get()
        try:
            if _size(caches) > _CACHE_LIMIT:
                shutil.rmtree(caches, ignore_errors=True)
            for plugins in PLUGINS:
                if plugins.pins == entries[0].pins:
                    _leave_out(plugins, caches)
            for entry in entries:
                if not stop.is_set():
                    _build(entry, caches, stop)
        except BaseException:
            stop.set()
            raise
        finally:
            lanes.put(caches)

    with ThreadPoolExecutor(_LANES) as pool:
        try:
            for done in [pool.submit(family, list(group)) for _, group in groupby(todo, lambda entry: entry.family)]:
                done.result()
        finally:  # Ctrl-C too
            stop.set()


def go_command(entry: Part) -> list[str]:
    """The Go command that builds one part."""
    argv = ["go", "install", "-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags={entry.ldflags}"]
    return [*argv, *([f"-tags={entry.tags}"] if entry.tags else []), entry.package]


def go_environment(target: Path, caches: Path) -> dict[str, str]:
    """Go's environment: static binaries into ``target``, caches of our own, and no toolchain but the installed one.

    The compiler lives too short to be worth collecting garbage, which takes a sixth of its time: it does so only
    when a process would use more than an eighth of the machine's memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    own = {
        "CGO_ENABLED": "0",
        "GOBIN": str(target),
        "GOCACHE": str(caches / "build"),
        "GOMODCACHE": str(caches / "mod"),
        "GOGC": "off",
        "GOMEMLIMIT": str(max(memory // 8, _MEMORY_LEAST)),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    return {**os.environ, **own}


def _build(entry: Part, caches: Path, stop: threading.Event) -> None:
    step = Step()
    BIN.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{entry.name}.log"
    with tempfile.TemporaryDirectory(dir=BIN, prefix=".build-") as folder:
        where = HERE / "build" / "go" / entry.pins if entry.pins else Path(folder)
        with log.open("w") as output:
            process = subprocess.Popen(
                go_command(entry),
                cwd=where,
                env=go_environment(Path(folder), caches),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            while (code := _ended(process)) is None:
                if stop.is_set():  # another one has failed
                    process.kill()
                    process.wait()
                    return
        if code != 0:
            tail = "\n".join(log.read_text().splitlines()[-10:])
            raise ClusterError(f"{entry.name} {entry.version} does not build; Go says (whole log: {log}):\n{tail}")
        (made,) = Path(folder).iterdir()
        made.replace(BIN / entry.file)
    _link(entry)
    say(f"{entry.name} {entry.version} built ({step})")
    with (LOGS / "build-times.tsv").open("a") as times:
        times.write(f"{entry.file}\t{step.seconds:.0f} s\tGo caches {_size(GO) / 1024**3:.1f} GiB\n")


def _leave_out(plugins: Plugins, caches: Path) -> None:
    """Remove plugins from Go's copy of their module, before Go looks into it for the first time.

    Raises:
        ClusterError: the module cannot be had, or one that is to stay is not there.
    """
    folder = _module(plugins.module, HERE / "build" / "go" / plugins.pins, caches) / plugins.folder
    if missing := [name for name in plugins.kept if not (folder / name).exists()]:
        raise ClusterError(f"{plugins.module} has no {', '.join(missing)} in {plugins.folder}: see PLUGINS in parts.py")
    for file in folder.glob("*.go"):
        if file.name not in plugins.kept:
            file.unlink()


def _module(name: str, where: Path, caches: Path) -> Path:
    """Where Go keeps a module (a path that ``where`` pins, or ``path@version``), downloaded if need be.

    Raises:
        ClusterError: the module cannot be had.
    """
    done = subprocess.run(
        ["go", "mod", "download", "-json", name],
        cwd=where,
        env=go_environment(where, caches),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"Go module {name} cannot be had: {(done.stderr + done.stdout).strip()[-300:]}")
    return Path(json.loads(done.stdout)["Dir"])


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=0.5)
    return None


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
        module = _module(wanted.module, Path(folder), GO / "0")
        shutil.copytree(module / wanted.folder, Path(folder) / "files")
        (Path(folder) / "files").replace(target)


def _size(folder: Path) -> int:
    """Bytes on disk under a folder."""
    out = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=False).stdout
    return int(out.split()[0]) * 1024 if out else 0


def _check_machine() -> None:
    if not shutil.which("go"):
        raise ClusterError(f"Go is missing: {_GO_HINT}.")
    words = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.fullmatch(r"go(\d+)\.(\d+)(?:\.(\d+))?.*", words)
    if not found or tuple(int(number or 0) for number in found.groups()) < _GO_NEEDED:
        raise ClusterError(f"Go is too old ({words or 'unknown'}): {_GO_HINT}.")
    BIN.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(BIN).free
    if free < _DISK_NEEDED:
        raise ClusterError(
            f"Building the cluster needs {_DISK_NEEDED >> 30} GiB free in {BIN.parent}, and there are {free >> 30}: "
            "free some, or point TODO_CLOUD_CACHE to a larger disk."
        )
