# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rollback floors: how far back a release may go, since a rollback does not undo hooks and migrations.

A floor is the number of a release set, or the lowest version that still works. It is a label of every revision that
declared it. The floors of all revisions count, superseded or failed ones too, since no rollback undoes a migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..failure import Code, error
from ..helm.stored import History
from ..labels import MIGRATION, REVERSIBLE

if TYPE_CHECKING:
    from .record import Member, Record

FLOOR = "todo.cloud/rollback-floor"
_VERSION = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+_.][0-9A-Za-z.+_-]*)?$")


def parse_floor(raw: Any, release: str) -> str:
    """A declared floor: digits, a version, or empty. Raises invalid_input."""
    text = "" if raw is None else str(raw).strip()
    if text and not text.isdigit() and (not _VERSION.match(text) or len(text) > 63 or "+" in text):
        raise error(
            Code.INVALID_INPUT,
            f"{release}: rollback_floor {text!r} is neither the number of a release set nor a version such as 1.4.0.",
            release=release,
        )
    return text


def image_text(values: Mapping[str, Any]) -> str:
    """The image in a chart's values, as a string or as repository, tag and digest; empty without one."""
    image = values.get("image")
    if isinstance(image, Mapping):
        name = "/".join(str(image[key]) for key in ("registry", "repository") if image.get(key))
        tag, digest = image.get("tag"), image.get("digest")
        return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    return image if isinstance(image, str) else ""


def version_of(member: Member) -> str:
    """The newest tag of a release's image, or the version of its chart if its values have no image."""
    image = image_text(member.values)
    if not image:
        return member.chart_version
    return member.tag or image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def violates_floor(member: Member, record: Record, history: History) -> str:
    """How the member of a record violates a floor of its release, as text; empty when it does not."""
    for floor in sorted({revision.labels.get(FLOOR, "") for revision in history} - {""}):
        if floor.isdigit():
            if (record.restored_from or record.id) < int(floor):
                return _describe(member, floor, f"release set {record.id}")
            continue
        version = version_of(member)
        known, wanted = _VERSION.match(version), _VERSION.match(floor)
        if not known or not wanted:
            return _describe(member, floor, f"version {version or 'without a name'}, which cannot be compared with it,")
        if _key(known) < _key(wanted):
            return _describe(member, floor, f"version {version}")
    return ""


def violated_floors(targets: Iterable[tuple[Member, Record]], histories: Mapping[str, History]) -> list[str]:
    """The floors that a rollback to these members would violate, as text."""
    violations = []
    for member, record in targets:
        violations.append(violates_floor(member, record, histories.get(member.name, [])))
        violations.append(_before_irreversible(member, record, histories))
    return [each for each in violations if each]


def _before_irreversible(member: Member, record: Record, histories: Mapping[str, History]) -> str:
    """Which migration that cannot be undone has run for a release since a record was written."""
    known = {other.name: other.revision for other in record.members.values() if other.migration == member.name}
    for name, history in histories.items():
        for revision in history:
            labels = revision.labels
            if labels.get(MIGRATION) != member.name or labels.get(REVERSIBLE) != "false":
                continue
            if revision.revision > known.get(name, 0):
                return (
                    f"the migration {name} (revision {revision.revision}) cannot be undone (reversible: false), and "
                    f"{member.name} of release set {record.id} is from before it"
                )
    return ""


def _describe(member: Member, floor: str, target: str) -> str:
    return f"{member.name} declares rollback_floor {floor}, and {target} is below it"


def _key(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in found.groups())
