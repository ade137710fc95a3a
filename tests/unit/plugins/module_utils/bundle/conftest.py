"""Two environments and their registries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plugins.module_utils.bundle.samples import Far, far


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Far]:
    with far(tmp_path) as found:
        yield found
