from __future__ import annotations

from tests.cluster.build.images import Image
from tests.cluster.build.layers import files_layer
from tests.cluster.build.oci import Entry


def test_an_image_has_another_key_when_a_file_or_its_configuration_changes() -> None:
    def image(content: bytes, user: str) -> str:
        return Image("ghcr.io/a/b:1", (files_layer([Entry("f", data=content)]),), {"User": user}).key

    assert image(b"x", "1") == image(b"x", "1")
    assert len({image(b"x", "1"), image(b"y", "1"), image(b"x", "2")}) == 3
