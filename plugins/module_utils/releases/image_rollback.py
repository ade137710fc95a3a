# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rolls one service back to any earlier image, verified or not, with the chart and values that were verified last."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..deploy.report import Report
from ..deploy.request import spec_of
from ..deploy.run import Run
from ..environments.guard import Claims, guard
from ..failure import Code, TodoCloudError, error
from ..planning.spec import ReleaseSpec
from ..records.record import Member, Record
from ..records.rollback_floor import image_text, violates_floor
from ..settings import OnFailure
from .apply import Engine


def with_image(values: Mapping[str, Any], image: str) -> dict[str, Any]:
    """The values with another image; ``image`` is a tag, a digest, or a whole reference. Raises invalid_input."""
    changed = copy.deepcopy(dict(values))
    now = image_text(values)
    if not now:
        raise error(Code.INVALID_INPUT, "its values name no image", image=image)
    inner = changed["image"]
    if isinstance(inner, dict):
        if "/" in image:
            raise error(Code.INVALID_INPUT, "its values name the image in parts: give a tag or a digest", image=image)
        kind = "digest" if image.startswith("sha256:") else "tag"
        inner.update({"tag": "", "digest": ""} | {kind: image} if "digest" in inner else {kind: image})
        return changed
    name = now.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    name = head if colon and "/" not in tail else name
    changed["image"] = image if "/" in image else f"{name}{'@' if image.startswith('sha256:') else ':'}{image}"
    return changed


class ImageRollback:
    """One run of release_rollback with ``image``."""

    def __init__(self, run: Run, names: Sequence[str], image: str) -> None:
        if len(names) != 1:
            raise error(
                Code.INVALID_INPUT,
                "An image belongs to one release: name exactly one (rollback.yml: --limit backend_api).",
                image=image,
            )
        self._run = run
        self._settings = run.settings
        self._name = names[0]
        self._image = image

    def run(self) -> Report:
        """Deploys, verifies and records it like any change; if it fails, the release is restored."""
        settings = self._settings
        guard(self._run.kube, Claims(settings.environment, settings.namespace, settings.cluster_id))
        headers = self._run.records.headers()
        records = list(self._run.records.readable(headers))
        if not records or self._name not in records[0].members:
            raise error(
                Code.NO_VERIFIED_SET,
                f"{self._name} is in no verified release set: its chart and values are not known.",
                release=self._name,
            )
        newest = records[0]
        member = newest.members[self._name]
        with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
            spec = self._spec(member, newest, Path(folder))
            settings = replace(
                self._settings, on_failure=OnFailure.RELEASE, all_releases=tuple(newest.members), prune=False, export=""
            )
            image = image_text(spec.values)
            reason = f"left for image {image} of {self._name}"
            left = dict.fromkeys(_left(self._name, image, records, [h.id for h in headers if h.withdrawn]), reason)
            report = Engine(self._run.with_settings(settings), [[spec]], withdraw=left).apply()
        report.warnings += self._warnings(spec, member, records)
        return report

    def _spec(self, member: Member, record: Record, folder: Path) -> ReleaseSpec:
        spec = replace(spec_of(member, record, self._settings.namespace, folder), tag="")
        try:
            return spec.with_values(with_image(member.values, self._image))
        except TodoCloudError as exc:
            raise error(Code.INVALID_INPUT, f"{self._name}: {exc.failure.message}.", image=self._image) from exc

    def _warnings(self, spec: ReleaseSpec, member: Member, records: Sequence[Record]) -> list[str]:
        image = image_text(spec.values)
        sets = [record.id for record in records if _has(record, self._name, image)]
        known = f"it was verified in release set {sets[0]}" if sets else "no release set holds it as verified"
        warnings = [f"{self._name}: {image} was requested explicitly; {known}."]
        ran = [each.name for each in records[0].members.values() if each.migration == self._name]
        warnings += [f"{self._name}: its migration {name} is neither undone nor run by this." for name in ran]
        wanted, newest = replace(member, values=spec.values, tag=""), replace(records[0], restored_from=0)
        floor = violates_floor(wanted, newest, self._run.storage.history(self._name))
        return [*warnings, f"{floor}."] if floor else warnings


def _left(name: str, image: str, records: Sequence[Record], withdrawn: Sequence[int] = ()) -> list[int]:
    """Sets that a later rollback must not choose: those with another image, newer than the last one with this image;
    the newest of them alone if none has this image, unless an earlier run has withdrawn it.
    """
    rest, newest = list(records), 0
    while rest and _has(rest[0], name, image):
        newest = rest.pop(0).id
    if rest and any(rest[0].id < number < newest for number in withdrawn):
        return []
    older = next((i for i, record in enumerate(rest) if _has(record, name, image)), None)
    return [record.id for record in rest[: 1 if older is None else older]]


def _has(record: Record, name: str, image: str) -> bool:
    """Is it the same image? The digest decides where both have one, else the name and tag."""
    if name not in record.members:
        return False
    there, wanted = (text.partition("@") for text in (image_text(record.members[name].values), image))
    return there[2] == wanted[2] if there[2] and wanted[2] else there[0] == wanted[0]
