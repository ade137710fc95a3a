# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proxy between this machine and an API server, the same one for all clients.

The option ``proxy`` comes first, then ``proxy-url`` of the kubeconfig, then HTTPS_PROXY or HTTP_PROXY. The option
``no_proxy`` holds for all three. Without it NO_PROXY holds for the option and the variables, as for kubernetes.core,
and not for ``proxy-url``, as for kubectl and Helm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..failure import Code, error
from ..proxies import is_listed, no_proxy, proxy_for

_SCHEMES = ("http", "https", "socks5", "socks5h")
# What Go's clients take: others read such a URL in other ways. A user and a password with more must be percent-encoded.
_URL = re.compile(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII)
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(?:%[\w.-]+)?", re.ASCII)


def proxy_of(server: str, options: Mapping[str, Any], proxy_url: str) -> str:
    """URL of the proxy, with its user if it wants one; empty when the server is reached directly.

    ``options``: kubernetes.core's, under the client's names; ``proxy_url``: of the kubeconfig. Raises ``credentials``.
    """
    option, exceptions = options.get("proxy"), options.get("no_proxy")
    if exceptions and is_listed(server, exceptions):
        return ""
    if option:
        return "" if is_listed(server, exceptions or no_proxy()) else _usable(str(option), options)
    if proxy_url:
        return _usable(proxy_url, options)
    found = proxy_for(server, exceptions=exceptions or None)
    return _usable(found, options) if found else ""


def _usable(text: str, options: Mapping[str, Any]) -> str:
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        host = bool(_HOST.fullmatch(parts.hostname or ""))
        valid = parts.scheme in _SCHEMES and host and (parts.port or True) and bool(_URL.fullmatch(text))
    except ValueError:
        valid = False
    if not valid:
        raise error(
            Code.CREDENTIALS,
            "The proxy for the API server cannot be used: expected http://, https:// or socks5://, a host and a port.",
        )
    pair = (options.get("proxy_headers") or {}).get("proxy_basic_auth")
    if not pair or parts.username is not None:
        return text
    user, _colon, password = str(pair).partition(":")
    return f"{parts.scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}{parts.path}"
