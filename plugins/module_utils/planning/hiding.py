# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps secret values out of differences and messages, also encoded or hashed; pure.

A word that is short or common says nothing about a secret, and to hide it everywhere would make the rest unreadable.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ..failure import Failure
from ..masking import masked
from ..records.secret_values import leaves, value_at, with_values
from ..secret_values import MASK
from .credentials import is_credential
from .spec import ReleaseSpec

HIDDEN = "(hidden)"
_SHORTEST, _LONGEST_WORD = 5, 12
_COMMON = re.compile(r"[a-z]+(?:[-_.][a-z]+)*|[A-Z][a-z]+|\d+|true|false", re.ASCII)  # words, host names, numbers
_HASHED = re.compile(r"[0-9a-f]{32,128}")  # a digest of what may be a Secret
_OURS = "todo.cloud/"


def telling(texts: Iterable[str], *, named: bool = False) -> set[str]:
    """Those that would show a secret where they appear, with their encoded and hashed forms. ``named``: their names say
    that they are credentials, so that words count too.
    """
    found: set[str] = set()
    for text in texts:
        for part in dict.fromkeys((text, text.strip())):
            word = len(part) <= (_SHORTEST if named else _LONGEST_WORD) and _COMMON.fullmatch(part)
            if len(part) < _SHORTEST or word:
                continue
            raw = part.encode(errors="surrogatepass")
            found |= {part, quote(part, safe="")}
            found |= {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
            found |= {hashlib.new(name, raw, usedforsecurity=False).hexdigest() for name in ("sha256", "sha1", "md5")}
    return found


def texts_of(spec: ReleaseSpec) -> set[str]:
    """The secret values of a release, as :func:`telling` texts; all its values, as long as it was not examined."""
    paths = leaves(spec.values) if spec.secret_values is None else spec.secret_values
    return telling(str(value_at(spec.values, path)) for path in paths) | credentials_of(spec.values)


def contents_texts(contents: Iterable[Mapping[str, str]]) -> set[str]:
    """What Secrets hold, as :func:`telling` texts."""
    known = list(contents)
    return telling(text for each in known for text in each.values()).union(*map(credentials_of, known))


def credentials_of(values: Mapping[str, Any]) -> set[str]:
    """The credentials among values of which nothing else is known, such as those that Helm stores."""
    named = (value_at(values, path) for path in leaves(values) if is_credential(path, values))
    return telling(named, named=True)


def hider(secrets: Mapping[str, str]) -> Callable[[str], str]:
    """Puts something else in place of each secret in a text, the longest first."""
    if not secrets:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(each) for each in sorted(secrets, key=len, reverse=True)))
    return lambda text: pattern.sub(lambda found: secrets[found[0]], text)


def without_secrets(failure: Failure, spec: ReleaseSpec) -> Failure:
    """A failure of Helm's, whose words may quote values."""
    hide = hider(dict.fromkeys(texts_of(spec) - {spec.name, spec.chart}, HIDDEN))
    clean = everywhere({"message": failure.message, "details": dict(failure.details)}, hide)
    return Failure(failure.code, clean["message"], clean["details"])


def everywhere(node: Any, change: Callable[[str], str]) -> Any:
    """Plain data with each text changed, keys aside."""
    if isinstance(node, Mapping):
        return {key: everywhere(value, change) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [everywhere(value, change) for value in node]
    return change(node) if isinstance(node, str) else node


def without_credentials(node: Any, other: Any, same: str, word: str) -> Any:
    """An object without what its name or its form alone tells: a variable of a container, a line of a ConfigMap.

    ``same`` in place of those that the ``other`` object has too, else ``word``.
    """
    if not isinstance(node, Mapping):
        return node
    texts = [str(value_at(other, path)) for path in leaves(other)]
    there = {line for text in texts for line in (text, *text.split("\n"))}

    def hide(text: str) -> str:
        lines, whole = masked(text).split("\n"), text.split("\n")
        beside = whole if len(lines) == len(whole) else [text] * len(lines)  # a private key becomes one line
        return "\n".join(
            line if line == was else line.replace(MASK, same if was in there else word)
            for line, was in zip(lines, beside, strict=True)
        )

    named = [path for path in leaves(node) if is_credential(path, node)]
    words = [(path, same if value_at(node, path) in there else word) for path in named]
    return everywhere(with_values(node, words) if words else node, hide)


def without_digests(node: Any, other: Any, same: str, word: str) -> Any:
    """An object without digests in its annotations, since charts put there what they hashed of a Secret: ``same`` in
    their place where the ``other`` object has the same one, else ``word``.
    """
    if isinstance(node, Mapping):
        beside = other if isinstance(other, Mapping) else {}
        return {
            key: _undigested(value, beside.get(key), same, word)
            if key == "annotations" and isinstance(value, Mapping)
            else without_digests(value, beside.get(key), same, word)
            for key, value in node.items()
        }
    return [without_digests(value, None, same, word) for value in node] if isinstance(node, list) else node


def _undigested(annotations: Mapping[str, Any], others: Any, same: str, word: str) -> dict[str, Any]:
    beside = others if isinstance(others, Mapping) else {}
    return {
        key: (same if beside.get(key) == value else word) if _is_digest(str(key), value) else value
        for key, value in annotations.items()
    }


def _is_digest(key: str, value: Any) -> bool:
    return isinstance(value, str) and not key.startswith(_OURS) and bool(_HASHED.fullmatch(value))
