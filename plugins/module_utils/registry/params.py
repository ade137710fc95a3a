# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the options of a module that talks to one registry become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..failure import Code, error
from .access import Access
from .client import RegistryClient
from .reference import Reference


def reference_of(params: Mapping[str, Any]) -> Reference:
    """The option ``image``. Raises invalid_input when it is no reference, or names neither tag nor digest."""
    try:
        reference = Reference.parse(params["image"])
    except ValueError as exc:
        raise error(Code.INVALID_INPUT, f"{exc}.", option="image") from exc
    if not reference.tag and not reference.digest:
        raise error(Code.INVALID_INPUT, f"{reference} names neither a tag nor a digest: say which.", option="image")
    return reference


def client_of(reference: Reference, params: Mapping[str, Any]) -> RegistryClient:
    """A client for the registry of an image."""
    access = Access.to(reference.registry, params)
    if params.get("pull_secret"):
        access = access.with_pull_secrets(reference.registry, [params["pull_secret"]])
    return RegistryClient(reference.registry, access, float(params["timeout"]))
