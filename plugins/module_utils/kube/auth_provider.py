# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the client library from renewing the tokens of kubeconfigs with an ``auth-provider``.

For OpenID Connect it sends client secret and refresh token without checking the other end's certificate, unless the
kubeconfig names a CA, and for ever; for Google it runs the program in ``cmd-path`` in the same way. Tokens that are
still valid are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..failure import Code, error


def refuse_renewals() -> None:
    """From now on the client library raises ``credentials`` where it would renew a token."""
    from kubernetes.config import kube_config

    loader = kube_config.KubeConfigLoader
    loader._refresh_oidc = _refusing("oidc", "renew it (kubectl does when it is used), or use an exec plugin")
    loader._refresh_gcp_token = _refusing("gcp", "use the exec plugin of the cloud, as kubectl demands")


def _refusing(name: str, remedy: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: object) -> NoReturn:
        raise error(Code.CREDENTIALS, f"The kubeconfig's token of auth-provider {name} has expired: {remedy}.")

    return refuse
