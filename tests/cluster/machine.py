"""What this machine must offer: root, namespaces, and a few Debian packages, which are installed when missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.paths import cache, tool_path
from tests.cluster.say import Step, say

CNI_PLUGINS = Path("/usr/lib/cni")
_HIDDEN = ("/run", "/var/lib", "/var/log")  # a node has its own


@dataclass(frozen=True)
class Tool:
    """A command or file of the machine and the Debian package that has it."""

    needs: str
    package: str

    @property
    def there(self) -> bool:
        if self.needs.startswith("/"):
            return any(Path("/").glob(self.needs[1:]))
        return shutil.which(self.needs, path=tool_path()) is not None


TOOLS = (
    Tool("runc", "runc"),
    Tool(str(CNI_PLUGINS / "ptp"), "containernetworking-plugins"),
    Tool("nft", "nftables"),
    Tool("iptables", "iptables"),
    Tool("conntrack", "conntrack"),
    Tool("ip", "iproute2"),
    Tool("busybox", "busybox-static"),
    Tool("modprobe", "kmod"),
    Tool("unshare", "util-linux"),
    Tool("/usr/lib/postgresql/*/bin/postgres", "postgresql"),
    Tool("redis-cli", "redis-tools"),
    Tool("jlink", "openjdk-17-jdk-headless"),
    Tool("mvn", "maven"),
)


def ready_to_build(tools: Sequence[Tool] = TOOLS) -> None:
    """Install the Debian packages that are missing.

    Raises:
        ClusterError: something is missing and cannot be installed here.
    """
    packages = _missing(tools)
    if not packages:
        return
    wanted = " ".join(packages)
    if not shutil.which("apt-get"):
        raise ClusterError(f"Some tools are missing and this is not Debian: install what Debian has as {wanted}.")
    if os.geteuid() != 0:
        raise ClusterError(f"Some tools are missing: install them with `sudo apt-get install {wanted}`.")
    step = Step()
    with _alone():
        if packages := _missing(tools):  # another process may have been quicker
            _update_lists()
            if "postgresql" in packages:
                _no_default_database()
            _apt(["install", "--yes", "--no-install-recommends", *packages])
            say(f"Debian packages installed: {' '.join(packages)} ({step})")


def update_lists() -> None:
    """Let apt-get know which packages there are."""
    with _alone():
        _update_lists()


def ready_to_run() -> None:
    """Check that a node can be started here.

    Raises:
        ClusterError: not root, no right to make namespaces, or a cache folder that a node would hide.
    """
    if os.geteuid() != 0:
        raise ClusterError(
            "A local cluster needs root for its namespaces: run this as root, or use LOCAL_CLUSTER=kind with Docker."
        )
    if any(cache().is_relative_to(hidden) for hidden in _HIDDEN):
        raise ClusterError(
            f"The cache {cache()} lies in a folder of which a node has its own ({', '.join(_HIDDEN)}): "
            "point TODO_CLOUD_CACHE elsewhere."
        )
    trial = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount", "--net", "--uts", "--ipc", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode != 0:
        raise ClusterError(
            f"This machine does not allow namespaces (`unshare` says: {trial.stderr.strip()}): "
            "run on a real or virtual machine, or in a privileged container."
        )


def _missing(tools: Sequence[Tool]) -> list[str]:
    """Packages."""
    return sorted({tool.package for tool in tools if not tool.there})


def _alone() -> AbstractContextManager[None]:
    """Of this project: apt-get waits for others that install, but not for others that read lists."""
    return locked(cache() / "packages.lock", "Debian packages")


def _update_lists() -> None:
    _apt(["update"])


def _apt(arguments: list[str]) -> None:
    argv = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(argv)}` failed: {' '.join(done.stderr.split())[-400:]}")


def _no_default_database() -> None:
    """Debian's postgresql would start a server of its own on port 5432; only its programs are wanted here."""
    _apt(["install", "--yes", "--no-install-recommends", "postgresql-common"])
    settings = Path("/etc/postgresql-common/createcluster.conf")
    text = settings.read_text() if settings.exists() else ""
    if not any(line.startswith("create_main_cluster") for line in text.splitlines()):
        settings.write_text(text + "\ncreate_main_cluster = false\n")
