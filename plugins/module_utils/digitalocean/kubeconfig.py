# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster's kubeconfig: fetched with a token that ends soon, and merged into a file where one is named.

When the token ends is written beside the context (``extensions``, which clients leave alone), so that a file is renewed
once half of that time is over, and that a context of somebody else's is told from ours.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..failure import Code, error
from ..known_secrets import KNOWN, secrets_of
from ..yaml_reader import YamlError, read_document
from .api import DigitalOcean

SHORTEST_SECONDS = 60
_EXTENSION = "todo.cloud"
_KINDS = ("clusters", "users", "contexts")
_MODE = 0o600


@dataclass(frozen=True)
class Fetched:
    """``content`` has a secret. It is empty where it was not fetched."""

    content: Mapping[str, Any] = field(repr=False)
    context: str
    expires: float
    path: str = ""
    changed: bool = False

    def as_result(self) -> dict[str, Any]:
        """Plain JSON. What is in a file is not in the result."""
        expires = datetime.fromtimestamp(self.expires, UTC).isoformat(timespec="seconds") if self.expires else ""
        found = {"context": self.context, "expires": expires, "changed": self.changed}
        return {**found, "kubeconfig_path": self.path} if self.path else {**found, "kubeconfig": dict(self.content)}


def fetch(
    cloud: DigitalOcean, cluster: Mapping[str, Any], seconds: int, context: str = "",
    now: Callable[[], float] = time.time,
) -> Fetched:  # fmt: skip
    """The kubeconfig with one context, named ``context`` or as DigitalOcean names it.

    Raises invalid_input for a life that is too short, not_found while the cluster has none, cloud_error.
    """
    if seconds < SHORTEST_SECONDS:
        text = (
            f"expiry_seconds is {seconds}: give {SHORTEST_SECONDS} at least (0 would mean seven days to DigitalOcean)."
        )
        raise error(Code.INVALID_INPUT, text, option="expiry_seconds")
    expires = now() + seconds
    try:
        found = read_document(cloud.kubeconfig(str(cluster["id"]), seconds))
        current = found["current-context"]
        ((entry,),) = ([each for each in found["contexts"] if each["name"] == current],)
        own = entry["context"]
        ((server,),) = ([each["cluster"] for each in found["clusters"] if each["name"] == own["cluster"]],)
        ((user,),) = ([each["user"] for each in found["users"] if each["name"] == own["user"]],)
        if not str(server["server"]).startswith("https://"):
            raise ValueError("its server is not reached by https")
    except (YamlError, ValueError, KeyError, TypeError) as exc:
        text = f"DigitalOcean's kubeconfig of {cluster.get('name')} cannot be used ({type(exc).__name__})."
        raise error(Code.CLOUD_ERROR, text) from exc
    KNOWN.add(secrets_of(user))
    name = context or str(current)
    mark = {"name": _EXTENSION, "extension": {"expires": int(expires), "seconds": seconds, "id": str(cluster["id"])}}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": dict(server)}],
        "users": [{"name": f"{name}-admin", "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin", "extensions": [mark]}}],
    }
    return Fetched(content, name, expires)


def keep(
    cloud: DigitalOcean, cluster: Mapping[str, Any], seconds: int, path: Path, context: str = "", *,
    write: bool = True, now: Callable[[], float] = time.time,
) -> Fetched:  # fmt: skip
    """The kubeconfig merged into a file that only its owner can read, unless half of its token's life is left there.

    Other contexts stay, and so does the current one if there is one. Raises as :func:`fetch` does, and invalid_input
    for a file that is no kubeconfig, or that has another context of this name.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))
    name = context or f"do-{cluster.get('region')}-{cluster.get('name')}"
    present = _present(path)
    mark = _mark_of(present, name, path)
    good = mark.get("id") == str(cluster["id"]) and float(mark.get("expires", 0)) - now() > seconds / 2
    if good and stat.S_IMODE(path.stat().st_mode) == _MODE:
        return Fetched({}, name, float(mark["expires"]), str(path))
    if not write:
        return Fetched({}, name, 0.0, str(path), changed=True)
    fetched = fetch(cloud, cluster, seconds, name, now)
    _write(path, _merged(present, fetched.content))
    return Fetched({}, name, fetched.expires, str(path), changed=True)


def _present(path: Path) -> dict[str, Any]:
    """What is in the file; empty without one."""
    try:
        found = read_document(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, YamlError) as exc:
        raise _unfit(path, f"cannot be read ({type(exc).__name__})") from exc
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(found.get(kind) or [], list) for kind in _KINDS):
        raise _unfit(path, "is no kubeconfig")
    if not all(isinstance(each, dict) for kind in _KINDS for each in found.get(kind) or ()):
        raise _unfit(path, "is no kubeconfig")
    return found


def _mark_of(present: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    """What we wrote beside the context; empty without such a context. Raises invalid_input for somebody else's."""
    entries = [
        each for kind in _KINDS for each in present.get(kind) or () if each.get("name") in (name, f"{name}-admin")
    ]
    if not entries:
        return {}
    for each in entries:
        with suppress(KeyError, TypeError, AttributeError):
            for mark in each["context"]["extensions"]:
                if mark["name"] == _EXTENSION and float(mark["extension"]["expires"]) >= 0:
                    return dict(mark["extension"])
    raise _unfit(path, f"has entries named {name} that were not written here: set context_name to another name")


def _merged(present: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**new, **present, "current-context": present.get("current-context") or new["current-context"]}
    for kind in _KINDS:
        (entry,) = new[kind]
        merged[kind] = [*(each for each in present.get(kind) or () if each.get("name") != entry["name"]), entry]
    return merged


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """All or nothing, for the owner alone."""
    import yaml

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=".kubeconfig-", dir=path.parent)  # mode 0600
    except OSError as exc:
        raise _unfit(path, f"cannot be written ({type(exc).__name__})") from exc
    try:
        with open(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(dict(content), file, sort_keys=False)
        os.replace(scratch, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)
        raise


def _unfit(path: Path, why: str) -> Exception:
    return error(Code.INVALID_INPUT, f"{path} {why}.", path=str(path))
