# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A registry that does not answer is told from an image that is not there."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.registries import silent_registry
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('failed to pull image "ghcr.io/a/b:1": dial tcp 1.2.3.4:443: connect: connection refused', "registry ghcr.io"),
        ('failed to pull image "library/b:1": i/o timeout', "the image's registry"),
        ('failed to pull image "ghcr.io/a/b:1": 503 Service Unavailable', "registry ghcr.io"),
        ('failed to pull image "ghcr.io/a/b:1": connection refused after: manifest unknown', ""),
        ('failed to pull image "ghcr.io/a/b:1": not found', ""),
        ('failed to pull image "ghcr.io/a/b:503": no match for platform in manifest', ""),
        ('failed to pull image "ghcr.io/a/denied-parties:1": i/o timeout', "registry ghcr.io"),
    ],
)
def test_the_kubelet_s_words(text: str, named: str) -> None:
    failure = Failure(Code.IMAGE_PULL, "x", {"events": [{"message": text}, text]})
    assert [(down.what, down.asked) for down in silent_registry(failure)] == ([(named, False)] if named else [])
