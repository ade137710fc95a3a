# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a common kubeconfig without the client library: one file or dictionary with certificates or a token.

Importing the client library costs a task more time and memory than the rest of its work (`make bench`, piece single).
It is only imported for exec plugins, auth providers, token files, several files, in-cluster tokens and ``proxy-url``.
Anything unusual is left to the library as well, and so are all error messages. What the library does not know of a
kubeconfig (as whom to act) is read here: :func:`active`.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failure import Code, error
from ..yaml_reader import YamlError, read_document

# Options and keys that are supported here; the library handles any other.
_OPTIONS = frozenset({"kubeconfig", "context", "persist_config", "impersonate_user", "impersonate_groups"})
_FILES = ("certificate-authority", "client-certificate", "client-key")
_CLUSTER = frozenset({"server", "insecure-skip-tls-verify", "tls-server-name", _FILES[0], f"{_FILES[0]}-data"})
_USER = frozenset({"token", *(key for name in _FILES[1:] for key in (name, f"{name}-data"))})


class _Unsupported(ValueError):
    """Left to the client library."""


@dataclass(frozen=True)
class SimpleConfig:
    """Content of such a kubeconfig, with the field names of the client library's configuration."""

    host: str
    verify_ssl: bool
    tls_server_name: str | None
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    token: str
    username: None = None
    password: None = None

    def auth_settings(self) -> dict[str, Any]:
        """Like the library's method: the value of the Authorization header."""
        return {"BearerToken": {"value": f"Bearer {self.token}"}} if self.token else {}


def read_simple(auth: Mapping[str, Any], scratch: str) -> SimpleConfig | None:
    """The configuration, or None when the client library must read it.

    ``auth``: kubernetes.core's options under the client's names; ``scratch``: a private folder for certificates that
    the kubeconfig holds inline.
    """
    if not set(auth) <= _OPTIONS or auth.get("persist_config"):
        return None
    try:
        config, base = _document(auth)
        context = _named(config, "contexts", auth.get("context") or config.get("current-context"))["context"]
        cluster = _known(_named(config, "clusters", context["cluster"])["cluster"], _CLUSTER)
        user = _known(_named(config, "users", context["user"])["user"], _USER)
        skip = cluster.get("insecure-skip-tls-verify", False)
        if not isinstance(skip, bool):
            raise _Unsupported
        sources = (cluster, user, user)
        ca, cert, key = (_file(source, name, base, scratch) for source, name in zip(sources, _FILES, strict=True))
        name = cluster.get("tls-server-name")
        return SimpleConfig(cluster["server"].rstrip("/"), not skip, name or None, ca, cert, key, user.get("token", ""))
    except (_Unsupported, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Active:
    """Cluster and user of the context that counts, as they stand in the kubeconfig."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]


def active(auth: Mapping[str, Any]) -> Active:
    """From one or several files, the first entry of a name counts. Raises ``credentials``, or as YAML and lists do."""
    given = auth.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = (
        []
        if isinstance(given, Mapping)
        else [Path(os.path.expanduser(path)) for path in given.split(os.pathsep) if path]
    )
    documents = [given] if isinstance(given, Mapping) else [_loaded(path) for path in paths if path.is_file()]
    currents = [document["current-context"] for document in documents if document.get("current-context")]
    if not auth.get("context") and len(set(currents)) > 1:
        raise error(
            Code.CREDENTIALS,
            f"The kubeconfig files {given} name different current contexts ({', '.join(map(repr, currents))}), and "
            "clients disagree which one counts: set context.",
        )
    context = _first(documents, "contexts", auth.get("context") or currents[0])["context"]
    cluster = _first(documents, "clusters", context["cluster"])["cluster"]
    user = _first(documents, "users", context["user"])["user"] if context.get("user") else {}
    if not isinstance(cluster, Mapping) or not isinstance(user or {}, Mapping):
        raise ValueError("cluster and user of the context must be mappings")
    return Active(cluster, user or {})


def _first(documents: Sequence[Mapping[str, Any]], kind: str, name: object) -> Mapping[str, Any]:
    """The first entry of that name. Raises ValueError if there is none: the client library would ask as nobody."""
    for document in documents:
        for entry in document.get(kind) or ():
            if entry["name"] == name:
                return dict(entry)
    raise ValueError(f"{kind} has no entry {name!r}")


def _document(auth: Mapping[str, Any]) -> tuple[Mapping[str, Any], Path | None]:
    """The kubeconfig and the base folder of its relative paths (None without one)."""
    given = auth.get("kubeconfig")
    if isinstance(given, Mapping):
        return given, None
    if not given:
        if not auth.get("context") and os.environ.get("KUBERNETES_SERVICE_HOST"):
            raise _Unsupported  # the pod's own credentials come first
        given = os.environ.get("KUBECONFIG") or "~/.kube/config"
    if os.pathsep in given:
        raise _Unsupported
    path = Path(os.path.expanduser(given))  # not Path.expanduser: it raises for users without a home
    return _loaded(path), path.absolute().parent


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        found = read_document(path.read_bytes())
    except YamlError as exc:
        raise _Unsupported(f"{path}: {exc}") from exc
    if not isinstance(found, Mapping):
        raise _Unsupported(f"{path} is not a kubeconfig")
    return found


def _named(config: Mapping[str, Any], kind: str, name: object) -> Mapping[str, Any]:
    """The only entry of that name."""
    (found,) = (entry for entry in config[kind] if entry["name"] == name)
    return dict(found)


def _known(section: Mapping[str, Any], keys: frozenset[str]) -> Mapping[str, Any]:
    """The section without empty values, if all its keys are supported here."""
    filled = {key: value for key, value in section.items() if value not in (None, "")}
    if not set(filled) <= keys or not all(isinstance(value, str | bool) for value in filled.values()):
        raise _Unsupported
    return filled


def _file(section: Mapping[str, Any], name: str, base: Path | None, scratch: str) -> str | None:
    """Path of a certificate or key, given as a file or inline (inline wins, as in kubectl)."""
    data, path = section.get(f"{name}-data"), section.get(name)
    if data:
        target = Path(scratch) / name
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error as exc:
            raise _Unsupported from exc
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        return str(target)
    if path and base is None:
        raise _Unsupported
    return str(base / path) if path and base else None
