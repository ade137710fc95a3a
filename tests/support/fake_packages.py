"""GitHub's API of packages, as far as versions of one container package go: pages, deletion, and who may do what.

Source: https://docs.github.com/en/rest/packages/packages (API version 2022-11-28).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.served import served

TOKEN = "token-that-deletes"


@dataclass
class FakePackages:
    """``owner``: orgs/NAME or users/NAME; ``faults``: statuses that are answered first, with headers; ``gone``: what
    somebody deletes after that many answers.
    """

    owner: str
    package: str
    versions: list[dict[str, Any]] = field(default_factory=list)
    faults: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    gone: dict[int, str] = field(default_factory=dict)
    answers: int = 0
    url: str = ""

    def add(self, digest: str, created: str, *tags: str) -> None:
        metadata = {"package_type": "container", "container": {"tags": list(tags)}}
        self.versions.append(
            {"id": len(self.versions) + 1, "name": digest, "created_at": created, "metadata": metadata}
        )

    @property
    def digests(self) -> list[str]:
        return [each["name"] for each in self.versions]

    @contextmanager
    def serving(self) -> Iterator[FakePackages]:
        with served(_Handler, packages=self) as address:
            self.url = f"http://{address}"
            yield self


class _Handler(BaseHTTPRequestHandler):
    packages: FakePackages

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if (rest := self._rest()) is None:
            return
        asked = parse_qs(urlsplit(self.path).query)
        page, size = int(asked["page"][0]), int(asked["per_page"][0])
        found = self.packages.versions[(page - 1) * size : page * size]
        self._answer(200 if not rest else 404, found)

    def do_DELETE(self) -> None:
        if (rest := self._rest()) is None:
            return
        kept = [each for each in self.packages.versions if str(each["id"]) != rest]
        status = 204 if len(kept) < len(self.packages.versions) else 404
        self.packages.versions = kept
        self._answer(status, {})

    def _rest(self) -> str | None:
        """What follows the versions; None once it was answered."""
        folder = f"/{self.packages.owner}/packages/container/{self.packages.package}/versions"
        path = unquote(urlsplit(self.path).path)
        if self.packages.faults:
            fault = self.packages.faults.pop(0)
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            self._answer(status, {"message": "later"}, headers)
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(403, {"message": "You need at least read:packages scope"})
        elif not path.startswith(folder):
            self._answer(404, {"message": "Not Found"})
        else:
            return path[len(folder) :].lstrip("/")
        return None

    def _answer(self, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
        body = b"" if status == 204 else json.dumps(content).encode()
        self.packages.answers += 1
        gone = self.packages.gone.get(self.packages.answers)
        self.packages.versions = [each for each in self.packages.versions if each["name"] != gone]
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
