# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory would change of a release set that an environment has published; no cluster is asked.

Images are left out, since a promotion decides them. What only the cluster knows (drift, quota, rights) nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..deploy.report import Report
from ..failure import Code, error
from ..helm.state import Action, State
from ..parsing import Malformed, load_json
from ..planning.image_digests import image_of
from ..planning.plan import PlanItem, differences
from ..planning.spec import ReleaseSpec, parse_waves
from ..records.record import Member, Record
from ..records.secret_values import without
from ..records.signing import RecordKeys
from ..records.store import sound

_UNSIGNED = "The release set is not signed (record_key): anybody whose jobs keep artefacts here could have written it."


def compare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Result of release_compare. Raises set_damaged, set_unsigned, invalid_input."""
    keys = RecordKeys.parse(None, params["record_public_keys"] or ())
    try:
        item = load_json(params["record"])
    except Malformed as exc:
        raise error(Code.SET_DAMAGED, f"The release set is no JSON: {exc}.") from exc
    if not isinstance(item, Mapping):
        raise error(Code.SET_DAMAGED, "The release set is no object of Kubernetes.")
    record = sound(item, params["namespace"], params["environment"], keys)
    specs = [spec for wave in parse_waves(params["waves"], params["namespace"]) for spec in wave]
    report = Report(plan=list(plan(record, specs, params["all_releases"])), predicted=True)
    report.notes = ["Images are left out: a promotion decides them.", *([] if record.signed else [_UNSIGNED])]
    result = report.as_result()
    found = {key: result[key] for key in ("plan", "table", "notes")}
    return {**found, "set": {"id": record.id, "commit": record.commit, "time": record.time, "signed": record.signed}}


def plan(record: Record, specs: Sequence[ReleaseSpec], all_releases: Sequence[str]) -> Iterator[PlanItem]:
    """Each release, then those that are no longer there."""
    for spec in specs:
        member = record.members.get(spec.name)
        if spec.migration:
            continue  # it runs for a new image, which is not known
        if member is None:
            yield PlanItem(spec.name, State.ABSENT, Action.INSTALL, 0, (), spec)
        elif changes := tuple(_changes(member, spec)):
            yield PlanItem(spec.name, State.OUTDATED, Action.UPGRADE, member.revision, changes, spec)
        else:
            yield PlanItem(spec.name, State.VERIFIED, Action.NONE, member.revision, (), spec)
    names = {*all_releases, *(spec.name for spec in specs)}
    for name, member in sorted(record.members.items()):
        if not {name, member.migration} & names:
            yield PlanItem(name, State.VERIFIED, Action.UNINSTALL, member.revision)


def _changes(member: Member, spec: ReleaseSpec) -> Iterator[str]:
    if member.chart_digest != spec.chart_digest:
        yield f"chart {member.chart}"
    paths = member.secret_values or ()
    try:
        was, now = without(member.values, paths), without(spec.values, paths)
    except (KeyError, IndexError, TypeError):  # one of them has no such value: that is a difference
        was, now = dict(member.values), dict(spec.values)
    old, new = image_of(was), image_of(now)
    if old and new and old.name == new.name:
        was, now = ({key: value for key, value in values.items() if key != "image"} for values in (was, now))
    for path, before, after in differences(was, now):
        plain = path == "replicas" and isinstance(before, int) and isinstance(after, int)
        yield f"replicas {before} -> {after}" if plain else f"values {path}"
    if member.rollback_floor != spec.rollback_floor:
        yield f"rollback_floor {member.rollback_floor or 'none'} -> {spec.rollback_floor or 'none'}"
    watches = {(watch.kind, watch.name) for watch in spec.watches} ^ set(member.watches)
    yield from (f"watches {kind}/{name}" for kind, name in sorted(watches))
