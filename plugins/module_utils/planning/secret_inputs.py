# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases whose values hold secrets: which values these are, and input digests that say nothing about them.

Which digest a release had is seen from the labels of its newest revision, so an unchanged one is not rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ..failure import TodoCloudError
from ..helm.program import ApplyRequest, Helm
from ..helm.stored import StoredRelease
from ..kube.api import KubeApi, KubeReader
from ..labels import CHART, INPUT_KEY, INPUTS
from ..records.input_key import InputKey, make_key, read_key
from ..records.record import Member, Record
from ..records.rollback_floor import FLOOR
from ..records.secret_values import Path, leaves
from .chart_text import may_make_secrets
from .credentials import is_credential
from .hiding import without_secrets
from .manifests import is_secret_path
from .plan import Read, differences, newest_content, without_annotation
from .secret_leaves import secret_leaves
from .snapshot import Snapshot
from .spec import ReleaseSpec

_RENDER_SECONDS = 120
_SIDE_BY_SIDE = 4


@dataclass
class SecretInputs:
    """For one run. Threads may share it."""

    kube: KubeReader
    helm: Helm
    namespace: str
    _keys: list[InputKey | None] = field(default_factory=list)

    def as_labelled(self, spec: ReleaseSpec, snapshot: Snapshot, read: Read) -> ReleaseSpec:
        """The release with the kind of digest that its newest revision has: equal if its inputs are.

        Without the key of that digest the values decide that Helm stores.
        """
        history = snapshot.history(spec.name)
        labels = history[-1].labels if history else {}
        key_id = labels.get(INPUT_KEY, "")
        if not key_id:
            return spec
        key = self._key()
        if key and key.id == key_id:
            return spec.keyed(key)
        stored = newest_content(history, read)
        same = stored is not None and _equal(spec, stored, labels)
        return replace(spec, inputs=labels.get(INPUTS, ""), input_key=key_id) if same else spec

    def examined(self, spec: ReleaseSpec, member: Member | None = None) -> ReleaseSpec:
        """The release with the paths of its secret values. ``member``: as it was recorded last. Raises HelmError."""
        if spec.secret_values is not None:
            return spec
        if member and member.secret_values is not None and member.inputs == spec.inputs:
            return replace(spec, secret_values=member.secret_values)
        return replace(spec, secret_values=self._search(spec))

    def all_examined(self, specs: Iterable[ReleaseSpec], newest: Record | None) -> dict[str, ReleaseSpec]:
        """The same by name, side by side. ``newest``: the newest verified set."""
        members = newest.members if newest else {}
        todo = list(specs)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            found = pool.map(lambda spec: self.examined(spec, members.get(spec.name)), todo)
            return {spec.name: spec for spec in found}

    def keyed(self, spec: ReleaseSpec, kube: KubeApi) -> ReleaseSpec:
        """An examined release with the digest that its values need; the key is made if there is none."""
        if not spec.secret_values:
            return replace(spec.with_values(spec.values), secret_values=spec.secret_values)
        if self._key() is None:
            self._keys = [make_key(kube, self.namespace)]
        key = self._key()
        if key is None:
            raise AssertionError("the key was read or made above")
        return spec.keyed(key)

    def _key(self) -> InputKey | None:
        if not self._keys:
            self._keys.append(read_key(self.kube, self.namespace))
        return self._keys[-1]

    def _search(self, spec: ReleaseSpec) -> tuple[Path, ...]:
        if spec.raw:
            return tuple(
                path for path in leaves(spec.values) if is_secret_path(path) or is_credential(path, spec.values)
            )
        named = {path for path in leaves(spec.values) if is_credential(path, spec.values)}
        if not may_make_secrets(spec.chart, spec.values):
            return tuple(sorted(named, key=str))  # nothing is rendered for that
        found = set(self._rendered(spec)) | named
        return tuple(path for path in leaves(spec.values) if path in found)

    def _rendered(self, spec: ReleaseSpec) -> tuple[Path, ...]:
        """By the chart alone; if it needs the cluster to be rendered, by a dry run of the server."""
        try:
            return secret_leaves(spec.values, lambda values: self.helm.template(_request(spec, values)))
        except TodoCloudError:
            pass
        try:
            return secret_leaves(spec.values, lambda values: self.helm.render(_request(spec, values)).manifest)
        except TodoCloudError as exc:
            raise TodoCloudError(without_secrets(exc.failure, spec)) from exc


def _request(spec: ReleaseSpec, values: Mapping[str, Any]) -> ApplyRequest:
    return ApplyRequest(spec.name, spec.namespace, spec.chart, values, spec.chart_version, timeout=_RENDER_SECONDS)


def _equal(spec: ReleaseSpec, stored: StoredRelease, labels: Mapping[str, str]) -> bool:
    """Whether a revision was made from the inputs of ``spec``."""
    if (labels.get(CHART), labels.get(FLOOR, "")) != (spec.chart_digest, spec.rollback_floor):
        return False
    return not differences(without_annotation(stored.config)[0], without_annotation(spec.values)[0])
