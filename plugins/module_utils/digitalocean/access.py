# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where DigitalOcean's API is, and the token for it: from options, else from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..failure import Code, error
from ..known_secrets import KNOWN

API_URL = "https://api.digitalocean.com"
URL_VARIABLE = "DIGITALOCEAN_API_URL"
# doctl's comes first.
TOKEN_VARIABLES = ("DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_TOKEN", "DO_API_TOKEN")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Access:
    """``url``: without a path; ``timeout``: seconds that one request may wait for the rate limit."""

    token: str = field(repr=False)
    url: str = API_URL
    timeout: float = 180.0
    ca_path: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Access:
        """From a module's options. Raises invalid_input for an address that the token may not go to, cloud_denied
        without a token.
        """
        environ = os.environ if environ is None else environ
        url = (params.get("api_url") or environ.get(URL_VARIABLE) or API_URL).rstrip("/")
        _check(url)
        named = (environ.get(name, "") for name in TOKEN_VARIABLES)
        token = (params.get("api_token") or next(filter(None, named), "")).strip()
        if not token:
            text = f"There is no token of DigitalOcean: set {TOKEN_VARIABLES[0]} in the environment, or api_token."
            raise error(Code.CLOUD_DENIED, text, variables=list(TOKEN_VARIABLES))
        if not token.isascii() or not token.isprintable() or " " in token:
            raise error(Code.CLOUD_DENIED, "DigitalOcean's token has characters that no token has.")
        KNOWN.add({token})
        return cls(token, url, float(params.get("api_timeout") or cls.timeout), params.get("api_ca_path"))


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and not (parts.username or parts.path or parts.query or parts.fragment)
        good = good and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))
        good = good and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise error(
            Code.INVALID_INPUT,
            f"api_url is {url!r}: it must be https://HOST without a path (http:// only on this machine).",
            option="api_url",
        )
