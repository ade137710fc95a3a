"""A small image registry that keeps what it is given: OCI Distribution 1.1 as far as manifests and blobs go, with the
three ways to sign in that registries use (nobody, basic, token), faults on demand, and a note of every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.served import served

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>[^/]*)")
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|referrers|tags)/(?P<what>[^/]+)")


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Repository:
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    referrers: dict[str, bytes] = field(default_factory=dict)  # digest -> index; none: the registry has no such list


@dataclass
class FakeRegistry:
    """``auth``: none, basic or token. ``users``: name -> password; ``pushers`` may write. ``faults``: (status, headers)
    that are answered first, one each. ``blobs_at``: another address that blobs are served from, by a redirect.
    """

    auth: str = "none"
    users: dict[str, str] = field(default_factory=dict)
    pushers: set[str] = field(default_factory=set)
    anonymous_pull: bool = False
    refresh_token: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    tokens: dict[str, str] = field(default_factory=dict)  # token -> scope that it allows
    says_digest: bool = True
    named_digest: str = ""  # instead of the true one
    spoils: bool = False
    realm: str = ""
    blobs_at: str = ""
    address: str = ""
    deletes: bool = True
    hides: bool = False  # from whoever did not ask to push: repositories that are not there, as Quay does
    page: int = 0  # tags or referrers of one answer; 0: all
    ranges: bool = True  # parts of a blob can be asked for
    uploads: dict[str, bytearray] = field(default_factory=dict)
    lost: int = 0  # answers to parts of an upload that are lost although the part arrived
    uploads_at: str = ""  # the address of uploads; without one this registry's
    least: str = ""  # oci-chunk-min-length
    most: int = 0  # bytes that it takes in one part
    parts: bool = True  # False: it takes content in one piece alone, and says that of none of the others

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def push(
        self, name: str, tag: str = "", *, text: str = "", labels: Mapping[str, str] | None = None,
        created: str = "2026-11-21T09:30:00Z",
    ) -> str:  # fmt: skip
        """An image for linux/amd64; its digest."""
        config = {
            "os": "linux", "architecture": "amd64", "created": created, "author": text,
            "config": {"Labels": dict(labels or {})},
        }  # fmt: skip
        return self.push_config(name, tag, json.dumps(config).encode())

    def push_config(self, name: str, tag: str, body: bytes) -> str:
        """An image with this configuration; its digest."""
        repository = self.repositories.setdefault(name, Repository())
        repository.blobs[digest_of(body)] = body
        described = {"mediaType": CONFIG, "digest": digest_of(body), "size": len(body)}
        return self.put(name, tag, MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, "config": described})

    def push_index(self, name: str, tag: str, platforms: Mapping[str, str]) -> str:
        """An index of images that are there; ``platforms``: os/architecture -> digest."""
        manifests = [
            {
                "mediaType": MANIFEST,
                "digest": digest,
                "platform": dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False)),
            }
            for platform, digest in platforms.items()
        ]
        return self.put(name, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})

    def blob(self, name: str, content: bytes) -> str:
        """Its digest."""
        self.repositories.setdefault(name, Repository()).blobs[digest_of(content)] = content
        return digest_of(content)

    def put(self, name: str, tag: str, media_type: str, content: Mapping[str, Any]) -> str:
        body = json.dumps(content).encode()
        repository = self.repositories.setdefault(name, Repository())
        repository.manifests[digest_of(body)] = (media_type, body)
        if tag:
            repository.tags[tag] = digest_of(body)
        return digest_of(body)

    @contextmanager
    def serving(self) -> Iterator[FakeRegistry]:
        with served(_Handler, registry=self) as address:
            self.address = address
            yield self


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._any()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        registry = self.registry
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        registry.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
        if registry.faults:
            status, headers = registry.faults.pop(0)
            return self._answer(status, b"", headers)
        url = urlsplit(self.path)
        if url.path == "/token":
            return self._token(parse_qs(url.query) if self.command == "GET" else parse_qs(body.decode()))
        if upload := _UPLOAD.fullmatch(url.path):
            may = self._may(f"repository:{upload['name']}:pull,push")
            return self._upload(upload["name"], upload["id"], parse_qs(url.query), body) if may else self._challenge(
                f"repository:{upload['name']}:pull,push")  # fmt: skip
        found = _PATH.fullmatch(url.path)
        if not found:
            return self._error(404, "NAME_INVALID")
        name, kind, what = found["name"], found["kind"], found["what"]
        if kind == "blobs" and registry.blobs_at and registry.blobs_at not in self.headers["Host"]:
            return self._answer(307, b"", {"Location": f"http://{registry.blobs_at}{self.path}"})
        scope = f"repository:{name}:pull" + {"PUT": ",push", "DELETE": ",push,delete"}.get(self.command, "")
        if registry.hides and name not in registry.repositories:
            scope = f"repository:{name}:pull,push"
        if not (kind == "blobs" and registry.blobs_at) and not self._may(scope):
            return self._challenge(scope)
        if kind == "tags" and name in registry.repositories:
            return self._tags(sorted(registry.repositories[name].tags), parse_qs(url.query))
        return self._content(registry.repositories.get(name), kind, what, body)

    def _upload(self, name: str, number: str, asked: Mapping[str, list[str]], body: bytes) -> None:
        registry = self.registry
        place = {"Location": f"{registry.uploads_at}/v2/{name}/blobs/uploads/{number or len(registry.uploads)}?s=1"}
        if self.command == "POST":
            registry.uploads[str(len(registry.uploads))] = bytearray()
            return self._answer(
                202, b"", {**place, **({"OCI-Chunk-Min-Length": registry.least} if registry.least else {})}
            )
        if (held := registry.uploads.get(number)) is None:
            return self._error(404, "BLOB_UPLOAD_UNKNOWN")
        place["Range"] = f"0-{max(0, len(held) - 1)}"
        if self.command == "GET":
            return self._answer(204, b"", place)
        if self.command == "PATCH" and not registry.parts:
            return self._answer(201, b"", place)
        if self.command == "PATCH" and registry.most and len(body) > registry.most:
            return self._error(416, "REQUESTED_RANGE_NOT_SATISFIABLE")
        if self.command == "PATCH":
            if int(self.headers["Content-Range"].partition("-")[0]) != len(held):
                return self._answer(416, b"", place)
            held += body
            if registry.lost:
                registry.lost -= 1
                return self._answer(500, b"")
            return self._answer(202, b"", place)
        held += body
        if digest_of(bytes(held)) != asked["digest"][0]:
            return self._error(400, "DIGEST_INVALID")
        registry.blob(name, bytes(held))
        return self._answer(201, b"")

    def _tags(self, tags: list[str], asked: Mapping[str, list[str]]) -> None:
        rest = [tag for tag in tags if tag > asked.get("last", [""])[0]]
        page = rest[: self.registry.page or None]
        path = f"{urlsplit(self.path).path}?n=1000&last={page[-1]}" if len(rest) > len(page) else ""
        self._answer(200, json.dumps({"tags": page}).encode(), {"Link": f'<{path}>; rel="next"'} if path else None)

    def _referrers(self, index: dict[str, Any]) -> None:
        first, size = int(parse_qs(urlsplit(self.path).query).get("at", ["0"])[0]), self.registry.page
        page = {**index, "manifests": index["manifests"][first : first + size]}
        more = first + size < len(index["manifests"])
        link = {"Link": f'<{urlsplit(self.path).path}?at={first + size}>; rel="next"'} if more else None
        self._answer(200, json.dumps(page).encode(), link)

    def _content(self, repository: Repository | None, kind: str, what: str, body: bytes) -> None:
        if repository is None:
            return self._error(404, "NAME_UNKNOWN")
        if kind in ("blobs", "referrers"):
            blob = getattr(repository, kind).get(what)
            if blob is not None and kind == "referrers" and self.registry.page:
                return self._referrers(json.loads(blob))
            return self._error(404, "BLOB_UNKNOWN") if blob is None else self._blob(blob)
        if self.command == "PUT":
            digest = digest_of(body)
            repository.manifests[digest] = (self.headers["Content-Type"], body)
            if what != digest:
                repository.tags[what] = digest
            return self._answer(201, b"", {"Docker-Content-Digest": digest})
        if self.command == "DELETE":
            if not self.registry.deletes:
                return self._error(405, "UNSUPPORTED")
            if repository.manifests.pop(what, None) is None:
                return self._error(404, "MANIFEST_UNKNOWN")
            repository.tags = {tag: digest for tag, digest in repository.tags.items() if digest != what}
            return self._answer(202, b"")
        digest = repository.tags.get(what, what)
        if digest not in repository.manifests:
            return self._error(404, "MANIFEST_UNKNOWN")
        media_type, content = repository.manifests[digest]
        if media_type not in self.headers.get("Accept", ""):
            return self._error(404, "MANIFEST_UNKNOWN")
        headers = {"Content-Type": media_type}
        if self.registry.says_digest:
            headers["Docker-Content-Digest"] = self.registry.named_digest or digest
        return self._answer(200, content + (b" " if self.registry.spoils else b""), headers)

    def _blob(self, blob: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self.registry.ranges else None
        if wanted:
            self._answer(206, blob[int(wanted[1]) : int(wanted[2]) + 1])
        else:
            self._answer(200, blob)

    def _may(self, scope: str) -> bool:
        given, auth = self.headers.get("Authorization", ""), self.registry.auth
        if auth == "basic":
            return self._user(given) is not None
        return auth == "none" or self.registry.tokens.get(given.removeprefix("Bearer "), "").startswith(scope)

    def _user(self, given: str) -> str | None:
        if not given.startswith("Basic "):
            return None
        name, _, password = base64.b64decode(given[6:]).decode().partition(":")
        return name if self.registry.users.get(name) == password else None

    def _challenge(self, scope: str) -> None:
        realm = self.registry.realm or f"{self.registry.url}/token"
        wanted = f'Bearer realm="{realm}",service="fake",scope="{scope}"'
        headers = {"WWW-Authenticate": 'Basic realm="fake"' if self.registry.auth == "basic" else wanted}
        self._error(401, "UNAUTHORIZED", headers)

    def _token(self, asked: Mapping[str, list[str]]) -> None:
        scope, given = asked["scope"][0], self.headers.get("Authorization", "")
        user = self._user(given)
        if given and user is None:
            return self._error(401, "UNAUTHORIZED")
        if "grant_type" in asked:
            if asked["refresh_token"] != [self.registry.refresh_token]:
                return self._error(401, "UNAUTHORIZED")
            user = "refresh"
        if user is None and not self.registry.anonymous_pull:
            return self._error(403, "DENIED")
        may = scope if not scope.endswith(",push") or user in self.registry.pushers else scope.removesuffix(",push")
        token = secrets.token_hex(8)
        self.registry.tokens[token] = may
        key = "access_token" if "grant_type" in asked else "token"
        self._answer(200, json.dumps({key: token, "expires_in": 300}).encode())

    def _error(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        errors = {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}
        self._answer(status, json.dumps(errors).encode(), headers)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
