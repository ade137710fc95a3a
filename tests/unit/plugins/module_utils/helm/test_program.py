"""Which versions of Helm are taken."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import HelmVersion


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("v4.3.1", True), ("v4.1.0", True), ("4.1", True), ("v3.18.0", True), ("v3.22.0+g1", True), ("v5.0.0", True),
        ("v4.0.9", False), ("v3.17.9", False), ("v2.16.0", False), ("not a version", False),
    ],
)  # fmt: skip
def test_versions(text: str, ok: bool) -> None:
    if ok:
        assert HelmVersion.parse(text)
        return
    with pytest.raises(TodoCloudError) as caught:
        HelmVersion.parse(text)
    assert caught.value.failure.code is Code.HELM_MISSING
