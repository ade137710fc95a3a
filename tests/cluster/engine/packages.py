"""Debian packages as programs: downloaded and unpacked in the cache, not installed."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.machine import TOOLS, Tool, ready_to_build, update_lists
from tests.cluster.say import Step, say

PACKAGES = ("docker.io", "containerd", "tini", "mmdebstrap")
NEEDED = (
    *TOOLS,
    Tool("/usr/lib/*/libdevmapper.so.1.02.1", "libdevmapper1.02.1"),
    Tool("dpkg-deb", "dpkg"),
    Tool("perl", "perl"),
)


def unpacked(folder: Path) -> Path:
    """The folder with the packages' files, fetched unless there; its name holds Docker's version.

    Raises:
        ClusterError: a package cannot be had.
    """
    if found := sorted(folder.glob("debian-*")):
        return found[-1]
    step = Step()
    folder.mkdir(parents=True, exist_ok=True)
    ready_to_build(NEEDED)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".packages-") as name:
        work = Path(name)
        if _download(work) != 0:
            update_lists()
            if code := _download(work):
                raise ClusterError(
                    f"Debian's {', '.join(PACKAGES)} cannot be had: `apt-get download` ends with {code}, see above."
                )
        files = sorted(work.glob("*.deb"))
        for file in files:
            subprocess.run(["dpkg-deb", "--extract", str(file), str(work / "root")], check=True)
        version = next(file.name.split("_")[1] for file in files if file.name.startswith("docker.io_"))
        target = folder / f"debian-{version.replace('%', '')}"
        (work / "root").replace(target)
    say(f"Docker {version} of Debian is there, not installed ({step})")
    return target


def _download(folder: Path) -> int:
    argv = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    return subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, check=False).returncode
