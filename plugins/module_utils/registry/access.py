# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoint and credentials of a registry, from options or from a pull Secret of Kubernetes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..failure import Code, error
from .answers import shown
from .exchange import Url
from .pull_secret import Credentials, credentials_of
from .reference import DOCKER_HUB

_HUB_ENDPOINT = "https://registry-1.docker.io"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = "*"


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
        endpoint = str(options.get("endpoint") or _endpoint(registry))
        try:
            url = Url.parse(endpoint)
            valid = url.path == "/" and "#" not in endpoint
        except ValueError:
            valid = False
        if not valid:
            raise error(
                Code.INVALID_INPUT,
                f"The registry endpoint {_without_user(endpoint)} cannot be used: give http(s)://host:port without a "
                "path, credentials separately.",
                option="endpoint",
            )
        return cls(
            str(url.origin),
            Credentials(options.get("username") or "", options.get("password") or ""),
            options.get("validate_certs", True) is not False,
            options.get("ca_path") or "",
        )

    def with_pull_secrets(self, image: str, texts: Iterable[str]) -> Access:
        """With the credentials for an image (registry/repository) from the first ``.dockerconfigjson`` that has some,
        unless it has credentials already.
        """
        for text in texts:
            if self.credentials:
                break
            if found := credentials_of(text, *image.split("/", 1)):
                return replace(self, credentials=found)
        return self

    def tls_context(self) -> ssl.SSLContext | None:
        """How the endpoint's certificate is verified; None without TLS. Raises invalid_input."""
        if self.endpoint.startswith("http://") and self.validate_certs and not self.ca_path:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_path or None)
        except (OSError, ssl.SSLError) as exc:
            raise error(
                Code.INVALID_INPUT,
                f"The CA bundle {self.ca_path} cannot be used: {exc.strerror or exc}.",
                option="ca_path",
            ) from exc
        # Go's clients accept CAs without an authority key identifier; Python 3.13's default does not.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if not self.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _endpoint(registry: str) -> str:
    if registry == DOCKER_HUB:
        return _HUB_ENDPOINT
    host = re.sub(r":\d+$", "", registry)
    return f"{'http' if host in _LOOPBACK else 'https'}://{registry}"


def _without_user(endpoint: str) -> str:
    scheme, mark, rest = endpoint.rpartition("://")
    return shown(f"{scheme}{mark}{rest.rpartition('@')[2]}")
