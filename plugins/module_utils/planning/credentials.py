# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that are credentials by their name or their form; pure.

For values that do not go into a Secret: an environment variable in plain text, a connection string in a ConfigMap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..records.secret_values import Path, leaves, path_text, value_at

# The last words of a name: API_TOKEN, clientSecret, db-password, but not existingSecret, passwordFile, tokenTtl.
_NAMED = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|token|credentials?|dsn|apikey"
    r"|(?:api|access|private|secret|signing|encryption|master|account|storage)_key"
    r"|connection_string|(?:client|app|api|auth|oauth|jwt|shared|session|cookie|signing|hmac|webhook|consumer)_secret)$"
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
# user information of a URL with a password (RFC 3986, 3.2.1), PEM (RFC 7468), a JSON Web Token (RFC 7519), and tokens
# whose publishers gave them a prefix so that they can be found.
# Each part that may be long has an end, so that a big value takes linear time.
_FORMED = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]*:(?!\$[({]|\{\{|\*+@)[^\s/@]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[\w-]{8,2000}\.eyJ[\w-]{8,8000}\.[\w-]{8,}"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}|AKIA[A-Z0-9]{16}|xox[abprs]-[\w-]{10,}"
    r"|dop_v1_[0-9a-f]{32,}|sk_live_\w{16,}|npm_\w{30,}|pypi-\w{16,}|AIza[\w-]{30,})"
)
# What stands for a value elsewhere: $(NAME) of Kubernetes, a template, or a word that switches something.
_REFERENCE = re.compile(r"\$\(\w+\)|.*\{\{.*\}\}.*|\$\{\w+\}|true|false|none|null|\d{1,4}|/[\w./-]+", re.IGNORECASE)


def is_credential(path: Path, values: Mapping[str, Any] | list[Any]) -> bool:
    """Whether the value at ``path`` looks like a credential; an entry ``{name, value}`` of a list goes by its name."""
    value = value_at(values, path)
    if not isinstance(value, str) or not value:
        return False
    if _FORMED.search(value):
        return True
    return bool(_NAMED.search(_snake(_name(path, values)))) and not _REFERENCE.fullmatch(value.strip())


def plain_credentials(values: Mapping[str, Any] | list[Any]) -> list[str]:
    """Paths of all values that look like credentials, for people."""
    return [path_text(path) for path in leaves(values) if is_credential(path, values)]


def _name(path: Path, values: Mapping[str, Any] | list[Any]) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if name == "value":
        beside = value_at(values, path[:-1])
        named = beside.get("name") if isinstance(beside, Mapping) else None
        return named if isinstance(named, str) else name
    return name


def _snake(name: str) -> str:
    return "_".join(part for part in _WORDS.split(name) if part).lower()
