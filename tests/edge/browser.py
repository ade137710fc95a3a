"""Debian's Chromium, driven by WebDriver's own protocol (https://www.w3.org/TR/webdriver2/)."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster import machine
from tests.cluster.errors import ClusterError
from tests.integration.support import eventually

TOOLS = (
    machine.Tool("chromium", "chromium"),
    machine.Tool("chromedriver", "chromium-driver"),
    machine.Tool("certutil", "libnss3-tools"),
)
_NPM = machine.Tool("npm", "npm")  # brings axe-core
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_MILLISECONDS = 600_000  # a deadline, not an expectation: the machine may be busy


def installed() -> None:
    """What opens a page and looks at it; a test is skipped, with the reason, where it cannot be installed."""
    try:
        machine.ready_to_build((*TOOLS, _NPM))
    except ClusterError as error:
        pytest.skip(f"no page is opened: {error}")


class Refused(Exception):
    """The browser shows no page; its own error."""


class Browser:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http, self._path = http, f"/session/{session}"

    def open(self, url: str) -> None:
        """Raises Refused with the browser's error, such as ERR_CERT_AUTHORITY_INVALID."""
        answer = self._http.post(f"{self._path}/url", json={"url": url})
        if answer.is_error:
            raise Refused(answer.json()["value"]["message"])
        if warning := self.ask("return document.getElementById('error-code')?.textContent ?? ''"):
            raise Refused(warning)

    def ask(self, script: str) -> Any:
        """What a script returns."""
        return self._do("execute/sync", script=script, args=[])

    def wait(self, script: str) -> Any:
        """What a script gives to its callback, its last argument."""
        return self._do("execute/async", script=script, args=[])

    def show(self, width: int, height: int, *, dark: bool) -> None:
        """As on a screen of this size, of a person who likes it dark or light."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._develop("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._develop("Emulation.setDeviceMetricsOverride", **size)

    def show_print(self) -> None:
        """As on paper."""
        self._develop("Emulation.setEmulatedMedia", media="print")

    def picture(self, scale: float = 1, **form: Any) -> bytes:
        """The whole page as PNG; ``form``: further options of Page.captureScreenshot."""
        self._develop("Emulation.setScrollbarsHidden", hidden=True)
        size = self._develop("Page.getLayoutMetrics")["cssContentSize"]
        asked = {"captureBeyondViewport": True, "clip": {**size, "scale": scale}, **form}
        return base64.b64decode(self._develop("Page.captureScreenshot", **asked)["data"])

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self._do("print", background=False))

    def said(self) -> list[str]:
        """What the console has had since the last time, from warnings upwards."""
        return [
            each["message"] for each in self._do("se/log", type="browser") if each["level"] in ("WARNING", "SEVERE")
        ]

    def _develop(self, command: str, **params: Any) -> Any:
        """One command of the DevTools protocol."""
        return self._do("goog/cdp/execute", cmd=command, params=params)

    def _do(self, command: str, **body: Any) -> Any:
        return self._http.post(f"{self._path}/{command}", json=body).raise_for_status().json()["value"]


@contextmanager
def browser(folder: Path, hosts: dict[str, str], authority: Path | None = None) -> Iterator[Browser]:
    """A window of a browser that knows these hosts' addresses and no others; ``authority``: it trusts that one, too."""
    machine.ready_to_build(TOOLS)
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True)
    if authority:
        trust = ["certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "authority", "-i", str(authority)]
        subprocess.run(trust, check=True)
    rules = ", ".join([*(f"MAP {host} {address}" for host, address in hosts.items()), "MAP * ~NOTFOUND"])
    arguments = [*_QUIET, f"--host-resolver-rules={rules}", f"--user-data-dir={folder / 'profile'}"]
    options = {
        "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
        "timeouts": {"script": _MILLISECONDS, "pageLoad": _MILLISECONDS},
    }
    log = (folder / "chromedriver.log").open("w+")
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], env={**os.environ, "HOME": str(folder)}, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        port = eventually("chromedriver's port", lambda: _port(folder / "chromedriver.log"))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_MILLISECONDS / 1000, trust_env=False) as http:
            wanted = {"capabilities": {"alwaysMatch": options}}
            answer = http.post("/session", json=wanted).raise_for_status().json()["value"]
            try:
                yield Browser(http, answer["sessionId"])
            finally:
                http.delete(f"/session/{answer['sessionId']}")
    finally:
        driver.terminate()
        driver.wait()
        log.close()


def _port(log: Path) -> str:
    found = re.search(r"started successfully on port (\d+)\.", log.read_text())
    return found[1] if found else ""
