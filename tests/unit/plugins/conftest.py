"""Each test begins as a run does: which tests share a process, and in which order, is chance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN


@pytest.fixture(autouse=True)
def _no_secret_of_another_test() -> Iterator[None]:
    """It would be masked in what this one expects."""
    yield
    KNOWN.clear()
