"""The Kafka image: its jars by Maven, a Java runtime cut to size by jlink."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.cluster.build.layers import Layer, key_of, linked_libraries
from tests.cluster.build.oci import Entry, tree, write_layer
from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE, IMAGES

KAFKA = "4.3.1"
IMAGE = f"docker.io/apache/kafka:{KAFKA}"
JAVA_HOME = "/opt/jre"
_POM = HERE / "build" / "kafka-pom.xml"
_MODULES = (
    "java.base,java.desktop,java.instrument,java.logging,java.management,java.naming,java.net.http,java.rmi,"
    "java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.security.auth,jdk.unsupported"
)

_LINKED = ("bin/java", *(f"lib/{name}.so" for name in ("server/libjvm", "libjava", "libnet", "libnio", "libzip")))


def layer() -> Layer:
    """``/opt/kafka/libs`` and ``/opt/jre``."""
    return Layer(key_of("kafka", "2", KAFKA, _POM.read_text(), _MODULES), _write)


def _write(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=IMAGES) as name:
        folder, jre = Path(name), Path(name) / "jre"
        maven = ["mvn", "--batch-mode", "--quiet", "--file", str(_POM), f"-Dmaven.repo.local={folder / 'repository'}"]
        maven += [f"-Dkafka.version={KAFKA}", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}"]
        _run([*maven, "-DincludeScope=runtime"], folder)
        jlink = [
            "jlink",
            "--add-modules",
            _MODULES,
            "--strip-debug",
            "--no-header-files",
            "--no-man-pages",
            "--compress=2",
        ]
        _run([*jlink, "--output", str(jre)], folder)
        linked = [jre / name for name in _LINKED]
        libraries = [Entry(str(path), source=path.resolve()) for path in linked_libraries(linked, besides=jre)]
        write_layer([*tree(folder / "libs", "/opt/kafka/libs"), *tree(jre, JAVA_HOME), *libraries], target)


def _run(argv: list[str], folder: Path) -> None:
    done = subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if done.returncode != 0:
        raise ClusterError(
            f"The Kafka image cannot be made: {argv[0]} says: {' '.join((done.stdout + done.stderr).split())[-400:]}"
        )
