# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses a credential that another environment of the cluster has too, before it is written.

Each environment's namespace carries digests of its credentials in an annotation, HMAC-SHA-256 by a random key of the
cluster. The key is a Secret in kube-system, which whoever writes environments may read, and nobody who only reads
namespaces: these cannot try what a password may be. Values are neither stored nor shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from ..digest import digest_of, keyed_digest
from ..failure import Code, error
from ..kube.api import KubeApi
from ..kube.errors import Forbidden
from ..kube.resources import NAMESPACE
from ..kube.secret_data import make_key, read_key
from ..labels import ENVIRONMENT
from ..parsing import Malformed, load_json, unpack_base64

CREDENTIALS = "todo.cloud/credentials"
KEY_NAMESPACE, KEY_NAME = "kube-system", "todo-cloud-credentials-key"
# Keys of Secrets that say where and how, and are the same in many environments.
_PLAIN = frozenset(
    {
        "brokers", "bootstrap_servers", "mechanism", "dapr_mechanism", "sasl_mechanism", "disable_tls", "tls",
        "protocol", "username", "user", "host", "hostname", "port", "server", "database", "dbname", "sslmode", "region",
        "endpoint", "bucket", "ca.crt", "tls.crt",
    }
)  # fmt: skip
_ID_LENGTH = 12

Data = Mapping[str, Mapping[str, str]]  # in Base64, by Secret and key
Digests = dict[str, dict[str, list[str]]]


@dataclass
class Compared:
    """``changed``: whether the namespace's annotation was, or would be, written."""

    changed: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """Secrets that a run is about to write. ``shared``: a Secret, or ``secret/key``, that others may have too."""

    environment: str
    namespace: str
    secrets: Data
    shared: frozenset[str] = frozenset()


def compare(kube: KubeApi, wanted: Wanted, *, check: bool) -> Compared:
    """Refuses what another environment has too (invalid_input); else writes the digests, unless ``check``."""
    done = Compared()
    key = _key(kube, done, check)
    if key is None:
        return done
    mine = {
        secret: {name: _digests(key, name, value) for name, value in sorted(data.items())}
        for secret, data in sorted(wanted.secrets.items())
    }
    own: Mapping[str, Any] = {}
    same = []
    for metadata in _environments(kube, wanted, done):
        if metadata["name"] == wanted.namespace:
            own = metadata
            continue
        theirs = _recorded(metadata)
        who = f"environment {metadata['labels'][ENVIRONMENT]!r} (namespace {metadata['name']!r})"
        if theirs.secrets and theirs.key != _id(key) and key:
            done.warnings.append(f"Credentials were not compared with {who}: deploy it once, then they are.")
        same += [f"{what} of {who}" for what in _both(mine, theirs.secrets, wanted.shared)]
    if same:
        raise error(
            Code.INVALID_INPUT,
            f"Environment {wanted.environment!r} shares credentials with another one: {'; '.join(same)} are the same. "
            "Give each environment its own, or name the Secret in environment_shared_credentials if both may know it. "
            "Nothing was written.",
            namespace=wanted.namespace,
            environment=wanted.environment,
        )
    _record(kube, wanted.namespace, own, key, mine, done, check)
    return done


def covers(metadata: Mapping[str, Any] | None, secrets: Mapping[str, Iterable[str]]) -> bool:
    """Whether a namespace's annotation has digests of all these keys of Secrets."""
    has = _recorded(metadata or {}).secrets
    return all(set(keys) <= set(has.get(name, ())) for name, keys in secrets.items())


@dataclass(frozen=True)
class _Recorded:
    key: str = ""
    secrets: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)


def _recorded(metadata: Mapping[str, Any]) -> _Recorded:
    """What an annotation says; one that was written by somebody else says nothing."""
    try:
        found = load_json((metadata.get("annotations") or {}).get(CREDENTIALS) or "{}")
        secrets = {
            name: {key: [str(digest) for digest in digests] for key, digests in keys.items()}
            for name, keys in (found.get("secrets") or {}).items()
        }
        return _Recorded(str(found.get("key", "")), secrets)
    except (Malformed, AttributeError, TypeError):
        return _Recorded()


def _key(kube: KubeApi, done: Compared, check: bool) -> bytes | None:
    """The cluster's key; empty where these credentials may not have it, None where nothing can be compared yet."""
    try:
        return read_key(kube, KEY_NAMESPACE, KEY_NAME) if check else make_key(kube, KEY_NAMESPACE, KEY_NAME)
    except Forbidden:
        done.warnings.append(
            f"Credentials were not compared with those of other environments: that takes the right to read and make "
            f"Secret {KEY_NAME} in namespace {KEY_NAMESPACE}."
        )
        return b""


def _environments(kube: KubeApi, wanted: Wanted, done: Compared) -> list[Mapping[str, Any]]:
    try:
        return [item["metadata"] for item in kube.list_(NAMESPACE, label_selector=ENVIRONMENT, metadata_only=True)[0]]
    except Forbidden:
        done.warnings.append("Credentials were not compared with those of other environments: these may not be listed.")
    own = kube.find(NAMESPACE, "", wanted.namespace, metadata_only=True)
    return [own["metadata"]] if own else []


def _both(mine: Digests, theirs: Mapping[str, Mapping[str, list[str]]], shared: frozenset[str]) -> Iterator[str]:
    """What of mine is among theirs."""
    for secret, keys in mine.items():
        for key, digests in keys.items():
            if shared & {secret, f"{secret}/{key}"}:
                continue
            for other, others in theirs.items():
                yield from (
                    f"{key} of Secret {secret} here and {name} of Secret {other}"
                    for name, known in others.items()
                    if set(digests) & set(known)
                )


def _record(
    kube: KubeApi,
    namespace: str,
    own: Mapping[str, Any],
    key: bytes,
    mine: Digests,
    done: Compared,
    check: bool,
) -> None:
    before = _recorded(own)
    kept = before.secrets if before.key == _id(key) else {}
    text = json.dumps({"key": _id(key), "secrets": {**kept, **mine}}, sort_keys=True, separators=(",", ":"))
    if (own.get("annotations") or {}).get(CREDENTIALS) == text:
        return
    done.changed = True
    if check or not own:
        return
    try:
        kube.patch(NAMESPACE, "", namespace, {"metadata": {"annotations": {CREDENTIALS: text}}})
    except Forbidden:
        done.changed = False
        done.warnings.append(
            f"Digests of the credentials were not recorded: that takes the right to patch namespace {namespace}."
        )


def _id(key: bytes) -> str:
    return digest_of(b"credentials-key", key)[:_ID_LENGTH] if key else ""


def _digests(key: bytes, name: str, value: str) -> list[str]:
    """None without a key, and of what is no credential."""
    if not key or name.lower() in _PLAIN:
        return []
    return sorted({keyed_digest(key, b"credential", part) for part in _parts(unpack_base64(value))})


def _parts(value: bytes) -> Iterator[bytes]:
    """A value, and the passwords within it, of a URL or of a pull Secret. A certificate is no credential."""
    value = value.strip()
    if not value or (value.startswith(b"-----BEGIN CERTIFICATE") and b"PRIVATE KEY" not in value):
        return
    yield value
    text = value.decode(errors="replace")
    try:
        if "://" in text and (password := urlsplit(text).password):
            yield unquote(password).encode()
        if text.startswith("{"):
            logins = (load_json(text).get("auths") or {}).values()
            yield from (str(login["password"]).encode() for login in logins if login.get("password"))
    except (Malformed, ValueError, AttributeError, TypeError):
        return
