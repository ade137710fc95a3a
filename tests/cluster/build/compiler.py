"""Builds the parts with the Go command, each once per version, and removes Go's caches at the end.

One command builds all parts of a module: whatever they share is compiled once, and while one is linked, the next one is
compiled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

from tests.cluster.build.parts import FILES, PARTS, PLUGINS, PORTS, TAGS, Files, Part, Plugins, Port
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.paths import BIN, GO, HERE, LOGS, TOP, cache
from tests.cluster.say import Step, say

MODULES = HERE / "build" / "go"
_MEMORY_LEAST = 1024**3  # bytes that a Go process may use before it collects garbage, whatever the machine
_DISK_NEEDED = 14 * 1024**3  # bytes free for a build from nothing
_GO_NEEDED = (1, 26, 6)  # the highest `go` line in go/*/go.mod
_GO_HINT = f"install Go {'.'.join(map(str, _GO_NEEDED))} or newer and put its `go` into PATH"
_REMINDER_SECONDS = 60
_NEEDED = [entry for entry in PARTS if not entry.for_tests]


def missing(parts: Iterable[Part] = PARTS) -> list[Part]:
    """Those of the parts that are not built yet."""
    return [entry for entry in parts if not (BIN / entry.file).exists()]


def build(parts: Iterable[Part] = PARTS, files: Iterable[Files] = FILES) -> int:
    """Build what is missing, one line each, and return how many were built. A killed build continues where it was.

    Raises:
        ClusterError: no Go, too old a Go, too little disk, or a part that does not build.
    """
    wanted, files = list(parts), list(files)
    with locked(_lock(), "building the cluster's parts"):
        todo = missing(wanted)
        if todo or not all((cache() / each.place).exists() for each in files):
            _check_machine()
        if todo:
            usual = _usual(sum(entry.seconds for entry in todo)) if len(todo) == len(wanted) else ""
            say(
                f"building {len(todo)} of {len(wanted)} parts of the cluster from their Go modules{usual}; logs: {LOGS}"
            )
        left = len(todo)
        for entries in together(todo):
            left -= len(entries)
            _build(entries, left)
        for each in files:
            keep(each)
        shutil.rmtree(GO, ignore_errors=True)
        for entry in wanted:
            _link(entry)
    return len(todo)


@contextmanager
def fetching() -> Iterator[None]:
    """Download the modules of the parts that `make up` needs while the block does something else.

    Not where kind may take our cluster's place, or where `build` will say what this machine lacks. Of a failure nothing
    is reported: `build` meets it too. What is not there when the block ends is fetched still, and `build` waits for it.
    """
    if not missing(_NEEDED) or not shutil.which("go") or shutil.which("kind") or os.geteuid() != 0:
        yield
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / "fetch.log").open("w") as log:
        argv = [sys.executable, "-m", __name__]
        process = subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    except BaseException:
        process.terminate()
        raise


def _fetch() -> None:
    with locked(_lock(), "the parts' Go modules"):
        entries = together(_NEEDED)[0]
        _adapt(entries[0].pins)
        packages = [entry.package for entry in entries]
        subprocess.run(
            ["go", "list", "-deps", f"-tags={TAGS}", *packages],
            cwd=MODULES / entries[0].pins,
            env=go_environment(BIN),
            stdout=subprocess.DEVNULL,
            check=True,
        )


def together(entries: Iterable[Part]) -> list[list[Part]]:
    """The parts as Go commands can build them, one after another: those of a module that are not to be alone."""
    return [list(group) for _, group in groupby(entries, lambda entry: (entry.pins, entry.name if entry.alone else ""))]


def go_command(entries: Sequence[Part]) -> list[str]:
    """The Go command that builds parts; it ignores variables of packages that a part does not have."""
    variables = dict.fromkeys(f"-X {name}={value}" for entry in entries for name, value in entry.variables)
    flags = (f"-ldflags={' '.join(['-s', '-w', *variables])}", f"-tags={TAGS}")
    return ["go", "install", "-trimpath", "-gcflags=all=-dwarf=false", *flags, *(entry.package for entry in entries)]


def go_environment(target: Path) -> dict[str, str]:
    """Go's environment: static binaries into ``target``, caches of our own, and no toolchain but the installed one.

    The compiler lives too short to be worth collecting garbage, which takes a sixth of its time: it does so only
    when a process would use more than an eighth of the machine's memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    own = {
        "CGO_ENABLED": "0",
        "GOBIN": str(target),
        "GOCACHE": str(GO / "build"),
        "GOMODCACHE": str(GO / "mod"),
        "GOTMPDIR": str(GO / "tmp"),  # on the target's file system: binaries appear there whole, by renaming
        "GOGC": "off",
        "GOMEMLIMIT": str(max(memory // 8, _MEMORY_LEAST)),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    return {**os.environ, **own}


def _usual(seconds: int) -> str:
    return f" ({seconds} s on two quick cores)" if seconds else ""


def _build(entries: Sequence[Part], later: int) -> None:
    _adapt(entries[0].pins)
    BIN.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"build-{entries[0].name}.log"
    with tempfile.TemporaryDirectory(dir=BIN, prefix=".build-") as folder:
        environment = go_environment(Path(folder))
        Path(environment["GOTMPDIR"]).mkdir(parents=True, exist_ok=True)
        with log.open("w") as output:
            process = subprocess.Popen(
                go_command(entries),
                cwd=MODULES / entries[0].pins,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            waiting = _Waiting(entries, later)
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.5)
                waiting.publish(Path(folder))
        if process.returncode != 0:
            tail = "\n".join(log.read_text().splitlines()[-10:])
            raise ClusterError(f"{waiting.names} cannot be built; Go says (whole log: {log}):\n{tail}")


class _Waiting:
    """The parts that a Go command has still to build; says which ones are there, and what comes next. ``later``: how
    many others come after these.
    """

    def __init__(self, entries: Sequence[Part], later: int) -> None:
        self._left = list(entries)
        self._later = later
        self._step = Step()
        self._reminded = 0.0

    @property
    def names(self) -> str:
        return ", ".join(f"{entry.name} {entry.version}" for entry in self._left)

    def publish(self, folder: Path) -> None:
        """Bring what the command has finished (Go renames it into the folder) to its place."""
        for entry in list(self._left):
            made = folder / entry.binary
            if made.exists():
                made.replace(BIN / entry.file)
                _link(entry)
                self._left.remove(entry)
                say(f"{entry.name} {entry.version} built ({self._step}){f'; now {self._next()}' if self._left else ''}")
                self._step, self._reminded = Step(), 0.0
        if self._left and self._step.seconds - self._reminded > _REMINDER_SECONDS:
            self._reminded = self._step.seconds
            say(f"compiling for {self._step} now: {self._next()}")

    def _next(self) -> str:
        more = len(self._left) - 1 + self._later
        return f"{self._left[0].name}{_usual(self._left[0].seconds)}" + (f", then {more} more" if more else "")


def _adapt(pins: str) -> None:
    """Change Go's copies of modules, before Go looks into them for the first time."""
    for plugins in PLUGINS:
        if plugins.pins == pins:
            _leave_out(plugins)
    for port in PORTS:
        if port.pins == pins:
            _write_anew(port)


def _leave_out(plugins: Plugins) -> None:
    """Remove plugins from Go's copy of their module.

    Raises:
        ClusterError: the module cannot be fetched, or one that is to stay is not there.
    """
    folder = _module(plugins.module, MODULES / plugins.pins) / plugins.folder
    if missing := [name for name in plugins.kept if not (folder / name).exists()]:
        raise ClusterError(f"{plugins.module} has no {', '.join(missing)} in {plugins.folder}: see PLUGINS in parts.py")
    for file in folder.glob("*.go"):
        if file.name not in plugins.kept:
            file.unlink()


def _write_anew(port: Port) -> None:
    """Port calls in Go's copy of a module.

    Raises:
        ClusterError: the module cannot be fetched, or does not have these calls.
    """
    file = _module(port.module, MODULES / port.pins) / port.file
    text = file.read_text()
    for before, after in port.calls:
        if before not in text and after not in text:
            raise ClusterError(f"{port.module} does not say {before!r} in {port.file}: see PORTS in parts.py")
        text = text.replace(before, after)
    file.write_text(text)


def _module(name: str, where: Path) -> Path:
    """Where Go keeps a module (a path that ``where`` pins, or ``path@version``), downloaded if need be.

    Raises:
        ClusterError: the module cannot be fetched.
    """
    done = subprocess.run(
        ["go", "mod", "download", "-json", name],
        cwd=where,
        env=go_environment(where),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"Go module {name} cannot be fetched: {(done.stderr + done.stdout).strip()[-300:]}")
    return Path(json.loads(done.stdout)["Dir"])


def _lock() -> Path:
    return BIN.parent / "build.lock"


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
        ClusterError: the module cannot be fetched.
    """
    target = cache() / wanted.place
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        module = _module(wanted.module, Path(folder))
        shutil.copytree(module / wanted.folder, Path(folder) / "files")
        (Path(folder) / "files").replace(target)


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


if __name__ == "__main__":
    _fetch()
