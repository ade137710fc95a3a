# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment variables with which kubernetes.core's modules act as the modules of this collection and Helm do.

They ignore the impersonation in a kubeconfig, and read NO_PROXY in their own way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..failure import Code, error
from .credentials import Credentials, auth_options, complete
from .impersonation import Impersonation
from .kubeconfig import Active, active
from .proxy import proxy_of

_NEVER = "no-exception.invalid"  # a list of exceptions that matches nothing


def client_environment(params: Mapping[str, Any]) -> dict[str, str]:
    """The variables; none where nothing is special. ``params``: kubernetes.core's options, such as ``kubeconfig``.

    A kubeconfig that cannot be read has none: the module that uses it says so. Raises ``credentials`` for what
    kubernetes.core's modules cannot do.
    """
    auth = auth_options(params)
    found = _active(auth)
    if found.user.get("auth-provider"):
        Credentials(params)  # refuses a token that those modules would renew, see auth_provider.py
    return _identity(Impersonation.of(auth, found.user)) | _way(auth, found)


def _active(auth: Mapping[str, Any]) -> Active:
    in_cluster = (
        bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and not auth.get("kubeconfig") and not auth.get("context")
    )
    if complete(auth) or in_cluster:
        return Active({}, {})
    try:
        return active(auth)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Active({}, {})


def _identity(found: Impersonation) -> dict[str, str]:
    if found.uid or found.extra:
        raise _refused("'as-uid' and 'as-user-extra' of the kubeconfig cannot be obeyed by kubernetes.core's modules")
    if any("," in group for group in found.groups):
        raise _refused("a group with a comma cannot be given to kubernetes.core's modules")
    variables = {"K8S_AUTH_IMPERSONATE_USER": found.user, "K8S_AUTH_IMPERSONATE_GROUPS": ",".join(found.groups)}
    return {name: value for name, value in variables.items() if value}


def _way(auth: Mapping[str, Any], found: Active) -> dict[str, str]:
    server = str(auth.get("host") or found.cluster.get("server") or "")
    proxy = proxy_of(server, auth, str(found.cluster.get("proxy-url") or "")) if "://" in server else ""
    if not proxy:
        direct = bool(getproxies() or auth.get("proxy") or found.cluster.get("proxy-url"))
        return {"K8S_AUTH_NO_PROXY": "*"} if direct else {}
    parts = urlsplit(proxy)
    if parts.username is not None and not (auth.get("proxy_headers") or {}).get("proxy_basic_auth"):
        raise _refused(
            "user and password in a proxy's URL cannot be used by kubernetes.core's modules: give them in the "
            "environment variable K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH"
        )
    return {
        "K8S_AUTH_PROXY": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "K8S_AUTH_NO_PROXY": _NEVER,
    }


def _refused(why: str) -> Exception:
    return error(Code.CREDENTIALS, f"The cluster cannot be reached by all clients in the same way: {why}.")
