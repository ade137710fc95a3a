# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig with a short-lived token of a service account: made, and renewed in time."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..failure import Code, error
from ..known_secrets import KNOWN
from ..kube.api import KubeApi
from ..kube.errors import NotFound
from ..kube.resources import SERVICE_ACCOUNT, Resource
from ..parsing import load_json

_MODE = 0o600
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
# The API server gives no shorter ones (Kubernetes API, TokenRequestSpec).
SHORTEST_SECONDS = 600


@dataclass(frozen=True)
class Account:
    """Whose token is wanted, for how many seconds, and where the kubeconfig goes. ``context``: its name in there."""

    namespace: str
    name: str
    path: Path
    seconds: int
    context: str

    @property
    def user(self) -> str:
        """The account as the API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True)
class Issued:
    """What is in the file now, or (in a dry run) would be. ``expires``: seconds since the epoch; 0 if not known yet."""

    account: Account
    expires: float
    changed: bool
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON; no token."""
        expires = datetime.fromtimestamp(self.expires, UTC).isoformat() if self.expires else ""
        return {
            "path": str(self.account.path),
            "user": self.account.user,
            "expires": expires,
            "changed": self.changed,
        }


@dataclass(frozen=True)
class _Claims:
    user: str
    issued: float
    expires: float


def issue(kube: KubeApi, cluster: Mapping[str, Any], account: Account, *, dry_run: bool = False) -> Issued:
    """Writes the kubeconfig unless it is there and more than half of its token's life is left.

    ``cluster``: the cluster of the kubeconfig in use. Raises invalid_input for a file that is something else, or that
    can't be written; not_found without the account; what the API server says.
    """
    kube.find(SERVICE_ACCOUNT, account.namespace, account.name, metadata_only=True)  # for the server's clock
    there = {key: value for key, value in cluster.items() if key != "proxy-url"}  # the way from here, not from there
    present = _present(account)
    if present and _is_good(present, there, account, kube.server_now()):
        return Issued(account, _claims(present).expires, changed=False)
    if dry_run:
        return Issued(account, 0, changed=True)
    token = _token(kube, account)
    _write(account.path, json.dumps(_kubeconfig(there, account, token), indent=2) + "\n")
    claims = _claims_of(token)
    warnings = []
    if (given := claims.expires - claims.issued) < account.seconds * 0.9:
        warnings.append(
            f"The API server gives tokens for {given:.0f} s, not for {account.seconds} s: renew {account.path} in time."
        )
    return Issued(account, claims.expires, changed=True, warnings=warnings)


def _token(kube: KubeApi, account: Account) -> str:
    resource = Resource("v1", "TokenRequest", f"serviceaccounts/{quote(account.name, safe='')}/token")
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": account.seconds},
    }
    try:
        token = str(kube.create(resource, account.namespace, body)["status"]["token"])
    except NotFound:
        text = (
            f"There is no account {account.name} in namespace {account.namespace}. Set environment_{account.name}: "
            "true, and run playbooks/bootstrap.yml with an administrator's kubeconfig."
        )
        raise error(Code.NOT_FOUND, text, namespace=account.namespace) from None
    KNOWN.add({token})
    return token


def _kubeconfig(cluster: Mapping[str, Any], account: Account, token: str) -> dict[str, Any]:
    name = account.context
    context = {"cluster": name, "user": account.name, "namespace": account.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": account.name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
    }


def _present(account: Account) -> dict[str, Any] | None:
    """The kubeconfig that is there, if it is of this account; None without a file."""
    try:
        text = account.path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise _unfit(account, f"cannot be read ({type(exc).__name__})") from exc
    with suppress(ValueError, KeyError, TypeError, IndexError, AttributeError):
        found: dict[str, Any] = load_json(text)
        if [each["name"] for each in found["users"]] == [account.name] and _claims(found).user == account.user:
            return found
    raise _unfit(account, f"is there and is not a kubeconfig of {account.user} that was made here")


def _is_good(present: Mapping[str, Any], cluster: Mapping[str, Any], account: Account, now: float) -> bool:
    claims = _claims(present)
    same = present == _kubeconfig(cluster, account, present["users"][0]["user"]["token"])
    private = stat.S_IMODE(account.path.stat().st_mode) == _MODE
    return same and private and claims.expires - now > (claims.expires - claims.issued) / 2


def _claims(kubeconfig: Mapping[str, Any]) -> _Claims:
    return _claims_of(str(kubeconfig["users"][0]["user"]["token"]))


def _claims_of(token: str) -> _Claims:
    """What a token says of itself; whether it is valid is the API server's to say. Raises ValueError and KeyError."""
    body = token.split(".")[1]
    found = load_json(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims = _Claims(str(found["sub"]), float(found["iat"]), float(found["exp"]))
    if not 0 <= claims.issued < claims.expires < _LATEST:
        raise ValueError("no time")
    return claims


def _write(path: Path, text: str) -> None:
    """At once and for its owner alone: whoever reads it meanwhile has the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        reason = f"The kubeconfig can't be written to {path}: {exc.strerror}. Name another file."
        raise error(Code.INVALID_INPUT, reason, option="path") from exc


def _unfit(account: Account, what: str) -> Exception:
    return error(Code.INVALID_INPUT, f"{account.path} {what}: it stays as it is. Name another file.", option="path")
