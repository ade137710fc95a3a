# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoint and credentials of a registry, from options or from a pull Secret of Kubernetes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ..failure import Code, TodoCloudError, error
from .reference import DOCKER_HUB

_HUB_ENDPOINT = "https://registry-1.docker.io"
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = "*"


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


@dataclass(frozen=True)
class Access:
    """Access to one registry. ``endpoint`` is a URL without a path; plain http only if it says so."""

    endpoint: str
    credentials: Credentials = field(default_factory=Credentials)
    validate_certs: bool = True
    ca_path: str = ""

    @classmethod
    def to(cls, registry: str, options: Mapping[str, Any] | None = None) -> Access:
        """From options (endpoint, username, password, validate_certs, ca_path). Raises invalid_input.

        Without an endpoint a registry is reached by https under its own name; on the loopback interface by plain http,
        as other clients do.
        """
        options = options or {}
        endpoint = options.get("endpoint") or _endpoint(registry)
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.username:
            raise error(
                Code.INVALID_INPUT,
                f"The registry endpoint {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} cannot be used: "
                "give http(s)://host:port without a path, credentials separately.",
                option="endpoint",
            )
        return cls(
            f"{parts.scheme}://{parts.netloc}",
            Credentials(options.get("username") or "", options.get("password") or ""),
            options.get("validate_certs", True) is not False,
            options.get("ca_path") or "",
        )

    def with_pull_secrets(self, registry: str, texts: Iterable[str]) -> Access:
        """With the credentials of the first matching ``.dockerconfigjson``, unless it has credentials already."""
        for text in texts:
            if self.credentials:
                break
            if found := credentials_of(text, registry):
                return replace(self, credentials=found)
        return self


def _endpoint(registry: str) -> str:
    if registry == DOCKER_HUB:
        return _HUB_ENDPOINT
    host = re.sub(r":\d+$", "", registry)
    return f"{'http' if host in _LOOPBACK else 'https'}://{registry}"


def credentials_of(text: str, registry: str) -> Credentials:
    """Credentials for a registry from the content of ``.dockerconfigjson``; empty when it has none for it.

    Keys may be host names or URLs, as for the kubelet; the text may be in base64, as in the API. Raises invalid_input
    without showing the content.
    """
    try:
        text = text if text.lstrip().startswith("{") else base64.b64decode(text, validate=True).decode()
        entries = json.loads(text)["auths"]
        for key, entry in entries.items():
            host = key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]
            if host == registry or (registry == DOCKER_HUB and (key in _HUB_KEYS or host in _HUB_KEYS)):
                return _entry(entry)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise not_a_pull_secret() from exc
    return Credentials()


def _entry(entry: Mapping[str, Any]) -> Credentials:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth") and not password:
        try:
            username, _colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise not_a_pull_secret() from exc
    return Credentials(username, password, str(entry.get("identitytoken") or ""))


def not_a_pull_secret() -> TodoCloudError:
    """The error for content that is not a dockerconfigjson; the content is not shown."""
    return error(
        Code.INVALID_INPUT,
        "The pull secret is not a valid dockerconfigjson: expected JSON with 'auths', as in a Secret of type "
        "kubernetes.io/dockerconfigjson.",
        option="pull_secret",
    )
