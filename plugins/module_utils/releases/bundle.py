# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle goes to another environment as a promotion does: verified, copied, then deployed by release_apply."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..bundle.bundle import Bundle, opened
from ..bundle.charts import unpacked
from ..bundle.contents import Image, Part, damaged, digest_of
from ..bundle.images import FromLayout, FromRegistry, Source, copy, missing_at, whole
from ..bundle.layout import Layout
from ..failure import Code, error
from ..kube.api import KubeApi
from ..planning.image_digests import ImageDigests, image_of
from ..planning.promotion import Promoted, Terms, check_charts, promoted_waves, verified_image
from ..planning.spec import ReleaseSpec, parse_waves
from ..records.record import Member, Record
from ..records.signing import RecordKeys
from ..registry.client import RegistryClient
from ..registry.reference import Reference
from .bundle_build import OCI, TIMEOUT_SECONDS, Progress, client_for, diff_of, pushing, reference_of
from .promotion import newest_of, replaced_by

_LARGEST_MANIFEST = 4 << 20


def open_bundle(kube: KubeApi, params: Mapping[str, Any], progress: Progress, *, check: bool) -> dict[str, Any]:
    """Verifies a bundle, brings its images to where the target's own images are named, and gives the waves with its
    charts and digests. Raises bundle_damaged, bundle_refused, bundle_unsigned, promotion_refused and others; then
    nothing was written.
    """
    digests = ImageDigests(kube, params["namespace"], params["registries"], TIMEOUT_SECONDS)
    keys = RecordKeys.parse(None, params["bundle_public_keys"] or ())
    waves = params["waves"]
    specs = [spec for wave in parse_waves(waves, params["namespace"]) for spec in wave if not spec.migration]
    with _verified(str(params["bundle"]), digests, keys) as (bundle, source_of):
        record = bundle.record
        if record is None:
            raise AssertionError("what was opened has its release set")
        environment = bundle.contents.environment
        with_charts = [replace(spec, chart_digest=_digest_of(record, spec)) for spec in specs]
        check_charts(record, with_charts, Terms(environment, may_differ=params["may_differ"]))
        target = _Target(pushing(params, digests), bool(params["push_registries"]), progress, check)
        newest = newest_of(kube, params)
        images = [_main(bundle, record.members[spec.name], image, target) for spec in specs
                  if (image := image_of(spec.values))]  # fmt: skip
        charts = _unpacked(bundle, record, [spec.name for spec in specs], Path(params["folder"]))
        copies = target.bring(_wanted(bundle, specs, images), source_of)
        other_tags = target.other_tags
    promoted = promoted_waves([[_with_chart(raw, charts) for raw in wave] for wave in waves], images)
    there = [each["image"] for each in copies if each["state"] == "there"]
    return {
        "changed": any(each["state"] == "copied" for each in copies),
        "digest": bundle.digest,
        "signed": bundle.signed,
        "source": {"environment": environment, "namespace": bundle.contents.namespace},
        "origin": f"{bundle.digest} (set {record.id} of {environment})",
        "set": {"id": record.id, "commit": record.commit, "time": record.time},
        "replaces": replaced_by(newest, images),
        "waves": promoted,
        "images": [each.as_result() for each in images],
        "copies": copies,
        "diff": diff_of(there, [each["image"] for each in copies]),
        "warnings": [*_unsigned(bundle), *_older(record, environment, newest), *other_tags],
    }


def _unsigned(bundle: Bundle) -> Iterator[str]:
    if not bundle.signed:
        yield "The bundle's signature was not checked: set bundle_public_keys to the public key of whoever makes it."


def _older(record: Record, environment: str, newest: Record | None) -> Iterator[str]:
    """Somebody may give an old bundle, which is signed as well."""
    origin = rf"sha256:[0-9a-f]+ \(set ([0-9]{{1,9}}) of {re.escape(environment)}\)"
    found = re.fullmatch(origin, newest.tools.get("origin", "") if newest else "")
    if found and int(found[1]) > record.id:
        yield (
            f"The bundle is older than what is here: it is set {record.id} of {environment}, and set {found[1]} of it "
            "was deployed here."
        )


def _digest_of(record: Record, spec: ReleaseSpec) -> str:
    """The chart is the bundle's, whatever this checkout has."""
    member = record.members.get(spec.name)
    return member.chart_digest if member else spec.chart_digest


@contextmanager
def _verified(
    place: str, digests: ImageDigests, keys: RecordKeys
) -> Iterator[tuple[Bundle, Callable[[Image], Source]]]:  # fmt: skip
    """The bundle, and where its images come from."""
    if place.startswith(OCI):
        reference = reference_of(place)
        client = client_for(digests, reference, "the bundle")
        found = client.manifest(reference)
        here = FromRegistry(client, reference)
        bundle = opened(found.raw, lambda part: here.read(part.digest, 0, part.size), keys)
        yield (
            bundle,
            lambda image: FromRegistry(client_for(digests, image.reference, image.releases[0]), image.reference),
        )
        return
    try:
        layout = Layout(Path(place))
    except OSError as exc:
        raise error(Code.INVALID_INPUT, f"The bundle {place} cannot be read: {exc.strerror}.", option="bundle") from exc
    with layout:
        size = layout.size(layout.bundle)
        if size > _LARGEST_MANIFEST:
            raise damaged("its manifest is too large")
        raw = layout.read(layout.bundle, 0, size)
        if digest_of(raw) != layout.bundle:
            raise damaged("its manifest does not have its digest")

        def part(wanted: Part) -> bytes:
            return layout.read(wanted.digest, 0, wanted.size)

        bundle = opened(raw, part, keys)
        layout.verify()
        inside = FromLayout(layout)
        for image in bundle.contents.images:
            whole(inside, image)
        yield bundle, lambda image: inside


def _main(bundle: Bundle, member: Member, target: Reference, there: _Target) -> Promoted:
    """The image of a release, under the target's name."""
    environment = bundle.contents.environment
    verified, _ran = verified_image(member, environment)
    wanted = replace(verified, tag="")
    image = next((each for each in bundle.contents.images if each.reference == wanted), None)
    if image is None:
        raise damaged(f"it does not name the image of {member.name}")
    tag = there.client(target, member.name).find_digest(replace(target, digest="")) if target.tag else verified.digest
    if tag and tag != verified.digest:
        raise error(
            Code.IMAGE_TAG_TAKEN,
            f"{member.name}: {replace(target, digest='')} already points to {tag}, not to {verified.digest} of the "
            "bundle: choose another version.",
            release=member.name,
        )
    return Promoted(member.name, replace(target, digest=verified.digest), image.accepted, bool(tag))


@dataclass(frozen=True)
class _Wanted:
    """An image, and where it belongs; ``tags``: by which pods ask for it there."""

    image: Image
    to: Reference
    tags: tuple[str, ...]

    @property
    def by_digest(self) -> Reference:
        return replace(self.to, digest=self.image.reference.digest)

    def tagged(self, tag: str) -> Reference:
        return replace(self.to, tag=tag)


def _wanted(bundle: Bundle, specs: Sequence[ReleaseSpec], promoted: Sequence[Promoted]) -> list[_Wanted]:
    """Images of these releases: the main ones where the target names them, others under their own name and tags."""
    names, found = {spec.name for spec in specs}, []
    for image in bundle.contents.images:
        if not names.intersection(image.releases):
            continue
        own = {
            each.image.name for each in promoted
            if each.name in image.releases and each.image.digest == image.reference.digest
        }  # fmt: skip
        found += [_Wanted(image, Reference.parse(name), ()) for name in sorted(own)]
        if image.tags or not own:
            found.append(_Wanted(image, replace(image.reference, digest=""), image.tags))
    return found


class _Target:
    """The registries of the target."""

    def __init__(self, digests: ImageDigests, writes: bool, progress: Progress, check: bool) -> None:
        self._digests, self._writes, self._progress, self._check = digests, writes, progress, check
        self.other_tags: list[str] = []  # that lead to other images there, for people

    def client(self, image: Reference, name: str) -> RegistryClient:
        """Raises invalid_input."""
        known = ("bundle_registries", "push_registries") if self._writes else ("registries", "registries")
        return client_for(self._digests, image, name, *known)

    def bring(self, wanted: Sequence[_Wanted], source_of: Callable[[Image], Source]) -> list[dict[str, str]]:
        """What became of each image: there, copied. All are looked for before the first is copied."""
        lacking = {each: missing for each in wanted if (missing := self._missing(each))}
        if lacking and not self._writes:
            images = ", ".join(str(place) for missing in lacking.values() for place in missing)
            raise error(
                Code.IMAGE_NOT_FOUND,
                f"Not in its registry: {images}. Set bundle_registries, with credentials that may write, and the "
                "bundle's images are copied there.",
                images=images,
            )
        found = []
        for each in wanted:
            if each in lacking and not self._check:
                self._progress(f"{each.to}@{each.image.reference.digest[:19]}")
                client = self._client_of(each)
                if each.by_digest in lacking[each]:
                    copy(source_of(each.image), each.image, client, each.to, self._progress)
                for tag in (place.tag for place in lacking[each] if place.tag):
                    client.add_tag(each.by_digest, tag)
            found.append({"image": str(each.by_digest), "state": "copied" if each in lacking else "there"})
        return found

    def _client_of(self, wanted: _Wanted) -> RegistryClient:
        return self.client(wanted.to, wanted.image.releases[0])

    def _missing(self, wanted: _Wanted) -> list[Reference]:
        """The image, if it or what belongs to it is not there, and the tags that it lacks."""
        client = self._client_of(wanted)
        lacks = [wanted.by_digest] if missing_at(client, wanted.image, wanted.to) else []
        for tag in wanted.tags:
            there = client.find_digest(wanted.tagged(tag))
            if not there:
                lacks.append(wanted.tagged(tag))
            elif there not in (wanted.image.reference.digest, *wanted.image.accepted):
                self.other_tags.append(
                    f"{wanted.tagged(tag)} is another image there ({there[:19]}) than the one that was verified "
                    f"({wanted.image.reference.digest[:19]}): {', '.join(wanted.image.releases)} may run that."
                )
        return lacks


def _unpacked(bundle: Bundle, record: Record, names: Sequence[str], folder: Path) -> dict[str, str]:
    """Paths of the charts of releases."""
    paths: dict[str, str] = {}
    for name in names:
        member = record.members[name]
        if member.chart_digest not in paths:
            archive = bundle.chart(member.chart_digest)
            if archive is None:
                raise damaged(f"the chart of {name} is missing")
            place = Path(tempfile.mkdtemp(prefix="bundle-", dir=folder))
            paths[member.chart_digest] = unpacked(archive, member.chart_digest if member.local else "", place)
    return {name: paths[record.members[name].chart_digest] for name in names}


def _with_chart(raw: Mapping[str, Any], charts: Mapping[str, str]) -> dict[str, Any]:
    """A described release with the bundle's chart."""
    return {**{key: value for key, value in raw.items() if key != "chart_version"}, "chart": charts[raw["name"]]}
