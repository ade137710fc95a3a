# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which logins were tried with success: one ConfigMap of the namespace. Nothing of a Secret's content is in it.

Not an annotation of the Secret: that would be a new version of it, for which services restart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ..digest import canonical, digest_of
from ..kube.api import APPLY, KubeApi, KubeReader
from ..kube.resources import CONFIG_MAP, SECRET
from ..parsing import Malformed, load_json, parse_as
from .login import Login

NAME = "logins"
_MANAGER = "todo.cloud"
_LATEST = 4102444800  # the year 2100: more is no time


def identity(login: Login, secret: Mapping[str, Any]) -> str:
    """Changes with the Secret and with what is asked of its login. ``secret``: its metadata suffice."""
    metadata = secret.get("metadata") or {}
    version = f"{metadata.get('uid')} {metadata.get('resourceVersion')}"
    asked = [login.kind.value, login.key, login.tls, list(login.topics), list(login.groups)]
    return digest_of(version.encode(), canonical(asked))[:12]


def recorded(kube: KubeReader, namespace: str) -> dict[str, dict[str, str]]:
    """By name of the login: ``identity``, ``at`` (seconds since the epoch), ``about``. What is damaged is left out."""
    data = (kube.find(CONFIG_MAP, namespace, NAME) or {}).get("data")
    found = {}
    for name, text in data.items() if isinstance(data, Mapping) else ():
        with suppress(Malformed):
            entry = parse_as(Mapping[str, str], load_json(text))
            if entry.keys() >= {"identity", "at", "about"}:
                found[str(name)] = entry
    return found


def stamp(at: str) -> str:
    """Seconds since the epoch as people write a time."""
    return datetime.fromtimestamp(min(int(at), _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at.isdigit() else "?"


def is_tried(kube: KubeReader, login: Login) -> bool:
    """Whether this very login was tried before."""
    entry = recorded(kube, login.namespace).get(login.name)
    secret = kube.find(SECRET, login.namespace, login.secret, metadata_only=True) if entry else None
    return bool(entry and secret and entry["identity"] == identity(login, secret))


def remember(kube: KubeApi, login: Login, secret: Mapping[str, Any], environment: str, about: str) -> None:
    """Writes the login's entry; others stay."""
    entry = {"identity": identity(login, secret), "at": str(int(time.time())), "about": about}
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "labels": {"app.kubernetes.io/managed-by": "todo.cloud", "todo.cloud/environment": environment},
        },
        "data": {login.name: json.dumps(entry, sort_keys=True)},
    }
    manager = f"{_MANAGER}-login-{login.name}"
    kube.patch(CONFIG_MAP, login.namespace, NAME, body, content_type=APPLY, field_manager=manager, force=True)
