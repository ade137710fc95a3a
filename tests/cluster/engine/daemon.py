"""Start, stop and ask the engine: dockerd with data, sockets and networks of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import namespaces
from tests.cluster.engine.packages import unpacked
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.machine import ready_to_run
from tests.cluster.node import cgroups, network
from tests.cluster.paths import HERE, cache
from tests.cluster.say import Step, say
from tests.cluster.state import machine_routes
from tests.cluster.subnets import SLOTS, EngineSubnets

FOLDER = cache() / "engine"
FILES = HERE / "engine" / "files"
_START_LIMIT_SECONDS = 300
_STOP_PATIENCE_SECONDS = 60


def host(folder: Path = FOLDER) -> str:
    """What ``DOCKER_HOST`` has to be."""
    return f"unix://{folder / 'docker.sock'}"


def start(folder: Path = FOLDER) -> None:
    """Start the engine unless it runs, and wait until it answers.

    Raises:
        ClusterError: this machine cannot run it, or it does not answer within 300 s.
    """
    ready_to_run()
    with locked(folder / ".lock", "the container engine"):
        unpacked(folder)
        step, found = Step(), pid(folder)
        if found and answers(folder):
            return
        net = _choose_subnets(folder)
        if not found:
            found = _start(folder, net)
        network.attach_engine(net, found)
        deadline = time.monotonic() + _START_LIMIT_SECONDS
        while not answers(folder):
            if not pid(folder) or time.monotonic() > deadline:
                raise ClusterError(f"The container engine does not start: {_tail(folder)}")
            time.sleep(0.1)
    say(f"container engine started ({step})")


def stop(folder: Path = FOLDER, *, purge: bool = False) -> None:
    """Stop the engine with all its containers; with ``purge`` its images, volumes and programs go too.

    Raises:
        ClusterError: something does not go away.
    """
    if not folder.exists():
        say("there is no container engine to stop")
        return
    step = Step()
    with locked(folder / ".lock", "the container engine"):
        try:
            was = namespaces.stop(_first(folder), _STOP_PATIENCE_SECONDS)
        except TimeoutError as error:
            raise ClusterError(f"The container engine does not end: {error}.") from error
        if (folder / "engine.json").exists():
            network.detach(subnets(folder))
        cgroups.remove(cgroup(folder))
        (folder / "docker.sock").unlink(missing_ok=True)
        if purge:
            shutil.rmtree(folder)
    say(f"container engine {'stopped' if was else 'was stopped already'} ({step})")


def pid(folder: Path = FOLDER) -> int | None:
    """The process number of the engine's process 1; None when it is stopped."""
    return namespaces.first_process(_first(folder))


def answers(folder: Path = FOLDER) -> bool:
    """Whether dockerd answers."""
    return not docker(["version", "--format", "{{.Server.Version}}"], folder, check=False).startswith("error: ")


def docker(arguments: Sequence[str], folder: Path = FOLDER, *, check: bool = True) -> str:
    """Run the engine's own client and return what it prints; ``error: …`` when it fails and ``check`` is off.

    Raises:
        ClusterError: it fails.
    """
    done = subprocess.run(
        [str(program(folder, "docker")), *arguments],
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.strip()
    if check:
        raise ClusterError(f"`docker {' '.join(arguments[:2])}` failed: {' '.join(done.stderr.split())[-300:]}")
    return f"error: {done.stderr}"


def program(folder: Path, name: str) -> Path:
    """One of the engine's programs."""
    return unpacked(folder) / "usr" / ("sbin" if name == "dockerd" else "bin") / name


def environment(folder: Path = FOLDER) -> dict[str, str]:
    """The environment of commands that use the engine: its programs first, its daemon, no proxy."""
    root = unpacked(folder)
    path = os.pathsep.join([str(root / "usr" / "sbin"), str(root / "usr" / "bin"), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return {**kept, "PATH": path, "DOCKER_HOST": host(folder), "DOCKER_CONFIG": str(work), "TMPDIR": str(work)}


def command(folder: Path, net: EngineSubnets) -> list[str]:
    """The daemon's command line; nothing of it lies outside the folder."""
    return [
        str(program(folder, "dockerd")),
        f"--host={host(folder)}",
        f"--data-root={folder / 'data'}",
        "--exec-root=/run/docker",
        "--pidfile=/run/docker.pid",
        "--oom-score-adjust=0",  # less than its own may be refused
        "--storage-driver=overlay2",
        f"--add-runtime=limited={FILES / 'runc.py'}",
        "--default-runtime=limited",
        f"--cgroup-parent=/{cgroup(folder)}",
        f"--bip={net.bridge}",
        f"--default-address-pool=base={net.pool},size=24",
        f"--ip={net.engine_ip}",
    ]


def subnets(folder: Path = FOLDER) -> EngineSubnets:
    """The engine's networks, which it keeps as long as its folder is there."""
    return EngineSubnets(int(json.loads((folder / "engine.json").read_text())["slot"]))


def _choose_subnets(folder: Path) -> EngineSubnets:
    """Free networks for a new engine, those it has for another one.

    Raises:
        ClusterError: the machine has routes to them.
    """
    file = folder / "engine.json"
    if pid(folder):
        return subnets(folder)
    if file.exists():
        network.detach(subnets(folder))  # what a killed engine may leave
    routes = machine_routes()
    slots = [subnets(folder).slot] if file.exists() else range(SLOTS)
    for slot in slots:
        net = EngineSubnets(slot)
        if not any(route.overlaps(net.all) for route in routes):
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps({"slot": slot}))
            fresh.replace(file)
            return net
    raise ClusterError(
        f"The container engine's addresses ({EngineSubnets(slots[-1]).all}) are used by this machine already: give it "
        "others with `python3 -m tests.cluster engine stop --purge`, then `make engine`."
    )


def _start(folder: Path, net: EngineSubnets) -> int:
    cgroups.remove(cgroup(folder))  # of a killed engine
    cgroups.make(cgroup(folder))
    (folder / "docker.sock").unlink(missing_ok=True)
    with (folder / "engine.log").open("w") as log:
        if found := namespaces.start(_first(folder), log):
            return found
    raise ClusterError(f"The container engine's first process does not start: {_tail(folder)}")


def _first(folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.cluster.engine", str(folder)]


def cgroup(folder: Path = FOLDER) -> str:
    """The cgroup that all containers live under."""
    return f"todo-cloud-engine-{subnets(folder).slot}" if (folder / "engine.json").exists() else "todo-cloud-engine"


def _tail(folder: Path) -> str:
    log = folder / "engine.log"
    lines = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    return f"{' / '.join(lines) or 'it wrote no log'} (whole log: {log})"
