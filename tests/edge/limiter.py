"""A reverse proxy in front of Pebble, which has no limits: it refuses orders as Let's Encrypt does.

It runs in Pebble's pod: ``limiter.py PORT PORT_OF_PEBBLE PORT_OF_MANAGEMENT``. POST to the latter
``{"names": ["a.example"], "orders": 1, "until": 1764450000}`` lets one more order for exactly these names through until
then (seconds since 1970). GET lists all orders that were asked for, ``[{"names": ["a.example"], "refused": false}]``.
Documented at https://letsencrypt.org/docs/rate-limits/ and in RFC 8555, 6.6.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import ssl
import sys
import threading
import time
from typing import Any

_FILES = "/etc/pebble"
_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
orders: list[dict[str, Any]] = []
limits: dict[tuple[str, ...], dict[str, Any]] = {}
lock = threading.Lock()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, headers: dict[str, str] | list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Management(_Handler):
    """What is limited, and what was asked for."""

    def do_POST(self) -> None:
        limit = json.loads(self.body())
        with lock:
            limits[tuple(sorted(limit["names"]))] = limit
        self.answer(200, {}, b"")

    def do_GET(self) -> None:
        with lock:
            found = json.dumps(orders).encode()
        self.answer(200, {"content-type": "application/json"}, found)


class Proxy(_Handler):
    """Passes everything on as it is, but for orders above a limit."""

    def do_POST(self) -> None:
        body = self.body()
        names = names_of(body)
        if names and (until := refused(names)):
            self.answer(*problem(until))
        else:
            self.pass_on(body)

    def do_GET(self) -> None:
        self.pass_on(b"")

    do_HEAD = do_GET

    def pass_on(self, body: bytes) -> None:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # in the same pod
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        upstream = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[2]), context=trust, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}  # the Host, above all
        upstream.request(self.command, self.path, body or None, kept)
        found = upstream.getresponse()
        headers = [(name, value) for name, value in found.getheaders() if name.lower() not in _HOP]
        self.answer(found.status, headers, found.read())
        upstream.close()


def names_of(body: bytes) -> tuple[str, ...]:
    """The names of a new order (RFC 8555, 7.4); none: the request is another one."""
    try:
        payload = json.loads(body)["payload"]
        asked = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return tuple(sorted(each["value"] for each in asked["identifiers"]))
    except (KeyError, TypeError, ValueError):
        return ()


def refused(names: tuple[str, ...]) -> int:
    """When the limit that this order meets ends; 0: it is let through."""
    with lock:
        limit = limits.get(names, {"orders": 1, "until": 0})
        limited = time.time() < limit["until"]
        limit["orders"] -= limited
        meets = bool(limited and limit["orders"] < 0)
        orders.append({"names": names, "refused": meets})
        return int(limit["until"]) if meets else 0


def problem(until: int) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and text of a refusal, as Let's Encrypt words it."""
    ends = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
    detail = (
        "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after "
        f"{ends}: see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers"
    )
    document = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail, "status": 429}
    after = str(max(1, until - int(time.time())))
    return 429, {"content-type": "application/problem+json", "retry-after": after}, json.dumps(document).encode()


def main() -> None:
    """Serve both for ever."""
    proxy = http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Proxy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{_FILES}/cert.pem", f"{_FILES}/key.pem")
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("", int(sys.argv[3])), Management).serve_forever()


if __name__ == "__main__":
    main()
