# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes release sets: what this run verified, and what was verified before and still is."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..digest import chart_archive, is_local
from ..environments.inspect import publish
from ..failure import TodoCloudError
from ..helm.manifest import is_components, manifest_digest, secret_refs
from ..helm.stored import Revision, StoredRelease
from ..labels import INPUT_KEY, INPUTS, WATCHED
from ..planning.chart_text import archive_may_make_secrets
from ..planning.live import DRIFTED, Listing, digests_of, listings_of
from ..planning.plan import all_current, without_annotation
from ..planning.secret_inputs import SecretInputs
from ..planning.snapshot import Snapshot, images_of, targets_of
from ..planning.spec import ReleaseSpec
from ..records.packing import check_size
from ..records.record import Member, Record
from ..records.secret_values import value_at, with_values
from ..rollout.targets import Target
from .request import spec_of
from .run import LockedRun

_ROOM = "x" * 2000  # for what is only known later: targets and images of one release


class Recorder:
    """Writes the set of one environment; it holds verified releases only."""

    def __init__(self, run: LockedRun) -> None:
        self._run = run
        self._settings = run.settings

    def record(
        self,
        verified: Mapping[str, StoredRelease],
        sources: Mapping[str, ReleaseSpec | Member],
        before: Snapshot,
        *,
        charts: Mapping[str, bytes] | None = None,
        restored_from: int = 0,
        drifted: Collection[str] = (),
    ) -> tuple[int, list[str]]:
        """Number of the new set, and warnings.

        ``verified``: releases that were verified in this run; ``sources``: what each was made from; ``charts``:
        archives that are at hand already; ``before``: the environment as it was planned; ``drifted``: releases whose
        objects differ from their manifests.
        """
        settings, newest = self._settings, before.newest
        targets = {name: targets_of(stored) for name, stored in verified.items()}
        listings = {name: listings_of(stored.manifest, settings.namespace) for name, stored in verified.items()}
        now = self._run.look(
            targets=[target for each in targets.values() for target in each],
            listings=[listing for each in listings.values() for listing in each],
        )
        members = {
            name: _member(sources[name], stored, now.history(name)[-1], targets[name], listings[name], now)
            for name, stored in verified.items()
            if now.history(name) and now.history(name)[-1].revision == stored.revision
        }
        members |= {name: replace(members[name], live={DRIFTED: ""}) for name in drifted if name in members}
        missing: dict[str, str] = {}
        kept: dict[str, Member] = dict(newest.members) if newest else {}
        for name in sorted({*kept, *settings.all_releases, *verified} - members.keys()):
            reason = _unverified(kept.get(name), now, name)
            if reason is None and newest:
                members[name] = replace(self._carried(kept[name], newest), tag=_tag(sources.get(name), kept[name]))
            elif reason and name in kept and kept[name].migration:
                members[name] = kept[name]  # it ran, whatever was tried since
            elif reason:
                missing[name] = reason
        number = self._run.records.next_number(now.headers)
        archives = self._charts(members, sources, {**(newest.charts if newest else {}), **(charts or {})})
        record = Record(
            id=number,
            environment=settings.environment,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            who=f"{self._run.holder.who}@{self._run.holder.host}",
            commit=settings.commit,
            tools=self._tools(),
            members=members,
            missing=missing,
            restored_from=restored_from,
            charts=archives,
            emergency=settings.change_rules.emergency,
        )
        without_chart = self._run.records.write(record)
        self._run.progress(f"recorded as verified: release set {number}")
        warnings = [f"{name} is not part of release set {number}: {why}." for name, why in missing.items()]
        unpublished = publish(self._run.kube, settings.namespace, settings.environment)
        warnings += [unpublished] if unpublished else []
        if without_chart:
            warnings.append(f"Release set {number} is too large to hold every chart: {len(without_chart)} left out.")
        return number, warnings

    def _carried(self, member: Member, newest: Record) -> Member:
        """A member of the newest set for the next one, with its secret values: an older version did not look for them,
        or somebody removed their Secret.
        """
        unsure = member.secret_values is None and _may_make_secrets(member, newest)
        if not unsure and not member.incomplete:
            return member
        try:
            stored = self._run.storage.read(member.name, member.revision)
            if member.incomplete:
                return _completed(member, stored)
            with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
                spec = spec_of(member, newest, self._settings.namespace, Path(folder))
                paths = SecretInputs(self._run.kube, self._run.helm, self._settings.namespace).examined(spec)
        except TodoCloudError as exc:
            self._run.progress(f"{member.name}: its secret values could not be told: {exc.failure.message}")
            return member
        manifest = manifest_digest(stored.manifest, secrets=not paths.secret_values)
        return replace(member, secret_values=paths.secret_values, manifest=manifest)

    def _charts(
        self, members: Mapping[str, Member], sources: Mapping[str, ReleaseSpec | Member], known: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name, member in members.items():
            source = sources.get(name)
            if member.chart_digest in known:
                found[member.chart_digest] = known[member.chart_digest]
            elif isinstance(source, ReleaseSpec) and is_local(source.chart):
                found[member.chart_digest] = chart_archive(source.chart)
        return found

    def _tools(self) -> dict[str, str]:
        return {**self._settings.tools, "helm": str(self._run.helm.version), "python": platform.python_version()}


def check_fits(specs: Iterable[ReleaseSpec], newest: Record | None, environment: str) -> None:
    """Before the first write: raises set_too_large when the set with these releases could not be recorded."""
    members = dict(newest.members) if newest else {}
    for spec in specs:
        members[spec.name] = Member(
            name=spec.name, revision=1, uid=_ROOM, chart=spec.chart, chart_version=spec.chart_version or "", local=True,
            chart_digest=spec.chart_digest, inputs=spec.inputs, watched="none", values=spec.values,
            secret_values=spec.secret_values,
        )  # fmt: skip
    check_size(Record(1, environment, "", "", "", {}, members))


def _unverified(member: Member | None, now: Snapshot, name: str) -> str | None:
    """Why a release that this run did not verify can't be carried forward; None: it can; empty: it is not deployed."""
    history = now.history(name)
    if not history:
        return ""
    if member is None:
        return f"its revision {history[-1].revision} was never verified"
    if not member.is_at(history[-1]):
        return f"revision {history[-1].revision} is deployed, but {member.revision} was verified"
    return None if all_current(member, now) else "its workloads are not Current"


def _tag(source: ReleaseSpec | Member | None, member: Member) -> str:
    """That the image of a member which is carried forward was asked for by in this run, else before."""
    return source.tag if source else member.tag


def _may_make_secrets(member: Member, record: Record) -> bool:
    archive = record.charts.get(member.chart_digest)
    if archive is not None:
        return archive_may_make_secrets(archive, member.values)
    return not member.local and bool(member.values)  # else the record could not restore it anyway


def _completed(member: Member, stored: StoredRelease) -> Member:
    """A member with the values that Helm stores; the same one if they are others."""
    values, _ids = without_annotation(stored.config)
    try:
        paths = [(path, value_at(values, path)) for path in member.secret_values or ()]
        return replace(member, values=with_values(member.values, paths), incomplete=False)
    except (KeyError, IndexError, TypeError):
        return member


def _member(
    source: ReleaseSpec | Member,
    stored: StoredRelease,
    live: Revision,
    targets: Iterable[Target],
    listings: Iterable[Listing],
    now: Snapshot,
) -> Member:
    verified: dict[str, Any] = {
        "revision": stored.revision,
        "uid": live.uid,
        "manifest": manifest_digest(stored.manifest, secrets=not source.secret_values),
        "components": is_components(stored.manifest),
        "targets": tuple(targets),
        "secrets": tuple(secret_refs(stored.manifest)),
        "images": images_of(targets, now),
        "watched": live.labels.get(WATCHED, "none"),
        "live": digests_of(now.listed, stored.name, listings),
    }
    if isinstance(source, Member):
        member = replace(source, **verified)
        return _completed(member, stored) if member.incomplete else member
    local = is_local(source.chart)
    return Member(
        name=source.name,
        chart=stored.chart_name if local else source.chart,
        chart_version=stored.chart_version if local else source.chart_version or "",
        local=local,
        chart_digest=source.chart_digest,
        inputs=live.labels.get(INPUTS, source.inputs),
        input_key=live.labels.get(INPUT_KEY, ""),
        secret_values=source.secret_values,
        values=source.values,
        watches=tuple((w.kind, w.name) for w in source.watches),
        app_id=source.app_id,
        wave=source.wave,
        rollback_floor=source.rollback_floor,
        migration=source.migration.of if source.migration else "",
        tag=source.tag,
        **verified,
    )
