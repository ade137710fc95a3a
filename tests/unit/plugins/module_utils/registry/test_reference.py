"""References by the grammar of the distribution project; tests/unit/plugins/filter/test_image_ref.py has the parts."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text", ["ghcr.io/a/b:v1", f"ghcr.io/a/b@{DIGEST}", f"localhost:5000/a:v1@{DIGEST}", "docker.io/library/nginx"]
)
def test_what_is_whole_comes_out_as_it_went_in(text: str) -> None:
    assert str(Reference.parse(text)) == text


def test_a_missing_tag_is_never_taken_to_mean_latest() -> None:
    assert Reference.parse("nginx") == Reference("docker.io", "library/nginx")


@pytest.mark.parametrize(
    "text", ["ghcr.io/a/b:", "ghcr.io/a/b@", "ghcr.io/A/b:v1", "ghcr.io/a/b:v 1", "ghcr.io/a/b@sha256:0", "", "a//b"]
)
def test_what_is_no_reference_is_refused_by_its_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|ends without"):
        Reference.parse(text)
