# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adds a tag to an image by digest; never moves a tag."""

from __future__ import annotations

from ..failure import Code, error
from .client import RegistryClient
from .reference import Reference


def tag_image(client: RegistryClient, image: Reference, tag: str, *, check: bool = False) -> tuple[Reference, str]:
    """The image with its new tag, and the image that the tag pointed to before (empty: the tag was added).

    Raises invalid_input, image_not_found, image_tag_taken (the tag points to another image), registry_denied.
    """
    if not image.digest:
        raise error(Code.INVALID_INPUT, f"{image} has no digest: a tag is added to exactly one image.", option="image")
    try:
        tagged = Reference.of(image.registry, image.repository, tag, image.digest)
        wanted = Reference.of(image.registry, image.repository, tag)
    except ValueError as exc:
        raise error(Code.INVALID_INPUT, f"{exc}.", option="tag") from exc
    client.digest(image)
    was = client.find_digest(wanted)
    if was and was != image.digest:
        raise error(
            Code.IMAGE_TAG_TAKEN,
            f"{wanted} already points to {was}, not to {image.digest}: choose another tag.",
            image=str(wanted),
            digest=was,
        )
    if not was and not check:
        client.add_tag(image, tag)
    return tagged, str(tagged) if was else ""
