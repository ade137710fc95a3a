# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command in a container, by the exec of the API server over a WebSocket. Only for short commands that read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..parsing import read_json
from .errors import KubeError, Unreachable, error_of, message_of
from .transport import Transport

_PROTOCOL = "v4.channel.k8s.io"
_STDOUT, _STATUS = 1, 3
_LIMIT = 1 << 20


def run(http: Transport, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> str:
    """What it writes to standard output, at most 1 MiB of it. Raises KubeError, also when it fails."""
    import websocket

    what = f'pod "{pod}" in namespace "{namespace}"'
    query = urlencode([("container", container), ("stdout", "true"), *(("command", word) for word in command)])
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec?{query}"
    until = time.monotonic() + seconds
    try:
        channel = websocket.create_connection(
            f"ws{http.server[4:]}{path}",
            header=[f"{name}: {value}" for name, value in http.credentials.headers()],
            subprotocols=[_PROTOCOL],
            timeout=seconds,
            **_options(http),
        )
    except websocket.WebSocketBadStatusException as exc:
        raise error_of(exc.status_code, bytes(exc.resp_body or b""), "exec into", what) from None
    except (websocket.WebSocketException, OSError) as exc:
        raise Unreachable(f"There is no connection to {what}: {exc}.", 0, cause=str(exc)) from exc
    try:
        return _read(channel, until, what)
    except (websocket.WebSocketException, OSError) as exc:
        raise Unreachable(f"The connection to {what} broke: {exc}.", 0, cause=str(exc)) from exc
    finally:
        channel.close(timeout=0)


def _read(channel: Any, until: float, what: str) -> str:
    output = bytearray()
    while time.monotonic() < until and len(output) < _LIMIT:
        frame = channel.recv()
        if not frame:
            break
        data = frame if isinstance(frame, bytes) else frame.encode()
        if data[0] == _STDOUT:
            output += data[1:]
        elif data[0] == _STATUS:
            status = read_json(data[1:])
            if not isinstance(status, dict) or status.get("status") != "Success":
                raise KubeError(f"A command in {what} failed: {message_of(data[1:])[:200]}", 0)
            break
    return output[:_LIMIT].decode(errors="replace")


def _options(http: Transport) -> dict[str, Any]:
    """TLS and proxy as for all other requests; the library's own reading of the environment is switched off."""
    options: dict[str, Any] = {"http_no_proxy": ["*"]}
    if http.server.startswith("https"):
        options["sslopt"] = http.credentials.tls_options()
    if proxy := http.credentials.proxy:
        parts = urlsplit(proxy)
        options |= {
            "http_no_proxy": ["none.invalid"],
            "http_proxy_host": parts.hostname,
            "http_proxy_port": parts.port,
            "proxy_type": "socks5h" if parts.scheme.startswith("socks") else "http",
            "http_proxy_auth": (parts.username, parts.password or "") if parts.username else None,
        }
    return options
