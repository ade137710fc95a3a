"""module_is_installed: modules of collections that are there, and of those that are not."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.filter.module_is_installed import module_is_installed


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("kubernetes.core.k8s_info", True),
        ("kubernetes.core.no_such_module", False),
        ("kubernetes.no_such_collection.k8s_info", False),
        ("no_such_namespace.core.k8s_info", False),
    ],
)
def test_which_are_installed(name: str, there: bool) -> None:
    assert module_is_installed(name) is there
