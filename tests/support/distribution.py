# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real registry program beside the cluster's: a storage and rules of its own."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.build.registry import settings
from tests.cluster.paths import BIN
from tests.cluster.ports import free_port
from tests.integration.support import eventually


@contextmanager
def distribution(
    folder: Path, auth: dict[str, Any] | None = None, tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """A registry on the loopback, or at another address of this machine; its URL. ``tls``: certificate and key to serve
    with.
    """
    address = f"{host}:{free_port(host)}"
    config = settings(address)
    config["storage"]["filesystem"]["rootdirectory"] = str(folder / "storage")
    if auth:
        config["auth"] = auth
    trust: ssl.SSLContext | bool = True
    if tls:
        config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        trust = ssl.create_default_context(cafile=str(tls[0]))
    url = f"{'https' if tls else 'http'}://{address}"
    file = folder / f"registry-{address.rpartition(':')[2]}.json"
    file.write_text(json.dumps(config))
    with (folder / "log").open("a") as log:
        process = subprocess.Popen([str(BIN / "registry"), "serve", str(file)], stdout=log, stderr=log)
    try:
        eventually("the registry answers", lambda: _answers(f"{url}/v2/", trust))
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str, trust: ssl.SSLContext | bool) -> bool:
    try:
        return httpx.get(url, verify=trust, trust_env=False).status_code in (200, 401)
    except httpx.TransportError:
        return False
