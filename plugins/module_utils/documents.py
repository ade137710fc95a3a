# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The YAML documents of a manifest. A run needs those of one release several times, and reading them takes a while."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=128)
def documents_of(manifest: str) -> tuple[Any, ...]:
    """What stands in a manifest, shared by all who ask: not to be changed. Raises yaml.YAMLError."""
    import yaml

    return tuple(yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
