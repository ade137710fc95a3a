# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which images a plan brings that the environment has not verified, for the rules of its changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..helm.errors import HelmError
from ..helm.program import Rendered
from ..helm.stored import CorruptRelease
from ..kube.errors import NotFound
from ..planning.plan import PlanItem, Read
from ..planning.snapshot import Snapshot
from ..preflight.changes import Written, change_problems, images_in
from ..preflight.problem import Problem
from ..settings import Settings


def changes_problems(
    settings: Settings,
    written: Sequence[PlanItem],
    snapshot: Snapshot,
    rendered: Mapping[str, Rendered | HelmError],
    read: Read,
    now: float,
) -> list[Problem]:
    """``written``: what is about to be written; what was only applied is verified in any case. ``now``: the server's
    clock.
    """
    rules = settings.change_rules
    found = []
    for item in written:
        each = rendered.get(item.name)
        after = images_in(each.manifest, *each.hooks) if isinstance(each, Rendered) and rules.promoted_from else set()
        new = after - verified_images(item.name, snapshot, read) if after else after
        found.append(Written(item.name, tuple(sorted(new))))
    return change_problems(settings.environment, rules, found, now)


def verified_images(name: str, snapshot: Snapshot, read: Read) -> set[str]:
    """Images of its newest verified revision."""
    member = snapshot.newest.members.get(name) if snapshot.newest else None
    if member is None:
        return set()
    ran = {each["image"] for each in member.images.values()}
    if not any(member.is_at(revision) for revision in snapshot.history(name)):
        return ran
    try:
        stored = read(name, member.revision)
    except (CorruptRelease, NotFound):
        return ran
    return ran | images_in(stored.manifest, *stored.hooks)
