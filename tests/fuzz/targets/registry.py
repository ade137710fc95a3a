"""Answers of a registry, of its token service and of where it redirects to, as bytes on the wire."""

from __future__ import annotations

import hashlib
import json
import socket
from contextlib import suppress
from typing import Any
from unittest import mock

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry import exchange
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference, is_digest

from tests.fuzz.frame import Target

CANARY = "canaryREGw91jx7"
ENDPOINT = "http://registry.example"
MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
LONGEST = 120_000  # bytes of one answer: what a socket takes without a reader


def digest(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def answer(status: str, content: object = None, **headers: str) -> bytes:
    body = b"" if content is None else json.dumps(content).encode()
    found = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in found.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CONFIG = {"os": "linux", "architecture": "amd64", "created": "2026-11-21", "config": {"Labels": {"a": "b"}}}
DESCRIBED = {
    "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(json.dumps(CONFIG).encode()),
}  # fmt: skip
IMAGE = {"schemaVersion": 2, "mediaType": MANIFEST, "config": DESCRIBED}
HERE = {"digest": digest(json.dumps(IMAGE).encode()), "platform": {"os": "linux", "architecture": "amd64"}}
SEEDS: list[list[bytes]] = [
    [answer("200 OK", IMAGE, Content_Type=MANIFEST), answer("200 OK", CONFIG)],
    [answer("200 OK", {"mediaType": INDEX, "manifests": [HERE]}), answer("200 OK", IMAGE), answer("200 OK", CONFIG)],
    [
        answer("401 Unauthorized", WWW_Authenticate=f'Bearer realm="{ENDPOINT}/token",service="s",scope="x"'),
        answer("200 OK", {"token": "t0k", "expires_in": 300}),
        answer("200 OK", IMAGE, Docker_Content_Digest=digest(json.dumps(IMAGE).encode())),
        answer("307 Temporary Redirect", Location="http://blobs.example/x?y"),
        answer("200 OK", CONFIG),
    ],
    [answer("401 Unauthorized", WWW_Authenticate='Basic realm="x"'), answer("404 No", {"errors": [{"code": "X"}]})],
    [answer("429 Too Many Requests", Retry_After="1"), answer("503 No"), answer("200 OK", IMAGE)],
    [answer("403 Forbidden", {"errors": [{"message": f"the password {CANARY} is wrong"}]})],
    [answer("200 OK", Transfer_Encoding="chunked") + b"2\r\n{}\r\n0\r\n\r\n"],
]  # fmt: skip


class Peers:
    """Every host there is. Each connection gets the next answer, the last one for ever."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._ours: list[socket.socket] = []
        self._asked: list[str] = []

    def connect(self, origin: exchange.Origin, _deadline: float) -> socket.socket:
        theirs, ours = socket.socketpair()
        ours.sendall(self._answers[min(len(self._asked), len(self._answers) - 1)][:LONGEST])
        ours.shutdown(socket.SHUT_WR)
        self._ours.append(ours)
        self._asked.append(str(origin))
        return theirs

    def given(self) -> list[tuple[str, bytes]]:
        """What each host received."""
        found = []
        for origin, ours in zip(self._asked, self._ours, strict=True):
            with suppress(OSError):
                found.append((origin, ours.recv(1 << 20)))
            ours.close()
        return found


def attempt(given: Any) -> None:
    answers = [each for each in given if isinstance(each, bytes)] if isinstance(given, list) else []
    if not answers:
        return
    peers = Peers(answers)
    access = Access.to("registry.example", {"endpoint": ENDPOINT, "username": "robot", "password": CANARY})
    client = RegistryClient("registry.example", access, 2, lambda _: None)
    shown = ""
    with mock.patch.object(exchange, "_connected", peers.connect):
        try:
            found = client.image(Reference.parse("registry.example/todo/app:v1"))
            assert is_digest(found.digest)
            shown = json.dumps(found.as_result(), ensure_ascii=False)
        except TodoCloudError as exc:
            shown = f"{exc.failure.message} {json.dumps(dict(exc.failure.details), ensure_ascii=False)}"
        finally:
            for origin, received in peers.given():
                assert origin == ENDPOINT or b"\r\nAuthorization:" not in received, f"credentials for {origin}"
    assert CANARY not in shown
    assert shown.isprintable()


TARGET = Target("registry", SEEDS, attempt, seconds=15.0)
