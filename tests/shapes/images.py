"""Images of the shapes, each with the user, ports, paths and folders of its own program; a stand-in plays most of them.

``v1`` and ``v2`` are good, ``broken`` crashes or never answers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.build.images import Image, build
from tests.cluster.build.layers import Layer, below_usr, busybox_layer, files_layer, key_of, linked_libraries
from tests.cluster.build.oci import Entry, tree, write_layer
from tests.cluster.build.python_base import python_layer
from tests.cluster.errors import ClusterError
from tests.cluster.paths import IMAGES

HERE = Path(__file__).parent
REGISTRY = "ghcr.io/shapes"
GOOD, BROKEN = ("v1", "v2"), "broken"
_STANDIN = "/usr/local/bin/standin"
_COMMANDS = ("uvicorn", "alembic", "dotnet", "java", "prices", "admin", "oauth2-proxy", "nginx", "uploads", "drain")


@dataclass(frozen=True)
class Program:
    """What a stand-in's image says.

    Attributes:
        user: as in the image's ``USER``.
        entrypoint: its command.
        paths: ``port/path`` that answer.
        breaks: crash, or deaf (never ready).
        env: further variables.
    """

    user: str
    entrypoint: tuple[str, ...]
    paths: str = ""
    breaks: str = "crash"
    env: Mapping[str, str] = field(default_factory=dict)


PROGRAMS = {
    "api": Program("1000:1000", ("python3",), "8000/healthz 8000/api", env={"STANDIN_NEEDS": "DATABASE_URL API_KEY"}),
    "basket": Program(
        "1654", ("dotnet", "Basket.dll"), "5000/hc 5000/ready=state 5000/calls=calls", "deaf",
        {"STANDIN_STATE": "basket-state"},
    ),
    "orders": Program(
        "1001:1001", ("java", "-jar", "/app/orders.jar"),
        "8080/orders 9001/actuator/health/liveness 9001/actuator/health/readiness",
        env={"STANDIN_READS": "/config/application.yml"},
    ),
    "prices": Program("10001:10001", ("prices",), breaks="deaf"),
    "admin": Program("65532:65532", ("admin",), "4180/ping"),
    "proxy": Program("65532:65532", ("oauth2-proxy",), env={"STANDIN_NEEDS": "OAUTH2_PROXY_CLIENT_SECRET"}),
    "landing": Program("", ("nginx",), "80/", env={"STANDIN_WRITES": "/run /etc", "STANDIN_USER": "0"}),
    "uploads": Program(
        "1000:100", ("uploads",), "9000/healthz", "deaf", {"STANDIN_WRITES": "/srv/uploads /cache"}
    ),
}  # fmt: skip


def build_images(*, web: bool) -> list[str]:
    """Build and push what is not there; returns what was. ``web``: the Next.js build as well, which needs npm."""
    return build([*_stand_ins(), *(_web(version) for version in (*GOOD, BROKEN) if web)])


def _stand_ins() -> list[Image]:
    links = [Entry(f"/usr/local/bin/{name}", link="standin") for name in _COMMANDS]
    modules = [Entry(f"/app/{name}.py", link=_STANDIN) for name in ("worker", "cleanup")]
    drain = Entry("/bin/drain", link=_STANDIN)
    standin = files_layer([Entry(_STANDIN, data=(HERE / "standin.py").read_bytes()), drain, *links, *modules])
    layers = (python_layer(), busybox_layer(), standin)
    return [
        Image(f"{REGISTRY}/{name}:{version}", layers, _config(program, version))
        for name, program in PROGRAMS.items()
        for version in (*GOOD, BROKEN)
    ]


def _config(program: Program, version: str) -> dict[str, object]:
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "APP_VERSION": version,
        "STANDIN_USER": program.user.partition(":")[0],
        "STANDIN_PATHS": program.paths,
        "STANDIN_BREAK": program.breaks if version == BROKEN else "",
        **program.env,
    }
    return {
        "Entrypoint": list(program.entrypoint),
        "User": program.user,
        "WorkingDir": "/app",
        "ExposedPorts": {f"{one.partition('/')[0]}/tcp": {} for one in program.paths.split()},
        "Env": [f"{name}={value}" for name, value in env.items()],
    }


def _web(version: str) -> Image:
    """A standalone build of ``next/``; the broken one has no server."""
    command = ["node", "server.js" if version != BROKEN else "missing.js"]
    env = ["PATH=/usr/bin:/bin", "PORT=3000", "HOSTNAME=0.0.0.0", "NEXT_TELEMETRY_DISABLED=1", f"APP_VERSION={version}"]
    config = {"Entrypoint": command, "User": "1001:1001", "WorkingDir": "/app", "Env": env}
    return Image(f"{REGISTRY}/web:{version}", (_node_layer(), _next_layer()), config)


def _node() -> Path:
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        raise ClusterError("The Next.js shape needs node (18.18 or newer) and npm: install them.")
    return Path(found).resolve()


def _node_layer() -> Layer:
    """The machine's node with its libraries."""
    node = _node()
    version = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    folders = [Entry("tmp", mode=0o1777), *(Entry(name, link=f"usr/{name}") for name in ("lib", "lib64", "bin"))]

    def write(target: Path) -> None:
        write_layer([*folders, Entry("/usr/bin/node", source=node), *below_usr(linked_libraries([node]))], target)

    return Layer(key_of("node", version), write)


def _next_layer() -> Layer:
    source = HERE / "next"
    files = [entry for entry in tree(source, "/", ["node_modules", ".next"]) if entry.source]
    words = [f"{e.path} {hashlib.sha256(e.source.read_bytes()).hexdigest()}" for e in files if e.source]

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=IMAGES) as name:
            folder = Path(name) / "next"
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", ".next"))
            for argv in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
                done = subprocess.run(
                    argv, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
                )
                if done.returncode != 0:
                    raise ClusterError(f"`{' '.join(argv)}` fails: {(done.stdout + done.stderr)[-600:]}")
            made = folder / ".next"
            write_layer(
                [
                    *tree(made / "standalone", "/app"),
                    *tree(made / "static", "/app/.next/static"),
                    Entry("/app/.next/cache"),
                ],
                target,
            )

    return Layer(key_of("next", json.dumps(sorted(words)), str(_node())), write)


if __name__ == "__main__":
    build_images(web=True)
