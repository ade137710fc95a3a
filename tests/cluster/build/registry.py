"""The image registry (distribution): one storage for all clusters, served in each and, for pushes, on the loopback."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.build.oci import Reference, Registry
from tests.cluster.errors import ClusterError
from tests.cluster.paths import BIN, LOGS, REGISTRY
from tests.cluster.ports import free_port

_START_LIMIT_SECONDS = 60


def settings(address: str) -> dict[str, Any]:
    """The registry's configuration; no cache, since several processes serve the one folder."""
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(REGISTRY)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": address},
    }


def write_settings(path: Path, address: str) -> Path:
    """Write the configuration file (JSON, which is YAML too)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings(address)))
    return path


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry on the loopback for the time of the block.

    Raises:
        ClusterError: it does not start.
    """
    REGISTRY.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    config = write_settings(REGISTRY / "push.json", address)
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / "registry.log").open("w") as log:
        process = subprocess.Popen(
            [str(BIN / "registry"), "serve", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(address, process)
        with Registry(f"http://{address}") as registry:
            yield registry
    finally:
        process.terminate()
        process.wait()


def pushed_digest(reference: Reference) -> str | None:
    """The digest that a tag has in the storage, whoever pushed it; None when there is no such tag.

    Where it lies: https://github.com/distribution/distribution/blob/main/registry/storage/paths.go
    """
    repository = REGISTRY / "docker" / "registry" / "v2" / "repositories" / reference.repository
    link = repository / "_manifests" / "tags" / reference.tag / "current" / "link"
    return link.read_text() if link.exists() else None


def blob_file(digest: str) -> Path:
    """Where the storage keeps a blob."""
    kind, _, name = digest.partition(":")
    return REGISTRY / "docker" / "registry" / "v2" / "blobs" / kind / name[:2] / name / "data"


def collect_garbage() -> None:
    """Remove blobs that no image needs any more."""
    config = write_settings(REGISTRY / "push.json", "127.0.0.1:0")
    argv = [str(BIN / "registry"), "garbage-collect", "--delete-untagged", "--quiet", str(config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"The local registry's storage cannot be cleaned up: {done.stderr.strip()[-300:]}")


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_LIMIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://{address}/v2/", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise ClusterError(f"The local registry does not start; its log is {LOGS / 'registry.log'}.")
