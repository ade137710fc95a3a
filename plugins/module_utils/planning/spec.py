# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Specifications of releases, as the service roles describe them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..digest import chart_digest, digest_of, input_digest, wanted_key
from ..failure import Code, TodoCloudError, error
from ..helm.names import NAME, check_chart, check_namespace
from ..helm.values import check_values, with_files
from ..labels import CHART, ENVIRONMENT, INPUT_KEY, INPUTS, REVISION, WATCHED
from ..records.input_key import InputKey
from ..records.rollback_floor import FLOOR, parse_floor
from ..records.secret_values import Path
from ..rollout.verdict import Patience
from .manifests import manifest_values
from .migrations import Migration, expanded

_KEYS = {
    "name", "namespace", "chart", "chart_version", "files", "values", "watches", "app_id", "rollback_floor", "graces",
    "stability_seconds", "manifests",
}  # fmt: skip
_WATCHABLE = ("Secret", "ConfigMap", "Dapr")


@dataclass(frozen=True)
class Watch:
    """A Secret or ConfigMap whose change restarts the pods of a release once, or what has DAPR's version."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


VersionIds = Mapping[Watch, str]  # identify the present content of watched objects, by uid and resourceVersion
DAPR = Watch("Dapr", "control-plane")  # its version: sidecars get that of the control plane when their pods start


@dataclass(frozen=True)
class ReleaseSpec:
    """The desired state of one release."""

    name: str
    namespace: str
    chart: str
    values: Mapping[str, Any]
    chart_version: str | None = None
    watches: tuple[Watch, ...] = ()
    app_id: str = ""
    wave: int = 0
    rollback_floor: str = ""  # see rollback_floor.py
    patience: Patience = field(default_factory=Patience)
    chart_digest: str = ""
    inputs: str = ""  # digest of chart and values
    input_key: str = ""  # of the key that it was made with, for values that hold secrets
    secret_values: tuple[Path, ...] | None = None  # paths in ``values``; None: not examined
    migration: Migration | None = None  # what it runs, if it is one
    raw: bool = False  # of manifests as they are: objects that nobody owns become its own
    tag: str = ""  # of its image, where it is deployed by an older one of the same image; see Member

    @classmethod
    def parse(cls, raw: Mapping[str, Any], wave: int = 0, migration: Migration | None = None) -> ReleaseSpec:
        """From a role's description; raises TodoCloudError (invalid_input, chart_invalid)."""
        name = raw.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise _invalid(
                f"{name!r} is not a valid release name: lower-case letters, digits and hyphens, at most 53.", name
            )
        if unknown := sorted(str(key) for key in raw if key not in _KEYS):
            known = ", ".join(sorted({*_KEYS, "migrations"}))
            raise _invalid(f"{name}: unknown key {', '.join(unknown)}; a release has {known}.", name)
        for key in ("namespace", "chart"):
            if not isinstance(raw.get(key), str) or not raw[key]:
                raise _invalid(f"{name}: {key} is missing.", name)
        values = raw.get("values") or {}
        if not isinstance(values, Mapping):
            raise _invalid(f"{name}: values must be a dictionary.", name)
        values = _given(_with_manifests(values, raw.get("manifests"), name), raw.get("files") or [], name)
        version = raw.get("chart_version") or None
        check_namespace(raw["namespace"])
        check_chart(raw["chart"], version)
        try:
            chart = chart_digest(raw["chart"], version)
        except TodoCloudError as exc:
            raise error(
                exc.failure.code, f"{name}: {exc.failure.message}", **exc.failure.details, release=name
            ) from exc
        floor = parse_floor(raw.get("rollback_floor"), name)
        spec = cls(
            name=name,
            namespace=raw["namespace"],
            chart=raw["chart"],
            values=values,
            chart_version=version,
            watches=tuple(_watch(each, name) for each in raw.get("watches") or ()),
            app_id=raw.get("app_id") or "",
            wave=wave,
            rollback_floor=floor,
            patience=_patience(raw, name),
            chart_digest=chart,
            migration=migration,
            raw=bool(raw.get("manifests")),
        )
        return spec.with_values(values)

    def with_values(self, values: Mapping[str, Any]) -> ReleaseSpec:
        """The same release with other values and the resulting input digest."""
        return replace(self, values=values, inputs=self._inputs(values), input_key="", secret_values=None)

    def keyed(self, key: InputKey) -> ReleaseSpec:
        """The same release with an input digest that says nothing about its values."""
        return replace(self, inputs=self._inputs(self.values, key.secret), input_key=key.id)

    def _inputs(self, values: Mapping[str, Any], key: bytes = b"") -> str:
        if self.migration:
            return self.migration.inputs(values, key)
        return input_digest(self.chart_digest, values, self.rollback_floor, key)

    def watched(self, version_ids: VersionIds) -> str:
        """The pods' annotation about the watched objects; empty when nothing is watched."""
        return " ".join(f"{watch}={version_ids.get(watch, 'absent')}" for watch in sorted(self.watches, key=str))

    def helm_values(self, version_ids: VersionIds) -> dict[str, Any]:
        """The values for Helm: with the annotation that restarts the pods when a watched object changed."""
        values = copy.deepcopy(dict(self.values))
        if self.watches:
            values["podAnnotations"] = {**(values.get("podAnnotations") or {}), WATCHED: self.watched(version_ids)}
        return values

    def labels(self, version_ids: VersionIds, environment: str, revision: int) -> dict[str, str]:
        """Labels that Helm stores with the revision."""
        return {
            **({ENVIRONMENT: environment} if environment else {}),
            INPUTS: self.inputs,
            **({INPUT_KEY: self.input_key} if self.input_key else {}),
            CHART: self.chart_digest,
            WATCHED: watched_label(self.watched(version_ids)),
            REVISION: str(revision),
            **({FLOOR: self.rollback_floor} if self.rollback_floor else {}),
            **(self.migration.labels if self.migration else {}),
        }

    def wanted(self, version_ids: VersionIds) -> str:
        """One key for everything that makes a revision the wanted one."""
        return wanted_key(self.inputs, watched_label(self.watched(version_ids)))


def watched_label(annotation: str) -> str:
    """The annotation's text as a label value."""
    return digest_of(annotation.encode()) if annotation else "none"


def parse_waves(waves: Sequence[Sequence[Mapping[str, Any]]], namespace: str) -> list[list[ReleaseSpec]]:
    """All waves, migrations included; each release must occur once, in the environment's namespace."""
    parsed = [
        [ReleaseSpec.parse(raw, number, migration) for raw, migration in wave]
        for number, wave in enumerate(expanded(waves))
    ]
    seen: set[str] = set()
    for spec in (spec for wave in parsed for spec in wave):
        if spec.name in seen:
            raise _invalid(f"{spec.name} occurs twice in the waves.", spec.name)
        seen.add(spec.name)
        if spec.namespace != namespace:
            raise _invalid(
                f"{spec.name} has namespace {spec.namespace!r}, but this environment is in {namespace!r}.",
                spec.name,
            )
    return [wave for wave in parsed if wave]


def _with_manifests(values: Mapping[str, Any], paths: Any, release: str) -> Mapping[str, Any]:
    """The values, or those that manifests become. Raises invalid_input."""
    if not paths:
        return values
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise _invalid(f"{release}: manifests is a list of files and folders.", release)
    return manifest_values(paths, release)


def _given(values: Mapping[str, Any], files: Any, release: str) -> Mapping[str, Any]:
    """The values over those of the values files. Raises invalid_input for what Helm could not be given."""
    if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
        raise _invalid(f"{release}: files is a list of values files.", release)
    try:
        found = with_files(values, files) if files else values
        check_values(found)
    except TodoCloudError as exc:
        raise _invalid(f"{release}: {exc.failure.message}", release) from exc
    return found


def _patience(raw: Mapping[str, Any], release: str) -> Patience:
    try:
        return Patience.parse(raw.get("graces") or {}, raw.get("stability_seconds"))
    except TodoCloudError as exc:
        raise _invalid(f"{release}: {exc.failure.message}", release) from exc


def _watch(raw: Any, release: str) -> Watch:
    if not isinstance(raw, Mapping) or raw.get("kind") not in _WATCHABLE or not isinstance(raw.get("name"), str):
        raise _invalid(f"{release}: a watch is a kind ({' or '.join(_WATCHABLE)}) and a name, not {raw!r}.", release)
    return Watch(raw["kind"], raw["name"])


def _invalid(message: str, release: object) -> TodoCloudError:
    return error(Code.INVALID_INPUT, message, release=str(release))
