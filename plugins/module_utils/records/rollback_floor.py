# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far back a release may go: a floor that it declares, since hooks and migrations are not undone by a rollback.

A floor is the number of a release set, or the lowest version that still works. It stands as a label on every revision
that declared it. What any revision declared counts, be it superseded or failed: going back undoes no migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..failure import Code, error
from ..helm.storage import History

if TYPE_CHECKING:
    from .record import Member, Record

FLOOR = "todo.cloud/rollback-floor"
_VERSION = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+_.][0-9A-Za-z.+_-]*)?$")


def parse_floor(raw: Any, release: str) -> str:
    """A declared floor as it is kept: digits, a version, or empty. Raises invalid_input."""
    text = "" if raw is None else str(raw).strip()
    if text and not text.isdigit() and (not _VERSION.match(text) or len(text) > 63 or "+" in text):
        raise error(
            Code.INVALID_INPUT,
            f"{release}: rollback_floor {text!r} is neither the number of a release set nor a version such as 1.4.0.",
            release=release,
        )
    return text


def image_text(values: Mapping[str, Any]) -> str:
    """The image that a chart's values name, as a string or as repository, tag and digest; empty when they name none."""
    image = values.get("image")
    if isinstance(image, Mapping):
        name = "/".join(str(image[key]) for key in ("registry", "repository") if image.get(key))
        tag, digest = image.get("tag"), image.get("digest")
        return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    return image if isinstance(image, str) else ""


def version_of(member: Member) -> str:
    """The tag of a release's image, or the version of its chart where its values name no image."""
    image = image_text(member.values)
    if not image:
        return member.chart_version
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def below(member: Member, record: Record, history: History) -> str:
    """Why the member of a record lies below a floor of its release, in words; empty when it does not."""
    for floor in sorted({revision.labels.get(FLOOR, "") for revision in history} - {""}):
        if floor.isdigit():
            if (record.restored_from or record.id) < int(floor):
                return _told(member, floor, f"release set {record.id}")
            continue
        version = version_of(member)
        known, wanted = _VERSION.match(version), _VERSION.match(floor)
        if not known or not wanted:
            return _told(member, floor, f"version {version or 'without a name'}, which can't be compared with it,")
        if _key(known) < _key(wanted):
            return _told(member, floor, f"version {version}")
    return ""


def crossed(targets: Iterable[tuple[Member, Record]], histories: Mapping[str, History]) -> list[str]:
    """The floors that going to these members would cross, in words."""
    told = [below(member, record, histories.get(member.name, [])) for member, record in targets]
    return [each for each in told if each]


def _told(member: Member, floor: str, target: str) -> str:
    return f"{member.name} declares rollback_floor {floor}, and {target} lies below it"


def _key(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in found.groups())
