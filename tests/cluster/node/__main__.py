"""The node: process 1 of its own PID, mount, network, host name and IPC namespaces. When it ends, all in them ends.

Started by ``up`` as ``python -m tests.cluster.node NAME``; SIGTERM stops it in order, SIGHUP makes it start what
has been added.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.node import network, postgres
from tests.cluster.node.components import Component, components, node_components
from tests.cluster.paths import BIN, tool_path
from tests.cluster.state import Cluster, Node, load

_RESTART_SECONDS = 1.0
_STOP_SECONDS = 5.0
_FIRST_HAS = 3  # words of the first node's command line: the program, the cluster's name and folder
_KEPT = {  # what survives a stop: folder of the cluster's state -> place in the node
    "etcd": "/var/lib/etcd",
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "volumes": "/var/lib/local-path",
    "postgres": "/var/lib/postgresql",
    "pods": "/var/log/pods",
}
_KUBELET_SYSCTLS = {  # the kubelet wants these; they are the machine's, so it is shown files that say so instead
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


class Supervisor:
    """Starts programs, restarts those that end, and reaps whatever the containers leave to process 1."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[int, Component] = {}
        self._environment = {"PATH": tool_path(), "HOME": "/root", "LANG": "C.UTF-8"}
        self._stopping = False
        self._lock = threading.RLock()

    def start(self, component: Component) -> None:
        """Start a program unless it runs; its output goes to its own log file."""
        with self._lock:
            if self._stopping or component.name in {entry.name for entry in self._running.values()}:
                return
            log = os.open(self._logs / f"{component.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ]
            pid = os.posix_spawnp(
                component.argv[0], component.argv, self._environment, file_actions=actions, setsid=True
            )
            os.close(log)
            self._running[pid] = component

    def reap_for_ever(self) -> None:
        """Wait for children; a program that ended is started again after a second."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:  # nothing runs at this moment
                time.sleep(_RESTART_SECONDS / 10)
                continue
            with self._lock:
                component = self._running.pop(pid, None)
            if component:
                print(
                    f"{component.name} ended with status {os.waitstatus_to_exitcode(status)}, starting it again",
                    flush=True,
                )
                threading.Timer(_RESTART_SECONDS, self.start, [component]).start()

    def stop(self) -> None:
        """Let the stores of data finish; the rest, whose connections would hold them up, is ended at once."""
        self._stopping = True
        stores = {"postgres": signal.SIGINT, "etcd": signal.SIGTERM}
        waiting = [pid for pid, entry in self._running.items() if entry.name in stores]
        for pid, entry in list(self._running.items()):
            os.kill(pid, stores.get(entry.name, signal.SIGKILL))
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline and any(map(_alive, waiting)):
            time.sleep(0.02)


def main() -> None:
    """Run the node of the cluster that the command line names; with a third argument the second one."""
    cluster, second = load(sys.argv[1]), len(sys.argv) > _FIRST_HAS
    node = cluster.second_node if second else cluster.node
    _arrange_files(cluster, node)
    if second:
        network.configure_second(cluster.subnets)
    else:
        postgres.prepare(cluster)
        network.configure_inside(cluster.subnets)
    if cluster.policies:
        network.queue_for_policies(cluster.subnets)
    supervisor = Supervisor(node.folder / "log")

    def stop(*_: object) -> None:
        supervisor.stop()
        os._exit(0)

    def start(*_: object) -> None:
        now = load(cluster.name)
        wanted = node_components(now, node) if second else components(now)
        threading.Thread(target=_start_all, args=[supervisor, now, wanted], daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, start)
    start()
    supervisor.reap_for_ever()


def _start_all(supervisor: Supervisor, cluster: Cluster, wanted: Iterable[Component]) -> None:
    """Start what does not run yet; controllers when the API server answers, since they would back off for seconds."""
    for component in wanted:
        if component.needs_api:
            _wait_for_api(cluster)
        supervisor.start(component)


def _arrange_files(cluster: Cluster, node: Node) -> None:
    """Give the node its own /run, /var/lib and /var/log, a /sys of its network, and a resolver that knows nobody.

    Volumes are the cluster's, as those of a cloud are: they do not stay behind when a pod goes to another node.
    """
    socket.sethostname(node.name)
    resolver = Path("/etc/resolv.conf").resolve()
    for place in ("/run", "/var/lib", "/var/log"):
        _mount("-t", "tmpfs", "tmpfs", place)
    for place in ("/run/cgroup", "/run/netns", "/run/lock", "/var/log/containers", "/var/lib/cni"):
        Path(place).mkdir()
    _mount("--rbind", "/sys/fs/cgroup", "/run/cgroup")
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount("--rbind", "/run/cgroup", "/sys/fs/cgroup")
    subprocess.run(["umount", "--recursive", "--lazy", "/run/cgroup"], check=True)
    for name, place in _KEPT.items():
        kept = (cluster if name == "volumes" else node).folder / name
        if kept.exists():
            Path(place).mkdir()
            _mount("--bind", str(kept), place)
    if not resolver.exists():
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()
    _mount("--bind", str(node.config / "resolv.conf"), str(resolver))
    for name, value in _KUBELET_SYSCTLS.items():
        real, shown = Path("/proc/sys", name), Path("/run/sysctl", name)
        if real.exists():
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.write_text(f"{value}\n")
            _mount("--bind", str(shown), str(real))


def _wait_for_api(cluster: Cluster) -> None:
    pki = cluster.folder / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    while True:
        try:
            with urllib.request.urlopen(f"https://{cluster.node_ip}:6443/readyz", timeout=5, context=context):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    os.environ["PATH"] = tool_path()
    print(f"node of cluster {sys.argv[1]}, programs in {BIN}", flush=True)
    main()
