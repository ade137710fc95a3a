# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A verified release set becomes a bundle: a file, or an artefact in a registry."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..bundle.bundle import Bundle, Parts, made
from ..bundle.contents import ARTIFACT, LARGEST, MANIFEST, Image, damaged, digest_of, refused
from ..bundle.images import FromRegistry, Tree, attached_to, sboms_of, tree
from ..bundle.layout import Blob, entry, same_bundle, write
from ..bundle.place import check_place, unfinished
from ..failure import Code, TodoCloudError, error
from ..helm.cli import HelmCli
from ..known_secrets import may_be_secret, secrets_of
from ..kube.api import KubeApi, KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import CONFIG_MAP, SECRET
from ..kube.secret_data import texts_of
from ..parsing import Malformed, unpack_gzip
from ..planning.image_digests import ImageDigests, image_of
from ..planning.promotion import Terms, choose, named_alike, verified_image
from ..readiness.daprd import CONTAINER
from ..records.packing import text_of
from ..records.record import PREFIX, Member, Record
from ..records.signing import RecordKeys
from ..records.store import RecordStore, sound
from ..registry.client import PART, RegistryClient
from ..registry.image import INDEXES, Manifest, entries_of
from ..registry.reference import Reference

Progress = Callable[[str], None]
Trees = dict[Reference, tuple[FromRegistry, list[Tree]]]  # each image, then what is attached to it
OCI = "oci://"
TIMEOUT_SECONDS = 300.0  # for a part of an image, retries included


def build(
    kube: KubeApi, helm: HelmCli, params: Mapping[str, Any], progress: Progress, *, check: bool
) -> dict[str, Any]:
    """Writes or pushes the bundle of an environment's verified set. Raises promotion_refused, bundle_refused and errors
    of the registries.
    """
    try:
        return _built(kube, helm, params, progress, check=check)
    except TodoCloudError as exc:
        if exc.failure.code is not Code.BUNDLE_DAMAGED:
            raise
        message = f"The bundle cannot be made: {exc.failure.details['why']}. Nothing was changed."
        raise error(Code.BUNDLE_REFUSED, message) from exc


def _built(
    kube: KubeApi, helm: HelmCli, params: Mapping[str, Any], progress: Progress, *, check: bool
) -> dict[str, Any]:
    namespace, environment = params["namespace"], params["environment"]
    keys = RecordKeys.parse(params["record_key"], params["record_public_keys"] or ())
    warnings: list[str] = []
    store = RecordStore(kube, namespace, environment, keys)
    number = choose(store, Terms(environment, commit=params["commit"] or ""), damaged=warnings.append).id
    item = kube.get(CONFIG_MAP, namespace, f"{PREFIX}{number}")
    record = sound(item, namespace, environment, keys)
    digests = ImageDigests(kube, namespace, params["registries"], TIMEOUT_SECONDS)
    parts, trees = Parts(), Trees()
    charts = _charts(record, helm)
    _check_secrets(kube, namespace, [text_of(item).encode(), *(archive for _name, archive in charts.values())])
    images = tuple(_described(used, digests, parts, trees, warnings) for used in _images(record))
    bundle = made(item, namespace, record, charts, parts, images, keys)
    if not bundle.signed:
        warnings.append("The bundle is not signed: set record_key, and give its public key to whoever deploys it.")
    to = str(params["bundle"])
    if to.startswith(OCI):
        changed = _push(bundle, to, params, digests, progress, check)
    else:
        changed = _write(bundle, Path(to), trees, progress, check)
    listed = [f"bundle {bundle.digest}", *(image.image for image in images)]
    return {
        "changed": changed,
        "diff": diff_of([] if changed else listed, listed),
        "digest": bundle.digest,
        "signed": bundle.signed,
        "set": {"id": record.id, "commit": record.commit, "time": record.time},
        "images": [{"image": image.image, "releases": list(image.releases)} for image in images],
        "missing": dict(record.missing),
        "warnings": warnings,
    }


def _charts(record: Record, helm: HelmCli) -> dict[str, tuple[str, bytes]]:
    """Name and archive by digest; what is elsewhere is pulled."""
    found: dict[str, tuple[str, bytes]] = {}
    for member in record.members.values():
        if member.chart_digest in found:
            continue
        archive = record.charts.get(member.chart_digest)
        if archive is None and member.local:
            raise refused(
                f"release set {record.id} was too large to hold the chart of {member.name}: keep big files out of "
                "values, deploy it again, and bundle that"
            )
        if archive is None:
            with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
                archive = helm.pull(member.chart, member.chart_version, Path(folder))
        name = re.sub(r"[^\w.-]", "-", member.chart.rpartition("/")[2].partition("@")[0].removesuffix(".tgz"))
        found[member.chart_digest] = (f"{name}-{member.chart_digest[:12]}.tgz", archive)
    return found


def _check_secrets(kube: KubeReader, namespace: str, contents: Sequence[bytes]) -> None:
    """Nothing that stands in a Secret of the namespace is in a bundle, as far as they may be read."""
    try:
        items = kube.list_(SECRET, namespace)[0]
    except Forbidden:
        return
    plain = [_uncompressed(each) for each in contents]
    for each in items:
        if str(each.get("type")).startswith("helm.sh/"):
            continue
        hidden = {text for text in secrets_of(texts_of(each)) if may_be_secret(text)}
        if any(text.encode() in content for text in hidden for content in plain):
            raise refused(
                f"a value of the Secret {each['metadata']['name']} is in the values or in a chart of the release set: "
                "let the chart refer to the Secret instead"
            )


def _uncompressed(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return unpack_gzip(content)
    except Malformed as exc:
        raise refused(f"whether a chart holds secrets cannot be seen: {exc}") from exc


@dataclass
class _Used:
    """An image by digest, the digest that pods reported for it, whose it is, and by which tags some ask for it."""

    image: Reference
    ran: str
    names: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)


def _images(record: Record) -> list[_Used]:
    """Dapr's sidecar is the platform's."""
    found: dict[Reference, _Used] = {}
    for name, member in sorted(record.members.items()):
        for image, ran, tag in _images_of(member, record.environment):
            used = found.setdefault(image, _Used(image, ran))
            used.names += [name] if name not in used.names else []
            used.tags |= {tag} if tag else set()
    return sorted(found.values(), key=lambda each: str(each.image))


def _images_of(member: Member, environment: str) -> Iterator[tuple[Reference, str, str]]:
    """With the tag of those that are not the release's own, which the target names by a tag of its own."""
    main = image_of(member.values)
    if main and member.migration:
        if main.digest:
            yield replace(main, tag=""), main.digest, ""
        return
    if main:
        verified, ran = verified_image(member, environment)
        yield replace(verified, tag=""), ran, ""
    for place, each in member.images.items():
        if place.endswith(f"/{CONTAINER}") or (main and named_alike(each["image"], main.name)):
            continue
        try:
            named = Reference.parse(each["image"])
            other = Reference.of(named.registry, named.repository, "", each["digest"])
        except ValueError:
            other = None
        if other is None or not other.digest:
            raise refused(
                f"{member.name} runs {each['image']}, which has no digest: its image must come from a registry"
            )
        yield other, other.digest, "" if named.digest else named.tag or "latest"


def _described(used: _Used, digests: ImageDigests, parts: Parts, trees: Trees, warnings: list[str]) -> Image:
    """With what its registry says; lists of what it is made of become parts."""
    image = used.image
    client = client_for(digests, image, used.names[0])
    attached = attached_to(client, image)
    source = FromRegistry(client, image)
    found = [tree(source, digest) for digest in (image.digest, *(each.digest for each in attached))]
    trees[image] = (source, found)
    accepted = dict.fromkeys([image.digest, used.ran, *(each["digest"] for each in entries_of(found[0].manifests[-1]))])
    sboms = [sbom for each in found for manifest in each.manifests for sbom in sboms_of(manifest)]
    for number, (kind, digest, size) in enumerate(dict.fromkeys(sboms), 1):
        if size > LARGEST:
            warnings.append(
                f"{digest} of {image.name} has {size >> 20} MiB, more than {LARGEST >> 20}, and is not among the "
                "bundle's lists of what images are made of."
            )
            continue
        content = source.read(digest, 0, size)
        if digest_of(content) != digest:
            raise damaged(f"the registry sends something else than {digest}")
        title = f"sbom/{image.repository.replace('/', '_')}-{image.digest[7:19]}-{number}.json"
        parts.others.append(parts.add(title, kind, content))
    return Image(str(image), tuple(filter(None, accepted)), tuple(used.names), attached, tuple(sorted(used.tags)))


def diff_of(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    """As Ansible shows it."""
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def client_for(
    digests: ImageDigests, image: Reference, name: str, where: str = "registries", option: str = "registries"
) -> RegistryClient:  # fmt: skip
    """``where``: what to add a registry to that is not known. Raises invalid_input."""
    client = digests.client(image)
    if client is None:
        message = f"{image.registry} is needed for {name}: add it to {where}."
        raise error(Code.INVALID_INPUT, message, option=option)
    return client


def _push(
    bundle: Bundle, to: str, params: Mapping[str, Any], digests: ImageDigests, progress: Progress, check: bool
) -> bool:  # fmt: skip
    """False if it was there."""
    place = reference_of(to)
    if not place.tag or place.digest:
        raise error(Code.INVALID_INPUT, f"{to} needs a tag, and no digest.", option="bundle")
    client = client_for(pushing(params, digests), place, "the bundle")
    there = client.find_digest(place)
    if there and there != bundle.digest:
        message = f"{place} is another bundle already ({there}): choose another tag."
        raise error(Code.IMAGE_TAG_TAKEN, message, image=str(place), digest=there)
    if there or check:
        return not there
    progress(f"{to}: {len(bundle.blobs)} parts")
    for digest, content in bundle.blobs.items():
        if not client.has_blob(place, digest):
            client.upload(place, digest, len(content), _reader(content))
    client.put_manifest(place, Manifest(bundle.digest, MANIFEST, bundle.manifest, {}), place.tag)
    return True


def _write(bundle: Bundle, path: Path, trees: Trees, progress: Progress, check: bool) -> bool:
    """False if the file was there."""
    check_place(path)
    if same_bundle(path, bundle.digest):
        return False
    if check:
        return True
    blobs = {digest: Blob(digest, len(content), _reader(content)) for digest, content in bundle.blobs.items()}
    blobs[bundle.digest] = Blob(bundle.digest, len(bundle.manifest), _reader(bundle.manifest))
    name = f"{bundle.contents.environment}-{bundle.contents.set}"
    index = [entry(MANIFEST, bundle.manifest, name, ARTIFACT)]
    for image in bundle.contents.images:
        source, trees_of_image = trees[image.reference]
        for found in trees_of_image:
            for manifest in found.manifests:
                blobs[manifest.digest] = Blob(manifest.digest, len(manifest.raw), _reader(manifest.raw))
            for blob, size in found.blobs.items():
                blobs.setdefault(blob, Blob(blob, size, partial(source.read, blob)))
            top = found.manifests[-1]
            index.append(entry(top.media_type, top.raw, f"{image.reference.name}@{top.digest}"))
    with unfinished(path) as file:
        listed = {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": index}
        write(file, listed, blobs.values(), lambda blob: _told(blob, progress))
    return True


def _told(blob: Blob, progress: Progress) -> None:
    if blob.size > PART:
        progress(f"{blob.digest[:19]} ({blob.size / 2**20:.1f} MiB)")


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: content[start : start + length]


def pushing(params: Mapping[str, Any], digests: ImageDigests) -> ImageDigests:
    """Registries with credentials that may write; without any those that are read."""
    if not params["push_registries"]:
        return digests
    return ImageDigests(digests.kube, digests.namespace, params["push_registries"], TIMEOUT_SECONDS, pushes=True)


def reference_of(text: str) -> Reference:
    try:
        return Reference.parse(text.removeprefix(OCI))
    except ValueError as exc:
        raise error(Code.INVALID_INPUT, f"{exc}.", option="bundle") from exc
