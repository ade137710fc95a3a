"""A tag is added to a digest once, and never moved."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference
from ansible_collections.todo.cloud.plugins.module_utils.registry.tagging import tag_image

from tests.support.fake_registry import FakeRegistry

NAME = "todo-app/web"


def test_the_life_of_a_tag() -> None:
    with FakeRegistry().serving() as registry:
        first, other = registry.push(NAME, "sha-1", text="1"), registry.push(NAME, "sha-2", text="2")
        client = RegistryClient("ghcr.io", Access(registry.url))
        image = Reference.of("ghcr.io", NAME, "sha-1", first)

        assert tag_image(client, image, "v1.0.0", check=True)[1] == ""
        assert "v1.0.0" not in registry.repositories[NAME].tags

        tagged, was = tag_image(client, image, "v1.0.0")
        assert (str(tagged), was) == (f"ghcr.io/{NAME}:v1.0.0@{first}", "")
        assert registry.repositories[NAME].tags["v1.0.0"] == first
        assert tag_image(client, image, "v1.0.0")[1] == str(tagged), "the second time nothing is written"
        assert [method for method, _, _ in registry.requests].count("PUT") == 1

        for bad, tag, code in (
            (Reference.of("ghcr.io", NAME, "sha-2", other), "v1.0.0", Code.IMAGE_TAG_TAKEN),
            (Reference.of("ghcr.io", NAME, "", "sha256:" + "0" * 64), "v2", Code.IMAGE_NOT_FOUND),
            (Reference.of("ghcr.io", NAME, "sha-1"), "v2", Code.INVALID_INPUT),
            (image, "not a tag", Code.INVALID_INPUT),
        ):
            with pytest.raises(TodoCloudError) as caught:
                tag_image(client, bad, tag)
            assert caught.value.failure.code is code
        assert registry.repositories[NAME].tags["v1.0.0"] == first
