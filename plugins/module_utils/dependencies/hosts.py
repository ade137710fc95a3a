# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts a failing container could not reach, by the last lines of its log; pure.

The words are those of Go's net package, libc, Python, Node.js, Java, libpq and librdkafka for a connection that failed:
refused, timed out, no route, name not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FAILED = re.compile(
    r"refused|timed? ?out|no such host|not known|unreachable|no route to host|could not connect|couldn't connect"
    r"|cannot connect|can't connect|failed to connect|unable to connect|could not be established|reset by peer"
    r"|econnrefused|(?<![a-z])enotfound(?![a-z])|eai_again|etimedout|ehostunreach|name resolution|resolve host"
    r"|name does not resolve|run out of available brokers|server misbehaving|connect call failed|can(?:.?t|not) reach"
    r"|- no response|getaddrinfo|host not found",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?<![\w.@/-])(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"(?::(?P<port>\d{1,5})|(?=\.svc\b))?(?![\w-])",
    re.IGNORECASE,
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:lookup|host(?:name| name)?|server (?:at|on)|upstream|resolve|(?<![a-z])enotfound(?![a-z])|eai_again"
    r"|getaddrinfo for|connect to(?! \w+ server)|node -?\d+ \()[:= ]*[\"'`]?"
    r"(?P<host>[a-z0-9][a-z0-9.-]*[a-z0-9])(?:[:\", ]+(?:port )?(?P<port>\d{2,5})\b)?",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\('([\w.-]{1,253})', (\d{1,5})\)")  # Python: ('10.96.0.5', 5432)
_RESOLVER = re.compile(r"(?<= on )\S+:53\b")  # Go: "lookup x on 10.96.0.10:53": the server that was asked
_SOURCE = re.compile(r"\S+:\d+->")  # Go: "read tcp 10.0.0.5:41234->10.0.0.9:5432"
_LINES = 30
_LINE_LENGTH = 2000
_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0")


@dataclass(frozen=True, order=True)
class Address:
    """A host that was not reached; ``port`` 0: not known."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def unreached(lines: Iterable[str]) -> list[Address]:
    """Addresses in lines that speak of a failed connection, the last line's first."""
    found: dict[Address, None] = {}
    for line in reversed(list(lines)[-_LINES:]):
        text = line[:_LINE_LENGTH]
        if _FAILED.search(text):
            found |= dict.fromkeys(_addresses(text))
    return list(found)


def addresses(text: str) -> list[Address]:
    """Addresses with a port in a list of brokers, a URL or a connection string."""
    return [each for each in _addresses(text[:_LINE_LENGTH]) if each.port]


def _addresses(text: str) -> list[Address]:
    plain = _PAIR.sub(r" \1:\2 ", _URL.sub(" ", _SOURCE.sub("", _RESOLVER.sub("", text))))
    named = [_address(match) for match in _NAMED.finditer(plain)]
    seen = [_address(match) for match in _ADDRESS.finditer(plain) if match["port"] or ".svc" in match["host"]]
    found = [each for each in dict.fromkeys([*seen, *named]) if each.host not in _LOCAL and not each.host.isdigit()]
    with_port = {each.host for each in found if each.port}
    return [each for each in found if each.port or each.host not in with_port]


def _address(match: re.Match[str]) -> Address:
    port = int(match["port"] or 0)
    return Address(match["host"].lower().rstrip("."), port if port < 65536 else 0)
