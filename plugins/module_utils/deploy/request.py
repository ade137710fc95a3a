# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Helm is asked for: the release that a record's member describes, and the call that makes a revision of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..failure import Code, error
from ..helm.program import ApplyRequest
from ..planning.spec import ReleaseSpec, VersionIds
from ..records.record import Member, Record
from ..settings import Settings


def apply_request(
    settings: Settings,
    spec: ReleaseSpec,
    version_ids: VersionIds,
    revision: int,
    *,
    force_conflicts: bool = False,
    skip_crds: bool = False,
) -> ApplyRequest:
    """The Helm call that makes ``revision`` of ``spec``."""
    commit = f", commit {settings.commit}" if settings.commit else ""
    return ApplyRequest(
        name=spec.name,
        namespace=spec.namespace,
        chart=spec.chart,
        chart_version=spec.chart_version,
        values=spec.helm_values(version_ids),
        labels=spec.labels(version_ids, settings.environment, revision),
        timeout=settings.timeout,
        history_max=settings.history_max,
        force_conflicts=force_conflicts,
        skip_crds=skip_crds,
        take_ownership=spec.raw,
        description=f"Applied by todo.cloud{commit}",
    )


def spec_of(member: Member, record: Record, namespace: str, folder: Path) -> ReleaseSpec:
    """The release that a record's member describes; its chart is written to ``folder``."""
    if member.incomplete:
        raise error(
            Code.ROLLBACK_TARGET_MISSING,
            f"{member.name}: revision {member.revision} is gone from Helm's history, and the Secret with the secret "
            f"values of set {record.id} is gone too, or may not be read.",
            release=member.name,
            set=record.id,
        )
    archive = record.charts.get(member.chart_digest)
    chart = member.chart
    if archive is not None:
        file = folder / f"{member.name}.tgz"
        file.write_bytes(archive)
        chart = str(file)
    elif member.local:
        raise error(
            Code.ROLLBACK_TARGET_MISSING,
            f"{member.name}: revision {member.revision} is gone from Helm's history, "
            f"and set {record.id} does not hold its chart.",
            release=member.name,
            set=record.id,
        )
    raw: Mapping[str, Any] = {
        "name": member.name,
        "namespace": namespace,
        "chart": chart,
        "chart_version": None if archive is not None else member.chart_version or None,
        "values": member.values,
        "watches": [{"kind": kind, "name": name} for kind, name in member.watches],
        "app_id": member.app_id,
        "rollback_floor": member.rollback_floor,
    }
    spec = ReleaseSpec.parse(raw, member.wave)
    # An archive and its source folder hold the same chart: the record's digests stay.
    kept = {key: getattr(member, key) for key in ("chart_digest", "inputs", "input_key", "secret_values", "tag")}
    return replace(spec, **kept)
