"""Prometheus itself, the real one, without a cluster: it reads targets, or has samples that are written into it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.build.debian import PROMETHEUS, program
from tests.cluster.paths import cache

Sample = tuple[Mapping[str, str], float, float]  # labels with __name__, number, seconds since the epoch


@contextmanager
def prometheus(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Its URL. ``folder``/data may have samples already."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text(json.dumps(settings))
    command = [
        str(cache() / "bin/prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def write(folder: Path, samples: Iterable[Sample]) -> None:
    """Samples of the past into ``folder``/data, by Prometheus' promtool."""
    promtool = program(PROMETHEUS, "promtool")
    assert promtool, "promtool is missing: run `python3 -m tests.cluster build --tools` first"
    by_name: dict[str, list[str]] = {}
    for labels, number, at in samples:
        told = ",".join(
            f"{key}={json.dumps(text, ensure_ascii=False)}" for key, text in labels.items() if key[0] != "_"
        )
        by_name.setdefault(labels["__name__"], []).append(f"{labels['__name__']}{{{told}}} {float(number)} {at:.3f}")
    file = folder / "samples.txt"
    file.write_text("\n".join(line for lines in by_name.values() for line in lines) + "\n# EOF\n")
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", str(file), str(folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
