"""Debian packages as programs: downloaded and unpacked in the cache, not installed, so that none starts a service."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.machine import update_lists
from tests.cluster.paths import cache, tool_path
from tests.cluster.say import Step, say

PROMETHEUS, ALERTMANAGER = "prometheus", "prometheus-alertmanager"  # the first with promtool


def kept(package: str) -> Path:
    """The files of a package that was kept."""
    return cache() / "debian" / package


def program(package: str, name: str) -> Path | None:
    """A program of this machine, else of a package that was kept; None where there is neither."""
    file = kept(package) / "usr" / "bin" / name
    if file.exists():
        return file
    found = shutil.which(name, path=tool_path())
    return Path(found) if found else None


def version(package: str, name: str) -> str:
    """What a kept program says of its version, such as 2.42.0.

    Raises:
        ClusterError: it is not there, or says something else.
    """
    file = kept(package) / "usr" / "bin" / name
    if not file.exists():
        raise ClusterError(f"Debian's {package} is not there yet: run `python3 -m tests.cluster build --monitoring`.")
    said = subprocess.run([file, "--version"], capture_output=True, text=True, check=False)
    if found := re.search(r"version (\d+\.\d+\.\d+)", said.stdout + said.stderr):
        return found[1]
    raise ClusterError(f"{file} does not tell its version: {(said.stdout + said.stderr)[:200]}")


def keep(packages: Iterable[str]) -> None:
    """Fetch packages, unless they are there. A machine that is not Debian's goes without, and says so.

    Raises:
        ClusterError: a package cannot be had.
    """
    folder = cache() / "debian"
    missing = [package for package in packages if not (folder / package).exists()]
    if not missing:
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        say(f"This is not Debian: some tests need what Debian has as {', '.join(missing)} on the path.")
        return
    step = Step()
    folder.mkdir(parents=True, exist_ok=True)
    for package in missing:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as name:
            work = Path(name)
            if _download(package, work) != 0:
                update_lists()
                if code := _download(package, work):
                    raise ClusterError(
                        f"Debian's {package} cannot be had: `apt-get download` ends with {code}, see above."
                    )
            (file,) = work.glob("*.deb")
            subprocess.run(["dpkg-deb", "--extract", str(file), str(work / "root")], check=True)
            (work / "root").replace(folder / package)
    say(f"Debian's {', '.join(missing)} are there, not installed ({step})")


def _download(package: str, folder: Path) -> int:
    argv = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    return subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, check=False).returncode
