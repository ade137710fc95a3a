# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adopts Helm releases as they run: compares them with the inventory, verifies, labels and records them.

Only metadata is written (labels of Helm's newest Secret, of the namespace, the record), so no pod is restarted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..deploy.recorder import Recorder
from ..deploy.report import Outcome, Report, Row
from ..deploy.request import apply_request
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.verification import Verifier
from ..digest import digest_of, input_digest
from ..environments.guard import Claims, Guard, guard
from ..environments.guard import record as record_cluster
from ..failure import Code, error
from ..helm.errors import HelmError
from ..helm.manifest import manifest_digest
from ..helm.stored import History, ReleaseStatus, StoredRelease
from ..kube.deadline import Deadline
from ..kube.resources import NAMESPACE, SECRET
from ..labels import CHART, ENVIRONMENT, INPUT_KEY, INPUTS, REVISION, WATCHED
from ..planning.credentials import is_credential
from ..planning.diff import manifest_diffs
from ..planning.hiding import credentials_of, without_secrets
from ..planning.image_digests import ImageDigests, image_of, not_found
from ..planning.plan import changes_of, newest_content, origin_of
from ..planning.secret_inputs import SecretInputs
from ..planning.secret_leaves import contents_of
from ..planning.snapshot import WORKLOADS, Snapshot, images_of, targets_of
from ..planning.spec import ReleaseSpec
from ..records.input_key import make_key
from ..records.record import Member
from ..records.secret_values import leaves


@dataclass(frozen=True)
class Found:
    """A release that runs and is not ours yet. ``source``: what it is recorded as; ``same``: as the inventory says."""

    stored: StoredRelease
    source: ReleaseSpec | Member
    same: bool


class Adoption:
    """One run of release_adopt."""

    def __init__(self, run: Run, waves: Sequence[Sequence[ReleaseSpec]]) -> None:
        self._run = run
        self._kube = run.kube
        self._settings = run.settings
        self._read = run.storage.read
        self._waves = [[spec for spec in wave if not spec.migration] for wave in waves]  # none of them is installed yet
        self._image_digests = ImageDigests(
            run.kube, run.settings.namespace, run.settings.registries, progress=run.progress
        )
        self._secrets = SecretInputs(run.kube, run.helm, run.settings.namespace)
        self._report = Report(spent=run.spent)

    def run(self) -> Report:
        """Raises TodoCloudError with the report in its results if a release is unhealthy; then nothing is labelled."""
        settings, report = self._settings, self._report
        claims = Claims(settings.environment, settings.namespace, settings.cluster_id)
        guarded = guard(self._kube, claims, may_be_free=True)
        report.warnings += guarded.warnings
        if settings.check:
            self._adopt(None, guarded)
        else:
            with locked_run(self._run) as run:
                report.warnings += run.warnings
                self._adopt(run, guarded)
        return report

    def _adopt(self, run: LockedRun | None, guarded: Guard) -> None:
        """Without the lock (in check mode) it is only predicted."""
        settings, report = self._settings, self._report
        snapshot = self._look()
        found = self._compare(snapshot)
        report.set = snapshot.newest.id if snapshot.newest else 0
        report.changed = bool(found)
        contents = self._run.boundary().look_at(each.stored for each in found.values())
        contents.check()
        report.notes += contents.notes()
        if not found or run is None:
            return
        stored = self._verified(found)
        found = {name: self._keyed(each, run) for name, each in found.items()}
        if guarded.free:
            patch = {"metadata": {"labels": {ENVIRONMENT: settings.environment}}}
            run.kube.patch(NAMESPACE, "", settings.namespace, patch)
        record_cluster(run.kube, settings.namespace, guarded)
        self._label(found, snapshot, run)
        report.set, warnings = Recorder(run).record(stored, {name: f.source for name, f in found.items()}, snapshot)
        report.warnings += warnings

    def _keyed(self, found: Found, run: LockedRun) -> Found:
        """With an input digest that says nothing about secret values."""
        source, stored = found.source, found.stored
        if isinstance(source, ReleaseSpec):
            return replace(found, source=self._secrets.keyed(self._secrets.examined(source), run.kube))
        named = any(is_credential(path, stored.config) for path in leaves(stored.config))
        if not named and not contents_of(stored.manifest):
            return found
        key = make_key(run.kube, self._settings.namespace)
        inputs = input_digest(source.chart_digest, stored.config, key=key.secret)
        return replace(found, source=replace(source, inputs=inputs, input_key=key.id))

    def _look(self) -> Snapshot:
        return self._run.look(WORKLOADS)

    def _compare(self, snapshot: Snapshot) -> dict[str, Found]:
        """What is to be adopted, by name; every release of the inventory gets its row."""
        waves = self._image_digests.resolve(self._waves, snapshot, self._read)
        if self._image_digests.missing:
            raise not_found(self._image_digests.missing)
        resolved = {spec.name: spec for wave in waves for spec in wave}
        self._report.warnings += [*snapshot.warnings, *self._image_digests.warnings]
        todo = []
        for spec in (spec for wave in self._waves for spec in wave):
            history = snapshot.history(spec.name)
            why = self._why_not(spec, history, snapshot)
            revision = history[-1].revision if history else 0
            outcome = Outcome.PREDICTED if self._settings.check and not why else Outcome.KEPT
            self._report.rows[spec.name] = Row(
                spec.name, "unchanged" if why else "adopt", revision, 0, revision, outcome, why
            )
            if not why:
                todo.append(spec)
        with ThreadPoolExecutor(8) as pool:
            return {f.stored.name: f for f in pool.map(lambda s: self._found(s, resolved[s.name], snapshot), todo)}

    def _why_not(self, spec: ReleaseSpec, history: History, snapshot: Snapshot) -> str:
        """Why a release is not adopted; empty if it is. Raises release_pending, helm_failed."""
        if not history and (why := self._run.storage.second_history(spec.name)):
            return why
        if not history:
            return "no Helm release of this name: site.yml installs it"
        newest = history[-1]
        if newest.status is not ReleaseStatus.DEPLOYED:
            raise error(
                Code.RELEASE_PENDING if newest.status.pending else Code.HELM_FAILED,
                f"{spec.name}: revision {newest.revision} is {newest.status.value}; only what Helm calls deployed can "
                "be adopted. Nothing was touched.",
                release=spec.name,
            )
        if newest_content(history, self._read) is None:
            raise error(Code.HELM_FAILED, f"{spec.name}: its newest revision can't be read.", release=spec.name)
        member = snapshot.newest.members.get(spec.name) if snapshot.newest else None
        return "" if origin_of(history, member, self._read).manual else "ours already"

    def _found(self, spec: ReleaseSpec, resolved: ReleaseSpec, snapshot: Snapshot) -> Found:
        """Compared by what is rendered; the annotation for watched objects is left out, since nobody else sets it."""
        history = snapshot.history(spec.name)
        stored = self._read(spec.name, history[-1].revision)
        row = self._report.rows[spec.name]
        try:
            wanted = self._run.helm.render(
                apply_request(self._settings, replace(spec, watches=()), {}, stored.revision + 1)
            ).manifest
        except HelmError as exc:
            exc = HelmError(without_secrets(exc.failure, spec), transient=exc.transient)
            if exc.failure.code is Code.CHART_INVALID:
                raise exc from None
            wanted = ""
            self._report.warnings.append(f"{spec.name}: could not be compared: {exc.failure.message}")
        if wanted and manifest_digest(wanted) == manifest_digest(stored.manifest):
            row.detail = "as the inventory says"
            return Found(stored, resolved if _runs(resolved, stored, snapshot) else spec, same=True)
        changes = changes_of(replace(spec, watches=()), history, snapshot, stored, manual=False)
        row.detail = "differs, site.yml would change it: " + ("; ".join(changes) or "what the chart renders")
        if self._settings.diff and wanted:
            secrets = credentials_of(stored.config) | credentials_of(spec.values)
            was = stored.manifest, stored.revision
            self._report.diff += manifest_diffs(spec.name, *was, wanted, "inventory", secrets)
        return Found(stored, _as_deployed(stored, spec), same=False)

    def _verified(self, found: Mapping[str, Found]) -> dict[str, StoredRelease]:
        apps = {spec.name: spec.app_id for wave in self._waves for spec in wave}
        self._run.progress("verified as they run: " + ", ".join(found))
        deadline = Deadline.after(self._settings.timeout)
        verified = Verifier(self._run, repair_sidecars=False).verify(list(found), apps, deadline)
        self._report.warnings += verified.warnings
        for name, failure in verified.failures.items():
            row = self._report.rows[name]
            row.outcome, row.detail = Outcome.FAILED, failure.code.value
            self._report.failures.append(failure)
        if not verified.ok:
            self._report.changed = False
            first = self._report.failures[0]
            message = f"{first.message.rstrip('.')}; an unhealthy release is not adopted, nothing was changed."
            raise self._report.fail(replace(first, message=message))
        return dict(verified.stored)

    def _label(self, found: Mapping[str, Found], snapshot: Snapshot, run: LockedRun) -> None:
        """Labels the revisions with their inputs. Raises conflict when Helm writes meanwhile."""
        for name, each in found.items():
            newest = snapshot.history(name)[-1]
            source = each.source
            if isinstance(source, ReleaseSpec):
                labels = source.labels(snapshot.version_ids, self._settings.environment, newest.revision)
            else:
                labels = {
                    ENVIRONMENT: self._settings.environment, INPUTS: source.inputs, CHART: source.chart_digest,
                    WATCHED: source.watched, REVISION: str(newest.revision),
                    **({INPUT_KEY: source.input_key} if source.input_key else {}),
                }  # fmt: skip
            secret = run.kube.get(SECRET, self._settings.namespace, newest.secret)
            metadata = {"resourceVersion": secret["metadata"]["resourceVersion"], "labels": labels}
            run.kube.patch(SECRET, self._settings.namespace, newest.secret, {"metadata": metadata})
            self._report.rows[name].outcome = Outcome.VERIFIED


def _runs(resolved: ReleaseSpec, stored: StoredRelease, snapshot: Snapshot) -> bool:
    """Do the pods of a release by tag run the very digest that the tag points to?"""
    image = image_of(resolved.values)
    if image is None or not image.digest:
        return True
    running = images_of(targets_of(stored), snapshot).values()
    return any(each["digest"] == image.digest for each in running)


def _as_deployed(stored: StoredRelease, spec: ReleaseSpec) -> Member:
    """A release that differs from the inventory, as it is deployed; only Helm's history can restore it.

    Its values are not recorded: whoever installed it may have put secrets into them.
    """
    chart = digest_of(b"adopted", stored.chart_name.encode(), manifest_digest(stored.manifest, secrets=False).encode())
    return Member(
        name=stored.name,
        revision=stored.revision,
        uid="",
        chart=stored.chart_name,
        chart_version=stored.chart_version,
        chart_digest=chart,
        local=True,
        inputs=input_digest(chart, stored.config),
        watched="none",
        values={},
        app_id=spec.app_id,
        wave=spec.wave,
    )
