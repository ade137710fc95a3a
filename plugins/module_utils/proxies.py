# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which proxy the environment names for a URL: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Helm and kubectl read them.

Rules: golang.org/x/net/http/httpproxy. Python's libraries differ in addresses, networks, ports and upper case.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environ: Mapping[str, str] | None = None, *, exceptions: str | None = None) -> str:
    """URL of the proxy for ``url``; empty when it is reached directly.

    ``environ`` (default: this process's) may name variables in upper or lower case; upper case comes first.
    ``exceptions`` counts instead of NO_PROXY.
    """
    environ = os.environ if environ is None else environ
    scheme = urlsplit(url).scheme.lower()
    if scheme not in _PORTS:
        return ""
    proxy = _variable(environ, f"{scheme}_proxy")
    if not proxy or is_direct(url, _variable(environ, "no_proxy") if exceptions is None else exceptions):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def no_proxy(environ: Mapping[str, str] | None = None) -> str:
    """The list of NO_PROXY, or of no_proxy."""
    return _variable(os.environ if environ is None else environ, "no_proxy")


def is_direct(url: str, exceptions: str) -> bool:
    """Whether ``url`` is on this machine, or in ``exceptions`` (a list as in NO_PROXY)."""
    host = urlsplit(url).hostname or ""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return is_listed(url, exceptions)


def is_listed(url: str, exceptions: str) -> bool:
    """Whether ``url`` is in a list as in NO_PROXY."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", str(parts.port or _PORTS[parts.scheme.lower()])
    address = _address(host)
    entries = [entry.strip().lower() for entry in exceptions.split(",")]
    return "*" in entries or any(_matches(entry, host, port, address) for entry in entries if entry)


def reached_directly(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """``environ`` for a program that shall reach ``url`` without the proxy that it names."""
    if not proxy_for(url, environ):
        return dict(environ)
    host = urlsplit(url).hostname or ""
    return {**environ, "NO_PROXY": ",".join(filter(None, (no_proxy(environ), host)))}


_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


def _matches(entry: str, host: str, port: str, address: _Address | None) -> bool:
    if "/" in entry:
        return address is not None and _in_network(address, entry)
    name, wanted_port = _split_port(entry)
    if not name or (wanted_port and wanted_port != port):
        return False
    if (named := _address(name)) is not None:
        return named == address
    if address is not None:
        return False
    suffix = name.removeprefix("*")
    return host.endswith(suffix) if suffix.startswith(".") else host == name or host.endswith(f".{name}")


def _in_network(address: _Address, entry: str) -> bool:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    if not entry.rpartition("/")[2].isdigit():  # Python takes a netmask for a length, too
        return False
    return address.version == network.version and address in network


def _split_port(entry: str) -> tuple[str, str]:
    """Host and port of an entry; an IPv6 address has a port only in brackets."""
    name, colon, port = entry.rpartition(":")
    if colon and (":" not in name or (name.startswith("[") and name.endswith("]"))):
        return name.strip("[]"), port
    return entry, ""


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.upper()) or environ.get(name) or ""
