"""References by the grammar of the distribution project; tests/unit/plugins/filter/test_image_ref.py has the parts."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference, is_digest

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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("index.docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/acme/web:v1", "docker.io/acme/web"),
        ("Registry/web:v1", "Registry/web"),
        ("MyHost:5000/web", "MyHost:5000/web"),
        ("LOCALHOST/web", "LOCALHOST/web"),
        ("acme/web", "docker.io/acme/web"),
        ("localhost/web", "localhost/web"),
        ("[::1]:5000/web", "[::1]:5000/web"),
        ("a" * 247, f"docker.io/library/{'a' * 247}"),
        ("0" * 63, f"docker.io/library/{'0' * 63}"),
        ("0" * 64 + ":v1", f"docker.io/library/{'0' * 64}"),
        ("x/" + "0" * 64, f"docker.io/x/{'0' * 64}"),
    ],
)
def test_host_and_repository_as_the_distribution_project_tells_them_apart(text: str, name: str) -> None:
    assert Reference.parse(text).name == name


@pytest.mark.parametrize(
    "text", ["0" * 64, "a" * 248, "ghcr.io/" + "a" * 256, "ghcr.io/" + "a/" * 127 + "aa", "web/Api", "Web", "A/B/c"]
)
def test_names_that_the_distribution_project_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Reference.parse(text)


def test_digests() -> None:
    assert is_digest(DIGEST)
    assert not any(map(is_digest, ("", "sha256:", f"{DIGEST}0", DIGEST.upper(), "sha256:../../x", f"{DIGEST}\n")))
