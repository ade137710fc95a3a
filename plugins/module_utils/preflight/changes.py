# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what is about to be deployed may change now: images only by a promotion, nothing during a freeze."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..change_rules import ChangeRules
from ..failure import Code
from ..helm.manifest import objects_of
from ..readiness.templates import template_of
from .needs import images_of
from .problem import Problem

VERSION = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_OTHERWISE = "or say in TODO_EMERGENCY why this cannot wait, which is recorded"


@dataclass(frozen=True)
class Written:
    """A release that is about to be written. ``images``: those of its pods that were not verified here before."""

    name: str
    images: tuple[str, ...] = ()


def images_in(*manifests: str) -> set[str]:
    """Images of all pods that the objects of manifests make."""
    objects = (item for manifest in manifests for item in objects_of(manifest))
    return {image for item in objects if (template := template_of(item)) for image in images_of(template)}


def change_problems(environment: str, rules: ChangeRules, written: Sequence[Written], now: float) -> list[Problem]:
    """What the rules forbid; in an emergency it is uncertain, so that it is told and nothing stops. ``now``: the
    server's clock.
    """
    if not written:
        return []
    found = list(_frozen(environment, rules, now))
    if rules.promoted_from:
        found += _images(environment, rules, written)
    if rules.emergency:
        return [
            replace(each, remedy=f"let through in an emergency ({rules.emergency})", certain=False) for each in found
        ]
    return found


def _frozen(environment: str, rules: ChangeRules, now: float) -> Iterator[Problem]:
    if freeze := rules.frozen(now):
        until = f"until {freeze.until}" if freeze.until else "until somebody takes it out of release_freeze"
        message = f"deployments are frozen {until} ({freeze.why})"
        yield Problem(environment, Code.DEPLOY_FROZEN, message, f"wait, {_OTHERWISE}")


def _images(environment: str, rules: ChangeRules, written: Sequence[Written]) -> Iterator[Problem]:
    promoted = {_split(image)[::2] for image in rules.promoted or ()}
    names = {name for name, _digest in promoted}

    def foreign(image: str) -> bool:
        name, _tag, digest = _split(image)
        # Charts of others were compared with the verified ones by the promotion itself.
        return rules.promoted is None or (name in names and (name, digest) not in promoted)

    def unversioned(image: str) -> bool:
        name, tag, _digest = _split(image)
        return name in names and bool(tag) and not VERSION.fullmatch(tag)

    if found := _listed(written, foreign):
        message = f"images change here only by a promotion from {rules.promoted_from}, but {found}"
        yield Problem(environment, Code.PROMOTION_ONLY, message, f"run playbooks/promote.yml, {_OTHERWISE}")
    elif found := _listed(written, unversioned):
        message = f"only versions (v1.2.3) come here, but {found}"
        remedy = f"set TODO_VERSION to the tag of a release, {_OTHERWISE}"
        yield Problem(environment, Code.PROMOTION_ONLY, message, remedy)


def _listed(written: Sequence[Written], which: Callable[[str], bool]) -> str:
    images = {each.name: [image for image in each.images if which(image)] for each in written}
    return ", ".join(f"{name} would run {' and '.join(found)}" for name, found in sorted(images.items()) if found)


def _split(image: str) -> tuple[str, str, str]:
    """Name, tag and digest."""
    named, _at, digest = image.partition("@")
    path, slash, last = named.rpartition("/")
    name, _colon, tag = last.partition(":")
    return path + slash + name, tag, digest
