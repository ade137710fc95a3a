# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether images that a plan brings are signed by a key of the environment. What was verified here is not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ..failure import Code, Failure
from ..helm.errors import HelmError
from ..helm.program import Rendered
from ..planning.image_digests import ImageDigests
from ..planning.plan import PlanItem, Read
from ..planning.snapshot import Snapshot
from ..preflight.changes import images_in
from ..preflight.problem import Problem
from ..registry.reference import Reference
from ..registry.signatures import ImageKeys
from ..settings import Settings
from .changes import verified_images


def signature_problems(
    settings: Settings,
    items: Sequence[PlanItem],
    snapshot: Snapshot,
    rendered: Mapping[str, Rendered | HelmError],
    read: Read,
    digests: ImageDigests,
) -> list[Problem]:
    """``items``: what is about to be written; with ``preflight_all`` what is unchanged too. Raises invalid_input for a
    key that is none.
    """
    rules = settings.change_rules
    wanted: dict[str, list[str]] = {}
    for item in items:
        each = rendered.get(item.name)
        named = images_in(each.manifest, *each.hooks) if isinstance(each, Rendered) else set()
        if named and not settings.preflight_all:
            verified = set(map(_identity, verified_images(item.name, snapshot, read)))
            named = {image for image in named if _identity(image) not in verified}
        wanted[item.name] = sorted(image for image in named if not _identity(image).startswith(rules.unsigned))
    images = {image for found in wanted.values() for image in found}
    images -= set(digests.absent(images))  # told already
    why = digests.unsigned(images, ImageKeys.parse(rules.image_key)) if images else {}
    return [_problem(name, image, why[image]) for name, found in wanted.items() for image in found if image in why]


def _identity(image: str) -> str:
    """With its registry, and without its tag where there is a digest."""
    with suppress(ValueError):
        named = Reference.parse(image)
        return str(replace(named, tag="") if named.digest else named)
    return image


def _problem(release: str, image: str, failure: Failure) -> Problem:
    if failure.code is not Code.IMAGE_UNSIGNED:
        message = f"whether {image} is signed cannot be told: {failure.message.rstrip('.')}"
        return Problem(release, failure.code, message, "try again")
    message = f"{image} is not signed by image_signature_key ({failure.message})"  # what follows "key:" is masked
    remedy = "deploy what the pipeline has built and signed, or name in image_signature_except what others make"
    return Problem(release, failure.code, message, remedy)
