"""What kind's node image has inside, and PostgreSQL: images of our own under the names that kind and kubeadm use."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.cluster.build.images import Image
from tests.cluster.build.layers import Layer, binary_layer, built, busybox_layer, files_layer, key_of, linked_libraries
from tests.cluster.build.oci import Entry, tree, write_layer
from tests.cluster.build.parts import KIND_FILES, KIND_NAMES, KUBERNETES
from tests.cluster.engine.daemon import FILES
from tests.cluster.errors import ClusterError
from tests.cluster.paths import cache

POSTGRES = "docker.io/library/postgres:15"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETFILTER = ("xtables-nft-multi", "xtables-legacy-multi", "nft", "conntrack")
_LINKS = {
    f"{family}tables{kind}{word}": f"xtables-{kind.lstrip('-') or 'nft'}-multi"
    for family in ("ip", "ip6")
    for kind in ("", "-nft", "-legacy")
    for word in ("", "-save", "-restore")
}
_USER = 999


def node_images() -> list[Image]:
    """The images that a node of kind has from the start, those of the control plane first."""
    kubernetes = [_program(f"registry.k8s.io/{name}:v{KUBERNETES}", name) for name in CONTROL_PLANE]
    wanted = {reference.rpartition(":")[0].rpartition("/")[2]: reference for reference in (*_kubeadm(), *_kind())}
    return [
        *kubernetes,
        Image(
            wanted["kube-proxy"],
            (busybox_layer(), _netfilter_layer(), binary_layer("kube-proxy", "/usr/local/bin/kube-proxy")),
            {"Env": [_PATH]},
        ),
        _program(wanted["etcd"], "etcd"),
        Image(wanted["coredns"], (binary_layer("coredns-kubeadm", "/coredns"),), {"Entrypoint": ["/coredns"]}),
        Image(
            _pause(),
            (busybox_layer(),),
            {"Entrypoint": ["/bin/busybox", "sleep", "infinity"], "User": "65535:65535"},
        ),
        _program(wanted["local-path-provisioner"], "local-path-provisioner"),
        Image(wanted["local-path-helper"], (busybox_layer(),), {"Env": ["PATH=/bin"]}),
        Image(
            wanted["kindnetd"],
            (busybox_layer(), files_layer([_script("kindnetd")])),
            {"Entrypoint": ["/kindnetd.sh"], "Env": ["PATH=/bin"]},
        ),
    ]


def postgres_image() -> Image:
    """The machine's PostgreSQL under the name of the published image, which takes the same variables."""
    home = Path("/usr/lib/postgresql")
    newest = max(home.glob("*/bin/postgres"), key=lambda path: int(path.parts[4])).parent.parent
    users = b"root:x:0:0:root:/root:/bin/sh\n" + f"postgres:x:{_USER}:{_USER}::/tmp:/bin/sh\n".encode()
    extra = files_layer(
        [
            _script("postgres"),
            Entry("etc/passwd", data=users, mode=0o644),
            Entry("var/lib/postgresql/data", mode=0o777),
        ]
    )
    return Image(
        POSTGRES,
        (busybox_layer(), _postgres_layer(newest), extra),
        {
            "Entrypoint": ["/postgres.sh"],
            "User": f"{_USER}:{_USER}",
            "Env": [f"PATH={newest}/bin:/bin"],
            "StopSignal": "SIGINT",
            "Volumes": {"/var/lib/postgresql/data": {}},
        },
    )


def _program(reference: str, name: str) -> Image:
    path = f"/usr/local/bin/{name}"
    return Image(reference, (binary_layer(name, path),), {"Entrypoint": [path], "Env": ["PATH=/usr/local/bin"]})


def _script(name: str) -> Entry:
    return Entry(f"{name}.sh", source=FILES / f"{name}.sh")


def _kubeadm() -> list[str]:
    """The images that kubeadm asks for."""
    argv = [str(built("kubeadm")), "config", "images", "list", f"--kubernetes-version=v{KUBERNETES}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`kubeadm config images list` failed: {done.stderr.strip()[-300:]}")
    return done.stdout.split()


def _kind() -> list[str]:
    """The images that kind's manifests of network and storage name."""
    texts = [file.read_text() for file in sorted((cache() / KIND_NAMES.place).glob("const_*.go"))]
    return [name for text in texts for name in re.findall(r'^const \w+Image = "(\S+:\S+)"$', text, re.MULTILINE)]


def _pause() -> str:
    text = (cache() / KIND_FILES.place / "etc" / "containerd" / "config.toml").read_text()
    found = re.search(r'^ *sandbox_image = "(\S+)"$', text, re.MULTILINE)
    if not found:
        raise ClusterError("kind's containerd configuration names no sandbox_image: see KIND_FILES in parts.py")
    return found[1]


def _netfilter_layer() -> Layer:
    """iptables, nft and conntrack of this machine, for kube-proxy."""
    programs = [Path("/usr/sbin", name) for name in _NETFILTER]
    plugins = sorted(Path("/usr/lib").glob("*-linux-gnu/xtables/*.so"))

    def write(target: Path) -> None:
        libraries = linked_libraries([*programs, *plugins])
        write_layer(
            [
                *(Entry(str(path), source=path.resolve()) for path in (*programs, *plugins, *libraries)),
                *(Entry(f"/usr/sbin/{name}", link=program) for name, program in _LINKS.items()),
            ],
            target,
        )

    return Layer(key_of("netfilter", *(f"{path}|{path.stat().st_mtime_ns}" for path in (*programs, *plugins))), write)


def _postgres_layer(home: Path) -> Layer:
    """Programs, libraries and data of PostgreSQL, as Debian lays them."""
    shared = Path("/usr/share/postgresql", home.name)

    def write(target: Path) -> None:
        libraries = linked_libraries([*home.glob("bin/*"), *home.glob("lib/**/*.so")])
        write_layer(
            [
                *tree(home, str(home), skip=["bitcode"]),
                *tree(shared, str(shared), skip=["man"]),
                *tree(Path("/usr/share/zoneinfo"), "/usr/share/zoneinfo", skip=["right", "posix"]),
                *(Entry(str(path), source=path.resolve()) for path in libraries),
            ],
            target,
        )

    return Layer(key_of("postgres", str((home / "bin" / "postgres").stat().st_mtime_ns), str(home)), write)
