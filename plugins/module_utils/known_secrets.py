# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that this run knows to be secret, masked wherever they appear: as they are, encoded, or broken over lines."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from .secret_values import MASK

SHORTEST = 8
_LONGEST = 200_000
_LINES = 100
# One word, a number, a path: known to everybody, and part of many sentences.
_COMMON = re.compile(
    r"[A-Za-z]?[a-z]{0,14}|[A-Z]{0,14}|[\d.:,/ -]*|v?\d[\d.]*|/[\w./-]*|SCRAM-SHA-\d{3}|SASL_\w{3,10}", re.ASCII
)
# Names and addresses: no credentials unless the key says so.
_NAME_OR_ADDRESS = re.compile(
    r"[a-z]{1,14}(?:[-_. @/:][a-z]{1,14}){1,5}|(?:[a-z][a-z0-9+.-]{1,20}://)?[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?::\d{1,5})?/?"
    r"|[\w.-]{1,200}:\d{1,5}(?:,[\w.-]{1,200}:\d{1,5}){0,9}|[a-z][a-z0-9+.-]{1,20}://[\w.:-]{1,200}/?",
    re.ASCII,
)
_CREDENTIAL_KEY = re.compile(r"pass|pwd|secret|token|key|credential|auth|dsn|cert|private|salt", re.IGNORECASE)
# Keys of Secrets and of kubeconfigs whose values are no credentials.
_HARMLESS_KEY = re.compile(
    r"(?:.*[_.-])?(?:user|username|login|host|hostname|hosts|server|port|name|dbname|database|db|namespace|mechanism|protocol"
    r"|endpoint|brokers?|bootstrap|servers|region|bucket|scheme|sslmode|type|email|issuer|audience|ca\.crt|tls\.crt"
    r"|certificate-authority-data|client-certificate-data|cluster|context|current-context|kind|apiversion|command|provideclusterinfo"
    r"|interactivemode|env|environment|enabled|version|insecure-skip-tls-verify)",
    re.IGNORECASE,
)
_PASSWORD_OF_URL = re.compile(r"\b[A-Za-z][\w+.-]{1,30}://[^\s:@/]{0,200}:([^\s]{1,500})@", re.ASCII)


def may_be_secret(value: str) -> bool:
    """False for short values and common words: masking them would hide what is no secret, and show what is."""
    return len(value) >= SHORTEST and not _COMMON.fullmatch(value)


def secrets_of(value: object, key: str = "") -> Iterator[str]:
    """The credentials in a mapping of names to values (a Secret's data, a kubeconfig), at any depth.

    A text by itself is none: a kubeconfig may be a path.
    """
    if isinstance(value, Mapping):
        yield from _within(value, key)


def _within(value: object, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        # {name: X, value: Y}, as env entries of exec plugins have it
        entry = str(value.get("name") or "") if {"name", "value"} <= set(map(str, value)) else ""
        for name, item in value.items():
            yield from _within(item, entry if entry and name == "value" else str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _within(item, key)
    elif isinstance(value, str) and value:
        yield from (unquote(found) for found in _PASSWORD_OF_URL.findall(value[:10_000]))
        named = bool(_CREDENTIAL_KEY.search(key))
        if not _HARMLESS_KEY.fullmatch(key) and (named or not _NAME_OR_ADDRESS.fullmatch(value)):
            yield value


class KnownSecrets:
    """Values to be masked, with all their spellings.

    A namespace may hold ten thousands of them, and a result thousands of texts: spellings are found by how they begin.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._spellings: dict[str, list[str]] = {}  # by their first characters, the longest first

    def add(self, values: Iterable[str]) -> None:
        """From now on these are masked; short ones and common words are not."""
        for value in values:
            whole = value.strip()
            # a file's lines are secret one by one as well: a log shows them so
            lines = [line.strip() for line in whole.split("\n", _LINES)][:_LINES]
            for part in {whole, *lines}:
                if may_be_secret(part) and len(part) <= _LONGEST and part not in self._values:
                    self._values.add(part)
                    self._add(part)

    def _add(self, value: str) -> None:
        for spelling in dict.fromkeys(_spellings(value)):
            alike = self._spellings.setdefault(spelling[:SHORTEST], [])
            if spelling not in alike:
                alike.append(spelling)
                alike.sort(key=len, reverse=True)

    def clear(self) -> None:
        """Forgets all."""
        self._values.clear()
        self._spellings.clear()

    def __bool__(self) -> bool:
        return bool(self._values)

    def hidden_in(self, text: str) -> str:
        """``text`` without known values, in whatever spelling, also where a line break stands within one."""
        if not self._values or len(text) < SHORTEST:
            return text
        parts, at = [], 0
        for start, end in self._found(text):
            parts += [text[at:start], MASK]
            at = end
        text = "".join([*parts, text[at:]])
        return self._hidden_across_lines(text) if "\n" in text or "\\n" in text else text

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they stand; those that overlap count as one."""
        start = end = 0
        for at in range(len(text) - SHORTEST + 1):
            alike = self._spellings.get(text[at : at + SHORTEST])
            spelling = next((one for one in alike if text.startswith(one, at)), "") if alike else ""
            if not spelling:
                continue
            if at >= end:
                if end:
                    yield start, end
                start = at
            end = max(end, at + len(spelling))
        if end:
            yield start, end

    def _hidden_across_lines(self, text: str) -> str:
        """The same for values that are broken over lines; the line breaks stay, so that lines keep their numbers."""
        breaks = [found.span() for found in _BREAK.finditer(text)]
        joined = _BREAK.sub("", text)
        hidden = bytearray(len(joined))
        for start, end in self._found(joined):
            hidden[start:end] = b"\1" * (end - start)
        if not any(hidden):
            return text
        out, source, at = [], 0, 0
        for start, end in [*breaks, (len(text), len(text))]:
            size = start - source
            out += [_marked(joined[at : at + size], hidden[at : at + size]), text[start:end]]
            source, at = end, at + size
        return "".join(out)


KNOWN = KnownSecrets()
_BREAK = re.compile(r"\\?(?:\r?\n|\\n)[ \t>|]{0,40}")


def _marked(piece: str, hidden: bytearray) -> str:
    """``piece`` with each hidden stretch as one mask."""
    parts, at = [], 0
    for found in re.finditer(b"\1+", bytes(hidden)):
        parts += [piece[at : found.start()], MASK]
        at = found.end()
    return "".join([*parts, piece[at:]])


def _spellings(value: str) -> tuple[str, ...]:
    """The value as logs, URLs, JSON, shells and base64 show it."""
    raw = value.encode("utf-8", "surrogatepass")  # damaged text may be secret too
    escaped = json.dumps(value)[1:-1]
    forms = {value, escaped, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1], repr(value)[1:-1]}
    percent = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms |= percent | {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in percent}
    forms |= {value.replace("'", "'\\''"), value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    forms.add(raw.hex())
    whole = base64.b64encode(raw).decode()
    forms |= {whole, whole.rstrip("="), base64.urlsafe_b64encode(raw).decode()}
    for before in range(3):  # whatever stands before it within something that was encoded
        encoded = base64.b64encode(bytes(before) + raw).decode()
        core = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    return tuple(form for form in forms if len(form) >= SHORTEST)
