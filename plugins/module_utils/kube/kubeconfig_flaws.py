# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a kubeconfig that nobody could read, where the client library's words do not say so."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..parsing import quoted
from ..yaml_reader import YamlError, read_document

_VAULT = b"$ANSIBLE_VAULT"


def flaw_of(auth: Mapping[str, Any]) -> str:
    """One sentence about the first flaw of the kubeconfig that the options name; empty if none is found."""
    given = auth.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if isinstance(given, Mapping):
        return _of_documents({"The kubeconfig": given}, auth.get("context"))
    found: dict[str, Mapping[str, Any]] = {}
    for path in filter(None, str(given).split(os.pathsep)):
        file = Path(os.path.expanduser(path))
        if file.is_dir():
            return f"Kubeconfig {path} is a folder (as a container's mount of an absent file is): name the file."
        try:
            content = file.read_bytes()
            document = read_document(content)
        except (OSError, YamlError):
            continue
        if content.startswith(_VAULT):
            return (
                f"Kubeconfig {path} is encrypted by ansible-vault, which is not undone here: set kubeconfig to "
                f"\"{{{{ lookup('ansible.builtin.unvault', '{path}') | from_yaml }}}}\"."
            )
        if content.strip() and not isinstance(document, Mapping):
            return f"{path} is not a kubeconfig: it holds {'a list' if isinstance(document, list) else 'text'}."
        if isinstance(document, Mapping):
            found[f"Kubeconfig {path}"] = document
    return _of_documents(found, auth.get("context"))


def _of_documents(documents: Mapping[str, Mapping[str, Any]], context: object) -> str:
    names = [str(name) for one in documents.values() for name, _entry in _entries(one, "contexts")]
    wanted = context or next(filter(None, (one.get("current-context") for one in documents.values())), None)
    label = next(iter(documents), "")
    if documents and names and not wanted:
        return f"{label} names no current context: set context ({', '.join(map(quoted, names))})."
    if names and str(wanted) not in names:
        return f"{label} has no context {quoted(str(wanted))}, only {', '.join(map(quoted, names))}: set context."
    for where, document in documents.items():
        for kind in ("clusters", "users"):
            for name, entry in _entries(document, kind):
                for key, value in entry.items():
                    if str(key).endswith("-data") and isinstance(value, str) and not _is_base64(value):
                        return (
                            f"{where}: {key} of {kind[:-1]} {quoted(str(name))} is not base64: encode the file, "
                            f"or name it as {str(key).removesuffix('-data')}."
                        )
    return ""


def _entries(document: Mapping[str, Any], kind: str) -> Iterator[tuple[object, Mapping[str, Any]]]:
    entries = document.get(kind)
    for entry in entries if isinstance(entries, list) else ():
        inner = entry.get(kind[:-1]) if isinstance(entry, Mapping) else None
        if isinstance(inner, Mapping):
            yield entry.get("name"), inner


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
