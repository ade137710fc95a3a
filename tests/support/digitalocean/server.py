"""The HTTP side of the stand-in: routes, scopes, pages, rate limits, faults on demand, and the contract."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.dapr_authority import first_authority
from tests.support.digitalocean import contract
from tests.support.digitalocean.account import Account, Json, Refused

TOKEN = "dop_v1_" + "5e" * 32
Reply = tuple[int, Any]
_C = "/v2/kubernetes/clusters"
_ONE = _C + "/{cluster_id}"
_POOL = _ONE + "/node_pools/{node_pool_id}"
_WITH = _ONE + "/destroy_with_associated_resources"
_ZONE = "/v2/domains/{domain_name}"


@dataclass
class Fault:
    """``how``: a status; ``reset``: the connection ends before anything is done; ``lost``: it ends after that;
    ``redirect``: to another address. ``then``: what happens before it ends.
    """

    how: int | str
    method: str = ""
    path: str = ""  # regular expression
    times: int = 1
    after: int = 0  # so many matching requests go through first
    to: str = ""
    then: Callable[[], None] = lambda: None

    def takes(self, method: str, path: str) -> bool:
        if not self.times or self.method not in ("", method) or not re.search(self.path, path):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Seen:
    """A request."""

    method: str
    path: str
    body: Any
    status: int
    headers: Mapping[str, str]
    operation: str = ""


@dataclass
class FakeDigitalOcean:
    """``tokens``: token -> its scopes, None for all. ``per_page``: most objects that a page has, whatever is asked for.
    ``limit``: requests a minute. ``strict``: a request that the contract does not have is refused, not noted.
    ``kubeconfig``: what leads to the Kubernetes of every cluster.
    """

    account: Account = field(default_factory=Account)
    tokens: dict[str, set[str] | None] = field(default_factory=lambda: {TOKEN: None})
    expires_after: int = 0  # requests after which no token is good
    per_page: int = 2
    limit: int = 250
    retry_after: bool = True
    strict: bool = False
    kubeconfig: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    address: str = ""
    scheme: str = "http"
    ca_path: str = ""  # of one certificate: reading the system's takes longer than the rest of a request
    minute: tuple[float, int] = (0.0, 0)
    mutex: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    def writes(self) -> list[str]:
        """What was changed, as ``METHOD path``."""
        return [f"{each.method} {each.path}" for each in self.requests if each.method != "GET" and each.status < 300]

    def bodies(self, method: str, path: str = "") -> list[Any]:
        """Bodies of the requests whose path matches."""
        return [each.body for each in self.requests if each.method == method and re.search(path, each.path)]

    @contextmanager
    def serving(self, certificate: Path | None = None) -> Iterator[FakeDigitalOcean]:
        """``certificate``: a file with a key and its certificate, for https."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": self}))
        server.daemon_threads = True
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        self.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            with NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(first_authority(True)[2])
                file.flush()
                self.ca_path = file.name
                yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeDigitalOcean
    protocol_version = "HTTP/1.1"
    seen: Seen

    def do_GET(self) -> None:
        with self.fake.mutex:
            self._any()

    do_POST = do_PUT = do_DELETE = do_GET

    def do_PATCH(self) -> None:
        """No operation here has it, nor any of these."""
        self.close_connection = True
        self.send_response_only(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_OPTIONS = do_TRACE = do_QUERY = do_PATCH

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        fake, url = self.fake, urlsplit(self.path)
        self.raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen = Seen(self.command, url.path, _json(self.raw), 0, dict(self.headers))
        fake.requests.append(self.seen)
        fault = next((each for each in fake.faults if each.takes(self.command, self.path)), None)
        if fault and fault.how == "reset":
            fault.then()
            return self._cut()
        if fault and fault.how == "redirect":
            return self._answer(302, {"id": "found", "message": "elsewhere"}, {"Location": fault.to})
        if fault and isinstance(fault.how, int):
            return self._answer(fault.how, {"id": "server_error", "message": "Unexpected server-side error"})
        try:
            status, body = self._routed(url.path, parse_qs(url.query))
        except Refused as exc:
            status, body = exc.status, {"id": exc.name, "message": exc.message, "request_id": "4d9d8375-3c56-4925"}
        if fault:
            self.seen.status = status
            fault.then()
            return self._cut()
        return self._answer(status, body)

    def _routed(self, path: str, query: Mapping[str, list[str]]) -> Reply:
        self._limited()
        if self.fake.strict and contract.request_problems(self.command, self.path, self.raw):
            raise Refused(422, "unprocessable_entity", "The request is not as the contract has it.")
        for (method, template), (scopes, operation) in (ROUTES | DOMAINS).items():
            names = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            found = re.fullmatch(names, path)
            if method == self.command and found:
                self.seen.operation = f"{method} {template}"
                self._allowed(scopes)
                return operation(self.fake, found.groupdict(), _object(self.seen.body), query)
        raise Refused(404, "not_found", "The resource you were accessing could not be found.")

    def _limited(self) -> None:
        now = self.fake.account.clock.now()
        begun, count = self.fake.minute
        if now - begun >= 60:
            begun, count = now, 0
        self.fake.minute = (begun, count + 1)
        if count >= self.fake.limit:
            raise Refused(429, "too_many_requests", "API rate limit exceeded.")

    def _allowed(self, scopes: set[str]) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        expired = self.fake.expires_after and len(self.fake.requests) > self.fake.expires_after
        if token not in self.fake.tokens or expired:
            raise Refused(401, "unauthorized", "Unable to authenticate you")
        has = self.fake.tokens[token]
        if has is not None and not scopes <= has:
            raise Refused(403, "forbidden", "You are not authorized to perform this operation")

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _answer(self, status: int, body: Any, more: Mapping[str, str] | None = None) -> None:
        self.seen.status = status
        yaml = isinstance(body, str)
        raw = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        clock, (begun, count) = self.fake.account.clock, self.fake.minute
        headers = {
            "Content-Type": "application/yaml" if yaml else "application/json",
            "ratelimit-limit": str(self.fake.limit),
            "ratelimit-remaining": str(max(0, self.fake.limit - count)),
            "ratelimit-reset": str(int(begun + 60) + 1),
            **(more or {}),
        }
        if status == 429 and self.fake.retry_after:
            headers["retry-after"] = str(int(begun + 60 - clock.now()) + 1)
        if status < 300 or status >= 400:
            found = contract.problems(self.command, self.path, self.raw, status, headers, raw)
            self.fake.violations += found
        self.send_response_only(status)
        self.send_header("Date", formatdate(clock.now(), usegmt=True))
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw or b"null")
    except ValueError:
        return raw.decode(errors="replace")


def _object(body: Any) -> dict[str, Any]:
    """As the API reads it, which takes null for nothing. Raises Refused (422) for what is no object."""
    if body and not isinstance(body, dict):
        raise Refused(422, "unprocessable_entity", "The body is no object.")
    return {key: each for key, each in (body or {}).items() if each is not None}


Operation = Callable[[FakeDigitalOcean, Mapping[str, str], Any, Mapping[str, list[str]]], Reply]


def _pages(key: str, everything: Callable[[FakeDigitalOcean, Mapping[str, str]], list[Json]]) -> Operation:
    def answer(fake: FakeDigitalOcean, ids: Mapping[str, str], _body: Any, query: Mapping[str, list[str]]) -> Reply:
        found = everything(fake, ids)
        size = min(int(query.get("per_page", ["20"])[0]), fake.per_page)
        page = int(query.get("page", ["1"])[0])
        more = page * size < len(found)
        pages = {"next": f"https://api.digitalocean.com/v2/{key}?page={page + 1}"} if more else {}
        part = found[(page - 1) * size : page * size]
        return 200, {key: part, "links": {"pages": pages} if pages else {}, "meta": {"total": len(found)}}

    return answer


def _account(fake: FakeDigitalOcean, *_: object) -> Reply:
    account = {
        "droplet_limit": fake.account.droplet_limit, "floating_ip_limit": 3, "email": "ops@example.com",
        "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef", "email_verified": True, "name": "Ops",
        "status": fake.account.status[0], "status_message": fake.account.status[1],
    }  # fmt: skip
    return 200, {"account": account}


def _options(fake: FakeDigitalOcean, *_: object) -> Reply:
    return 200, {"options": fake.account.options()}


def _create(fake: FakeDigitalOcean, _ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    return 201, {"kubernetes_cluster": fake.account.create(body)}


def _get(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    return 200, {"kubernetes_cluster": fake.account.show(ids["cluster_id"])}


def _update(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    cluster = fake.account.show(ids["cluster_id"])
    fake.account.update(cluster, body)
    return 202, {"kubernetes_cluster": cluster}


def _delete(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    fake.account.remove(fake.account.show(ids["cluster_id"]), {})
    return 204, None


def _associated(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    there = fake.account.associated.get(fake.account.show(ids["cluster_id"])["id"], {})
    return 200, {kind: there.get(kind, []) for kind in ("load_balancers", "volumes", "volume_snapshots")}


def _selective(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    fake.account.remove(fake.account.show(ids["cluster_id"]), body or {})
    return 204, None


def _dangerous(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    fake.account.remove(fake.account.show(ids["cluster_id"]))
    return 204, None


def _kubeconfig(fake: FakeDigitalOcean, ids: Mapping[str, str], _body: object, query: Mapping[str, list[str]]) -> Reply:
    cluster = fake.account.show(ids["cluster_id"])
    if cluster["status"]["state"] == "provisioning":
        raise Refused(404, "not_found", "kubeconfig is not available yet")
    if fake.kubeconfig:
        return 200, fake.kubeconfig
    name = f"do-{cluster['region']}-{cluster['name']}"
    seconds = int(query.get("expiry_seconds", ["0"])[0]) or 604800
    user = {"name": f"{name}-admin", "user": {"token": f"dop_v1_kube_{seconds}_{cluster['id']}"}}
    server = {"certificate-authority-data": "Zm9v", "server": cluster["endpoint"]}
    found = {
        "apiVersion": "v1", "kind": "Config", "current-context": name, "preferences": {},
        "clusters": [{"name": name, "cluster": server}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin"}}], "users": [user],
    }  # fmt: skip
    return 200, json.dumps(found, indent=1)


def _upgrades(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    found = fake.account.upgrades(fake.account.show(ids["cluster_id"]))
    return 200, {"available_upgrade_versions": found or None}


def _upgrade(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    fake.account.upgrade(fake.account.show(ids["cluster_id"]), str(body.get("version")))
    return 202, None


def _messages(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    return 200, {"messages": fake.account.messages.get(fake.account.show(ids["cluster_id"])["id"], [])}


def _add_pool(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    return 201, {"node_pool": fake.account.add_pool(fake.account.show(ids["cluster_id"]), body)}


def _pool_of(fake: FakeDigitalOcean, ids: Mapping[str, str]) -> tuple[Json, Json]:
    cluster = fake.account.show(ids["cluster_id"])
    for pool in cluster["node_pools"]:
        if pool["id"] == ids["node_pool_id"]:
            return cluster, pool
    raise Refused(404, "not_found", "node pool not found")


def _update_pool(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    cluster, pool = _pool_of(fake, ids)
    fake.account.update_pool(cluster, pool, body)
    return 202, {"node_pool": pool}


def _delete_pool(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    fake.account.remove_pool(*_pool_of(fake, ids))
    return 204, None


def _delete_node(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    _cluster, pool = _pool_of(fake, ids)
    node = next((each for each in pool["nodes"] if each["id"] == ids["node_id"]), None)
    if node is None:
        raise Refused(404, "not_found", "node not found")
    fake.account.remove_node(pool, node)
    return 202, None


def _zone(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    fake.account.zone(ids["domain_name"])
    return 200, {"domain": {"name": ids["domain_name"], "ttl": 1800, "zone_file": ""}}


def _add_record(fake: FakeDigitalOcean, ids: Mapping[str, str], body: Any, _query: object) -> Reply:
    return 201, {"domain_record": fake.account.add_record(ids["domain_name"], body)}


def _delete_record(fake: FakeDigitalOcean, ids: Mapping[str, str], *_: object) -> Reply:
    fake.account.remove_record(ids["domain_name"], int(ids["domain_record_id"]))
    return 204, None


_READ, _UPDATE, _DELETE = {"kubernetes:read"}, {"kubernetes:update"}, {"kubernetes:delete"}
# Scopes are the contract's (test_contract.py).
ROUTES: dict[tuple[str, str], tuple[set[str], Operation]] = {
    ("GET", "/v2/account"): ({"account:read"}, _account),
    ("GET", "/v2/sizes"): ({"sizes:read", "regions:read"}, _pages("sizes", lambda fake, _ids: fake.account.sizes())),
    ("GET", "/v2/kubernetes/options"): (_READ, _options),
    ("GET", _C): (_READ, _pages("kubernetes_clusters", lambda fake, _ids: fake.account.listed())),
    ("POST", _C): ({"kubernetes:create"}, _create),
    ("GET", _ONE): (_READ, _get),
    ("PUT", _ONE): (_UPDATE, _update),
    ("DELETE", _ONE): (_DELETE, _delete),
    ("GET", _WITH): (_READ, _associated),
    ("DELETE", _WITH + "/selective"): (_DELETE, _selective),
    ("DELETE", _WITH + "/dangerous"): (_DELETE, _dangerous),
    ("GET", _ONE + "/kubeconfig"): ({"kubernetes:access_cluster"}, _kubeconfig),
    ("GET", _ONE + "/upgrades"): (_READ, _upgrades),
    ("POST", _ONE + "/upgrade"): (_UPDATE, _upgrade),
    ("GET", _ONE + "/status_messages"): (_READ, _messages),
    ("POST", _ONE + "/node_pools"): (_UPDATE, _add_pool),
    ("PUT", _POOL): (_UPDATE, _update_pool),
    ("DELETE", _POOL): (_UPDATE, _delete_pool),
    ("DELETE", _POOL + "/nodes/{node_id}"): (_UPDATE, _delete_node),
}
# What others' clients ask for (community.digitalocean).
DOMAINS: dict[tuple[str, str], tuple[set[str], Operation]] = {
    ("GET", _ZONE): ({"domain:read"}, _zone),
    ("GET", _ZONE + "/records"): (
        {"domain:read"},
        _pages("domain_records", lambda fake, ids: fake.account.zone(ids["domain_name"])),
    ),
    # The contract has alternatives: create or update, delete or update.
    ("POST", _ZONE + "/records"): ({"domain:create", "domain:update"}, _add_record),
    ("DELETE", _ZONE + "/records/{domain_record_id}"): ({"domain:delete", "domain:update"}, _delete_record),
}
