"""Two environments and their registries, for bundles."""

from __future__ import annotations

from tests.unit.plugins.module_utils.bundle.conftest import world

__all__ = ["world"]
