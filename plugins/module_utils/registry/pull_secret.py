# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials of a pull Secret (``.dockerconfigjson``), chosen for an image as the kubelet chooses them; pure.

Rules: https://kubernetes.io/docs/concepts/containers/images/#config-json and pkg/credentialprovider/keyring.go. A key
is a host, optionally with a port and the beginning of a path; ``*`` and ``?`` match within one label of the host. The
most specific key comes first. The kubelet then tries the others as well; here only the first one is used.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, TodoCloudError, error
from .answers import json_object
from .reference import DOCKER_HUB

_HUB_KEYS = ("index.docker.io", "docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Credentials:
    """User name and password, or the refresh token that some clouds use instead (``identitytoken``)."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.password or self.identity_token)

    @property
    def basic(self) -> str:
        """Value of the header ``Authorization`` (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def credentials_of(text: str, registry: str, repository: str = "") -> Credentials:
    """Credentials for an image from the content of ``.dockerconfigjson``; empty when it has none for it.

    The text may be in base64, as in the API. Raises invalid_input without showing the content.
    """
    try:
        content = text.encode()
        auths = json_object(content if text.lstrip().startswith("{") else base64.b64decode(content, validate=True))
        entries = {_key(key): _entry(entry) for key, entry in (auths or {})["auths"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise not_a_pull_secret() from exc
    image = f"{registry}/{repository}"
    fitting = [key for key in sorted(entries, reverse=True) if _matches(key, image)]
    if registry == DOCKER_HUB:
        fitting += [key for key in _HUB_KEYS if key in entries]
    return next((entries[key] for key in fitting if entries[key]), Credentials())


def _key(text: str) -> str:
    """A key without its scheme, and without the path of the registry's API."""
    host, slash, path = re.sub(r"^https?://", "", text).partition("/")
    return host + re.sub(r"^/(?:v[12](?:/|$))?", "/", slash + path).rstrip("/")


def _matches(key: str, image: str) -> bool:
    (host, slash, path), (of_host, of_slash, of_path) = key.partition("/"), image.partition("/")
    (name, port), (of_name, of_port) = _split_port(host), _split_port(of_host)
    labels, of_labels = name.split("."), of_name.split(".")
    return (
        port == of_port
        and len(labels) == len(of_labels)
        and f"{of_slash}{of_path}".startswith(f"{slash}{path}")
        and all(_label(pattern).fullmatch(label) for pattern, label in zip(labels, of_labels, strict=True))
    )


def _split_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and not port.endswith("]") else (host, "")


def _label(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"\*+", "*", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern))


def _entry(entry: Mapping[str, Any]) -> Credentials:
    """As the kubelet reads it: ``auth`` comes before user name and password, and may lack its padding."""
    username, password = _text(entry, "username"), _text(entry, "password")
    if auth := _text(entry, "auth"):
        padded = auth + "=" * (-len(auth) % 4)
        username, _colon, password = base64.b64decode(padded, validate=True).decode().partition(":")
    return Credentials(username, password, _text(entry, "identitytoken"))


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = str(entry.get(name) or "")
    value.encode()  # ValueError for half a surrogate pair, which no header can hold
    return value


def not_a_pull_secret() -> TodoCloudError:
    """The error for content that is not a dockerconfigjson; the content is not shown."""
    return error(
        Code.INVALID_INPUT,
        "The pull secret is not a valid dockerconfigjson: expected JSON with 'auths', as in a Secret of type "
        "kubernetes.io/dockerconfigjson.",
        option="pull_secret",
    )
