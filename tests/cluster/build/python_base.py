"""The Python of the stand-ins' images: the interpreter of this environment with the libraries that it needs."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.cluster.build.layers import Layer, compile_python, key_of, linked_libraries
from tests.cluster.build.oci import Entry, tree, write_layer
from tests.cluster.paths import IMAGES

_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_NOT_WANTED = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "__pycache__",
)
_MORE_LIBRARIES = (
    "c",
    "m",
    "rt",
    "pthread",
    "dl",
    "util",
    "resolv",
    "nss_files",
    "nss_dns",
    "gcc_s",
    "stdc++",
)  # of wheels


def python_layer() -> Layer:
    """This very CPython with the libraries it needs, compiled ahead since containers have read-only file systems."""
    return Layer(key_of("python", sys.version), _write_python)


def _write_python(target: Path) -> None:
    base = Path(sys.base_prefix).resolve()
    executable = base / "bin" / _PYTHON
    standard = Path(sysconfig.get_path("stdlib"))
    users = b"root:x:0:0:root:/root:/bin/sh\napp:x:65532:65532:app:/tmp:/bin/false\n"
    folders = [Entry("tmp", mode=0o1777), *(Entry(name, link=f"usr/{name}") for name in ("lib", "lib64", "bin"))]
    names = [
        Entry(f"usr/bin/{name}", link=str(executable))
        for name in ("python", "python3")
        if executable != Path("/usr/bin", name)
    ]
    etc = [
        Entry("etc/passwd", data=users, mode=0o644),
        Entry("etc/nsswitch.conf", data=b"hosts: files dns\n", mode=0o644),
    ]
    libraries = [
        Entry(
            str(path if path.is_relative_to("/usr") or path.is_relative_to(base) else f"/usr{path}"),
            source=path.resolve(),
        )
        for path in _libraries(executable, standard)
    ]
    with tempfile.TemporaryDirectory(dir=IMAGES) as folder:
        copy = Path(folder)
        write_layer(_standard_library(standard), copy / "plain.tar")
        subprocess.run(["tar", "-xf", "plain.tar"], cwd=copy, check=True)
        inside = copy / str(standard).lstrip("/")
        compile_python(inside, str(standard))
        write_layer(
            [
                *folders,
                *names,
                *etc,
                *libraries,
                Entry(str(executable), source=executable),
                *tree(inside, str(standard)),
            ],
            target,
        )


def _standard_library(standard: Path) -> list[Entry]:
    return [
        entry
        for entry in tree(standard, str(standard), skip=_NOT_WANTED)
        if "_tkinter" not in entry.path and not entry.path.endswith((".a", ".pyc"))
    ]


def _libraries(executable: Path, standard: Path) -> list[Path]:
    """The shared libraries of the interpreter, of its extension modules and of the usual wheels."""
    modules = [file for file in standard.glob("lib-dynload/*.so") if "_tkinter" not in file.name]
    wanted = (file for name in _MORE_LIBRARIES for file in Path("/lib").glob(f"*-linux-gnu/lib{name}.so.[0-9]"))
    return sorted({*linked_libraries([executable, *modules]), *wanted})
