# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is tried with which Secret, and how a try ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ..failure import Code, Failure, TodoCloudError, error
from ..parsing import Malformed, parse_as


class Kind(StrEnum):
    """Whose login it is."""

    POSTGRESQL = "postgresql"
    KAFKA = "kafka"


@dataclass(frozen=True)
class Login:
    """One login of an environment.

    :ivar name: what messages call it, and its key in the record: ``database``
    :ivar key: of the connection string in the Secret (PostgreSQL)
    :ivar tls: whether TLS has to be demanded
    :ivar topics: that the user has to be allowed to use (Kafka); ``groups`` likewise
    :ivar hint: what to do when the Secret is wrong, a whole sentence
    """

    name: str
    kind: Kind
    namespace: str
    secret: str
    key: str = "url"
    tls: bool = False
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    hint: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Login:
        """From a module's options, or a part that a role describes. Raises invalid_input."""
        try:
            text = {
                key: parse_as(str, raw.get(key) or "", key) for key in ("name", "kind", "namespace", "secret", "hint")
            }
            lists = {key: parse_as(tuple[str, ...], raw.get(key) or [], key) for key in ("topics", "groups")}
        except Malformed as exc:
            raise error(Code.INVALID_INPUT, f"A login is malformed: {exc}.") from exc
        if text["kind"] not in list(Kind) or not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", text["name"]):
            raise error(Code.INVALID_INPUT, f"A login has a name and is of {' or '.join(Kind)}; see login_check.")
        return cls(
            text["name"],
            Kind(text["kind"]),
            text["namespace"],
            text["secret"],
            str(raw.get("key") or "url"),
            raw.get("tls") in ("required", True),
            tuple(sorted(lists["topics"])),
            tuple(sorted(lists["groups"])),
            text["hint"],
        )

    def fails(self, code: Code, sentence: str, hint: str = "", **details: Any) -> TodoCloudError:
        """An error about it; ``sentence`` has no stop."""
        message = " ".join(filter(None, (f"{self.name}: {sentence}.", hint)))
        return error(code, message, login=self.name, secret=self.secret, namespace=self.namespace, **details)


@dataclass(frozen=True)
class Target:
    """Where it logs in, for messages: no password."""

    address: str
    user: str
    database: str = ""
    tls: bool = False

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """Each host with its port."""
        found = []
        for each in self.address.split(","):
            host, _colon, port = each.rpartition(":")
            found.append((host.strip("[]"), int(port)))
        return found


@dataclass(frozen=True)
class Answer:
    """How a try ended: what the server said of itself (``about``), or why it was none."""

    about: str = ""
    failure: Failure | None = None


class Dialect(Protocol):
    """How one kind of server is spoken to."""

    image_needs: str

    def target(self, login: Login, texts: Mapping[str, str]) -> Target:
        """Where it logs in. Raises an error about the Secret."""

    def files(self, login: Login, texts: Mapping[str, str]) -> dict[str, str]:
        """Files for the program that tries it; they hold the credentials."""

    def script(self, login: Login, wait: int) -> str:
        """For /bin/sh, without any value of the Secret."""

    def judge(self, login: Login, target: Target, output: str) -> Answer:
        """What the script's output says."""


OK, FAILED, AGAIN = "login: ok", "login: failed", "login: again"  # lines of the scripts


def last_try(output: str) -> tuple[bool, str]:
    """Whether the last try succeeded, and what was said in it."""
    good, said = False, list[str]()
    for line in output.splitlines():
        if line in (OK, FAILED, AGAIN):
            good, said = line == OK, []
        else:
            said.append(line)
    return good, "\n".join(said)


def first_match(rules: Iterable[tuple[str, Code, str]], text: str) -> tuple[Code, str] | None:
    """Code and sentence of the first rule whose pattern is in a text; ``{0}`` in a sentence is its first group."""
    for pattern, code, sentence in rules:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return code, sentence.format(*(group or "" for group in found.groups()))
    return None


def waits(login: Login, target: Target, seconds: int, said: str) -> str:
    """The line of progress while a server is waited for. ``said``: by the client in its last try."""
    words = " ".join(said.split())[-120:]
    away = f"{login.name}: {target.address} does not answer yet"
    return f"{away}; waiting for it, at most {seconds} s" + (f" ({words})" if words else "")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names)


@dataclass
class Report:
    """What was done, as it becomes a module's result."""

    name: str
    target: str = ""
    tried: bool = False
    changed: bool = False
    about: str = ""
    line: str = ""
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "changed": self.changed,
            "tried": self.tried,
            "target": self.target,
            "about": self.about,
            "line": self.line,
            "seconds": round(self.seconds, 1),
        }
