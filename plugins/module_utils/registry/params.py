# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules that use one registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..failure import Code, error
from .access import Access
from .client import RegistryClient
from .reference import Reference


def reference_of(params: Mapping[str, Any]) -> Reference:
    """The option ``image``. Raises invalid_input when it is not a valid reference, or has neither tag nor digest."""
    try:
        reference = Reference.parse(params["image"])
    except ValueError as exc:
        raise error(Code.INVALID_INPUT, f"{exc}.", option="image") from exc
    if not reference.tag and not reference.digest:
        raise error(Code.INVALID_INPUT, f"{reference} has neither a tag nor a digest: add one.", option="image")
    return reference


def client_of(reference: Reference, params: Mapping[str, Any]) -> RegistryClient:
    """A client for the registry of an image."""
    access = Access.to(reference.registry, params)
    if params.get("pull_secret"):
        access = access.with_pull_secrets(reference.name, [params["pull_secret"]])
    return RegistryClient(reference.registry, access, float(params["timeout"]))
