"""kind's base image and node image, made here: Debian by mmdebstrap, the rest from the cache's programs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.build.archive import write_archive
from tests.cluster.build.images import Image
from tests.cluster.build.layers import built
from tests.cluster.build.parts import KIND_FILES, KUBERNETES
from tests.cluster.engine import daemon, images
from tests.cluster.engine.images import CONTROL_PLANE, FILES
from tests.cluster.engine.packages import unpacked
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.machine import CNI_PLUGINS
from tests.cluster.paths import BIN, cache
from tests.cluster.say import Step, say

BASE = "todo-cloud/kind-base"
NODE = "todo-cloud/kind-node"
_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_SUITE = "bookworm"  # its systemd still knows cgroup v1
_PACKAGES = (
    "systemd,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,pigz,bash,ca-certificates,"
    "curl,jq,procps,hostname"
)
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
_IN_BASE = ("containerd", "containerd-shim-runc-v2", "ctr", "crictl")
_IN_NODE = ("kubeadm", "kubelet", "kubectl")
# As in kind's own; `docker import` does not know STOPSIGNAL.
_DOCKERFILE = """FROM {base}
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]
"""


def ensure(folder: Path = daemon.FOLDER) -> str:
    """Build the node image unless it is there, with its base, and load PostgreSQL; returns the node image's name.

    Raises:
        ClusterError: a step fails.
    """
    with locked(folder / ".images.lock", "the images of kind"):
        base, node, database = base_name(), node_name(), images.postgres_image()
        if not _there(node, folder):
            if not _there(base, folder):
                _build_base(base, folder)
            _build_node(base, node, folder)
        if not _there(_database_name(database), folder):
            _load_database(database, folder)
    return node


def base_name() -> str:
    """The base image under a tag that changes when anything in it does."""
    texts = [path.read_text() for path in (*sorted(FILES.glob("*.sh")), *_files_of(cache() / KIND_FILES.place))]
    return f"{BASE}:{_key(_SUITE, _PACKAGES, *texts, *(built(name).name for name in _IN_BASE))}"


def node_name() -> str:
    """The node image under a tag that changes when anything in it does."""
    keys = [image.key for image in images.node_images()]
    return f"{NODE}:v{KUBERNETES}-{_key(base_name(), *keys, *(built(name).name for name in _IN_NODE))}"


def _database_name(image: Image) -> str:
    return f"todo-cloud/postgres:{_key(image.key)}"


def _build_base(name: str, folder: Path) -> None:
    step = Step()
    with _work(folder) as work:
        archive = work / "base.tar"
        _run(_debian_command(folder, archive), _base_environment(folder, work), folder / "base.log")
        plain = daemon.docker(["import", str(archive)], folder)
        archive.unlink()
        (work / "Dockerfile").write_text(_DOCKERFILE.format(base=plain))
        daemon.docker(["build", "--quiet", "--tag", name, str(work)], folder)
    say(f"kind's base image built ({step})")


def _debian_command(folder: Path, archive: Path) -> list[str]:
    """mmdebstrap in namespaces of its own: when it is killed, its mounts are gone."""
    sources = next((path for path in _SOURCES if path.exists()), None)
    if not sources:
        raise ClusterError("apt's sources are not in /etc/apt: kind's base image needs those of Debian 12.")
    return [
        *("unshare", "--fork", "--pid", "--kill-child", "--mount", "--mount-proc"),
        *("perl", str(unpacked(folder) / "usr" / "bin" / "mmdebstrap"), "--mode=root", "--variant=minbase", "--quiet"),
        *("--format=tar", "--components=main", '--aptopt=Acquire::Languages "none"'),
        *(f"--dpkgopt=path-exclude={place}" for place in _LEFT_OUT),
        f"--include={_PACKAGES}",
        f'--customize-hook="{FILES / "base-image.sh"}" "$1"',
        *(_SUITE, str(archive), str(sources)),
    ]


def _base_environment(folder: Path, work: Path) -> dict[str, str]:
    own = {"BIN": BIN, "CNI": CNI_PLUGINS, "HERE": FILES, "KIND_FILES": cache() / KIND_FILES.place, "TMPDIR": work}
    return {**daemon.environment(folder), **{name: str(path) for name, path in own.items()}}


def _build_node(base: str, name: str, folder: Path) -> None:
    step = Step()
    with _work(folder) as work:
        archive = work / "server.tar.gz"
        _write_server(work / "server", archive)
        argv = ["kind", "build", "node-image", "--type=file", f"--base-image={base}", f"--image={name}", str(archive)]
        environment = {**daemon.environment(folder), "TMPDIR": str(work)}
        _run([str(built("kind")), *argv[1:]], environment, folder / "node.log")
    say(f"kind's node image {name} built ({step})")


def _write_server(folder: Path, target: Path) -> None:
    """An archive in the form of Kubernetes' server release: whatever image kind would pull counts as built by it."""
    programs = folder / "kubernetes" / "server" / "bin"
    programs.mkdir(parents=True)
    (folder / "kubernetes" / "version").write_text(f"v{KUBERNETES}\n")
    for name in _IN_NODE:
        shutil.copy2(built(name), programs / name)
    wanted = images.node_images()
    for name, image in zip(CONTROL_PLANE, wanted, strict=False):
        write_archive([image], programs / f"{name}.tar")
    write_archive(wanted[len(CONTROL_PLANE) :], programs / "kube-proxy.tar")
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        archive.add(folder / "kubernetes", "kubernetes")


def _load_database(image: Image, folder: Path) -> None:
    with _work(folder) as work:
        write_archive([image], work / "postgres.tar")
        daemon.docker(["load", "--input", str(work / "postgres.tar")], folder)
    daemon.docker(["tag", image.reference, _database_name(image)], folder)
    say(f"{image.reference} loaded")


def _there(name: str, folder: Path) -> bool:
    return not daemon.docker(["image", "inspect", "--format={{.Id}}", name], folder, check=False).startswith("error: ")


@contextmanager
def _work(folder: Path) -> Iterator[Path]:
    """A folder for large files; what a killed build has left there goes first."""
    place = folder / "work" / "images"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(argv: list[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("w") as output:
        done = subprocess.run(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            close_fds=False,  # see locks.py
        )
    if done.returncode != 0:
        tail = " / ".join(log.read_text(errors="replace").splitlines()[-5:])
        raise ClusterError(f"`{' '.join(Path(word).name for word in argv[:3])}` failed: {tail} (whole log: {log})")


def _files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _key(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]
