# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resolves image tags to digests before the comparison: a moved tag is a change, and pods run exactly that image.

An unreachable registry does not stop the run: the digest that is deployed for the same tag is kept, so that its outage
restarts no pods. Without one the tag is used, and the plan says so. A missing image stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..failure import Code, Failure, TodoCloudError, error, one_or_many
from ..helm.stored import StoredRelease
from ..kube.api import KubeReader
from ..kube.resources import SECRET
from ..live_lines import Passing
from ..readiness.daprd import CONTAINER
from ..records.record import Member
from ..registry.access import ANY, Access
from ..registry.client import RegistryClient
from ..registry.image import entries_of
from ..registry.reference import Reference
from ..registry.signatures import ImageKeys, why_unsigned
from .plan import PlanItem, newest_content
from .snapshot import Snapshot
from .spec import ReleaseSpec

_T = TypeVar("_T")
_TIMEOUT_SECONDS = 15.0
_PARALLEL = 8
Read = Callable[[str, int], StoredRelease]


def image_of(values: Mapping[str, Any]) -> Reference | None:
    """The image in a release's values, if it can have a digest: ``image`` as a full reference, or as a dictionary with
    ``digest`` (which may be empty), ``repository`` and ``tag``.
    """
    image = values.get("image")
    try:
        if isinstance(image, str):
            return Reference.parse(image)
        if isinstance(image, Mapping) and "digest" in image and isinstance(image.get("repository"), str):
            prefix = f"{image['registry']}/" if image.get("registry") else ""
            named = Reference.parse(prefix + image["repository"])
            return replace(named, tag=str(image.get("tag") or ""), digest=str(image["digest"] or ""))
    except ValueError:
        return None  # the chart's schema or the kubelet reports what is wrong
    return None


def with_digest(values: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The values with a digest for their image; the tag stays, for people."""
    image = values["image"]
    if isinstance(image, Mapping):
        return {**values, "image": {**image, "digest": digest}}
    return {**values, "image": str(replace(Reference.parse(image), digest=digest))}


@dataclass
class _Unresolved:
    """Tags of one registry that were not resolved, for the same reason."""

    why: str
    kept: list[str] = field(default_factory=list)
    by_tag: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, image: Reference, failure: Failure | None) -> _Unresolved:
        """``failure``: the registry's failure; None when the registry is not configured."""
        return cls(failure.message if failure else f"{image.registry} is not asked for digests.")

    def __str__(self) -> str:
        kept = f" Kept at the deployed digest: {', '.join(self.kept)}." if self.kept else ""
        return self.why + kept + (f" By tag: {', '.join(self.by_tag)}." if self.by_tag else "")


@dataclass
class ImageDigests:
    """Digests from the registries in one run; each tag is resolved once. ``registries``: see release_apply."""

    kube: KubeReader
    namespace: str
    registries: Sequence[Mapping[str, Any]]
    timeout: float = _TIMEOUT_SECONDS  # for one registry
    pushes: bool = False  # see RegistryClient
    progress: Callable[[str], None] = lambda line: None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, Reference] = field(default_factory=dict)  # by release: its registry has no such image
    _clients: dict[tuple[str, Access], RegistryClient] = field(default_factory=dict)
    _pull_secrets: dict[str, str] = field(default_factory=dict, repr=False)  # name -> content in base64
    _answers: dict[Reference, str | Failure] = field(default_factory=dict)
    _signed: set[str] = field(default_factory=set)

    def resolve(
        self, waves: Sequence[Sequence[ReleaseSpec]], snapshot: Snapshot, read: Read
    ) -> list[list[ReleaseSpec]]:
        """The same releases with their images by digest; ``missing`` names those whose registry has no such image."""
        images = {spec.name: image for wave in waves for spec in wave if (image := image_of(spec.values))}
        by_tag = {name: image for name, image in images.items() if image.tag and not image.digest}
        self._ask(set(by_tag.values()) - self._answers.keys())
        digests: dict[str, str] = {}
        self.missing = {}
        unresolved: dict[tuple[str, str], _Unresolved] = {}
        for name, image in by_tag.items():
            answer = self._answers.get(image)
            if isinstance(answer, str):
                digests[name] = answer
                continue
            deployed = deployed_digest(name, image, snapshot, read)
            if answer is not None and answer.code is Code.IMAGE_NOT_FOUND and not deployed:
                self.missing[name] = image
                continue
            key = (image.registry, answer.code if answer else "")
            group = unresolved.setdefault(key, _Unresolved.of(image, answer))
            (group.kept if deployed else group.by_tag).append(name)
            digests[name] = deployed
        self.warnings = [str(group) for (_registry, code), group in unresolved.items() if code]
        self.warnings += self._moved([spec.name for wave in waves for spec in wave], by_tag, snapshot)
        self.notes = [str(group) for (_registry, code), group in unresolved.items() if not code]
        return [[_at_digest(spec, digests.get(spec.name, "")) for spec in wave] for wave in waves]

    def _moved(self, names: Iterable[str], resolved: Mapping[str, Reference], snapshot: Snapshot) -> list[str]:
        """Releases whose pods run another image than their tags point to by now. It is not the one that is
        ``resolved``, but that of another container, or in values without a place for a digest (``repository`` and
        ``tag``, subcharts): nothing can be done about it but to tell.
        """
        running = {
            (name, image): each["digest"]
            for name in names
            if snapshot.newest and (member := snapshot.newest.members.get(name))
            for place, each in member.images.items()
            if each["digest"] and not place.endswith(f"/{CONTAINER}") and (image := _by_tag(each["image"]))
            if image != resolved.get(name)
        }
        self._ask({image for _name, image in running} - self._answers.keys())
        return [
            f"{name}: {image} now points to {now[:19]}, its pods run {digest[:19]}, and only the main image is "
            "resolved to a digest: name this one by digest, or by a tag that stays the same. A restart alone may find "
            "the old one on the node."
            for (name, image), digest in running.items()
            if isinstance(now := self._answers.get(image), str) and now != digest and not self._has(image, digest)
        ]

    def _has(self, image: Reference, digest: str) -> bool:
        """Whether it is the digest of one platform of an image, as some runtimes report it; True if nobody can tell."""
        client = self.client(image)
        try:
            return client is None or digest in [each["digest"] for each in entries_of(client.manifest(image))]
        except TodoCloudError:
            return True

    def absent(self, images: Iterable[str]) -> list[str]:
        """Those of some references by tag whose registry can be asked, and has no such image."""
        named: dict[Reference, str] = {}
        for text in images:
            with suppress(ValueError):
                image = Reference.parse(text)
                if image.tag and not image.digest:
                    named[image] = text
        self._ask(named.keys() - self._answers.keys())
        answers = {image: self._answers.get(image) for image in named}
        return sorted(
            named[image]
            for image, answer in answers.items()
            if isinstance(answer, Failure) and answer.code is Code.IMAGE_NOT_FOUND
        )

    def unsigned(self, images: Iterable[str], keys: ImageKeys) -> dict[str, Failure]:
        """Those of some references that none of the keys has signed, or of which nobody can tell; with the reason."""

        def one(text: str) -> Failure | None:
            try:
                image = Reference.parse(text)
                if not image.digest:
                    return _unsigned("it is named by a tag, and only a digest can be signed")
                if (client := self.client(image)) is None:
                    return _unsigned(f"{image.registry} is not asked for signatures")
                why = why_unsigned(client, image, keys)
                return _unsigned(why) if why else None
            except ValueError as exc:
                return _unsigned(str(exc))
            except TodoCloudError as exc:
                return exc.failure

        named = sorted(set(images) - self._signed)
        with ThreadPoolExecutor(_PARALLEL) as pool:
            answers = dict(zip(named, pool.map(one, named), strict=True))
        self._signed |= {text for text, failure in answers.items() if failure is None}
        return {text: failure for text, failure in answers.items() if failure}

    def platforms(self, images: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What images are built for, as ``os/architecture[/variant]``, as far as their registries can be asked."""
        found = self._each(images, lambda client, image: client.platforms(image))
        return {text: platforms for text, platforms in found.items() if platforms}

    def users(self, images: Iterable[str]) -> dict[str, str]:
        """As whom images run, as far as their registries can be asked; empty for those that do not say."""
        return self._each(images, lambda client, image: client.image(image).user)

    def _each(self, images: Iterable[str], ask: Callable[[RegistryClient, Reference], _T | None]) -> dict[str, _T]:
        """By image, without those of which nobody answers."""
        down = {
            image.registry for image, answer in self._answers.items()
            if isinstance(answer, Failure) and answer.code is not Code.IMAGE_NOT_FOUND
        }  # fmt: skip

        def one(image: Reference) -> _T | None:
            try:
                client = None if image.registry in down else self.client(image)
                return ask(client, image) if client else None
            except TodoCloudError as exc:
                if exc.failure.code is Code.REGISTRY_UNREACHABLE:
                    down.add(image.registry)
                return None

        named: dict[str, Reference] = {}
        for text in sorted(images):
            with suppress(ValueError):  # the kubelet says what is wrong
                named[text] = Reference.parse(text)
        self._say(image for image in named.values() if image.registry not in down and self.client(image))
        with ThreadPoolExecutor(_PARALLEL) as pool:
            answers = zip(named, pool.map(one, named.values()), strict=True)
            return {text: found for text, found in answers if found is not None}

    def _say(self, images: Iterable[Reference]) -> None:
        """Which registries are asked now: one that does not answer takes long."""
        if names := sorted({image.registry for image in images}):
            text = one_or_many(names, "registry {} is asked", "registries {} are asked")
            self.progress(Passing(f"{text} for images", of=""))

    def client(self, image: Reference) -> RegistryClient | None:
        """A client for the registry of an image; None when ``registries`` has no entry for it.

        Images with the same credentials share one.
        """
        fitting = [r for host in (image.registry, ANY) for r in self.registries if r["host"] == host]
        if not fitting:
            return None
        key = (image.registry, self._access(image, fitting[0]))
        if key not in self._clients:
            self._clients[key] = RegistryClient(*key, self.timeout, pushes=self.pushes)
        return self._clients[key]

    def _access(self, image: Reference, options: Mapping[str, Any]) -> Access:
        if options["host"] == ANY and options.get("password") and not options.get("endpoint"):
            raise error(
                Code.INVALID_INPUT,
                f"The password of the registries' entry '*' would go to {image.registry}, and to any other registry "
                "that an image names: give it an endpoint, or the registry that it is for.",
                option="registries",
            )
        access, secret = Access.to(image.registry, options), options.get("pull_secret")
        if not secret or access.credentials:
            return access
        if secret not in self._pull_secrets:
            found = self.kube.find(SECRET, self.namespace, secret)
            self._pull_secrets[secret] = ((found or {}).get("data") or {}).get(".dockerconfigjson") or ""
        text = self._pull_secrets[secret]
        return access.with_pull_secrets(image.name, [text]) if text else access

    def _ask(self, images: set[Reference]) -> None:
        askable = [(image, client) for image in sorted(images, key=str) if (client := self.client(image))]
        down: dict[str, Failure] = {}

        def one(image: Reference, client: RegistryClient) -> str | Failure:
            if image.registry in down:
                return down[image.registry]
            try:
                return client.digest(image)
            except TodoCloudError as exc:
                if exc.failure.code is Code.REGISTRY_UNREACHABLE:
                    down[image.registry] = exc.failure
                return exc.failure

        self._say(image for image, _client in askable)
        if askable:
            with ThreadPoolExecutor(min(_PARALLEL, len(askable))) as pool:
                answers = pool.map(lambda pair: one(*pair), askable)
                self._answers |= dict(zip((image for image, _client in askable), answers, strict=True))


def _unsigned(why: str) -> Failure:
    return Failure(Code.IMAGE_UNSIGNED, why)


def _by_tag(text: str) -> Reference | None:
    with suppress(ValueError):
        image = Reference.parse(text)
        return image if image.tag and not image.digest else None
    return None


def deployed_image(name: str, snapshot: Snapshot, read: Read) -> Reference | None:
    """The image of a release's newest revision; None without one."""
    history = snapshot.history(name)
    if not history:
        return None
    if member := _verified(name, snapshot):
        return image_of(member.values)
    stored = newest_content(history, read)
    return image_of(stored.config) if stored else None


def with_images(plan: Iterable[PlanItem], snapshot: Snapshot, read: Read) -> list[PlanItem]:
    """The plan, with the image that each release is to have and the one that it has."""

    def one(item: PlanItem) -> PlanItem:
        wanted, there = image_of(item.spec.values) if item.spec else None, deployed_image(item.name, snapshot, read)
        return replace(item, image=str(wanted or ""), image_before=str(there or ""))

    return [one(item) for item in plan]


def deployed_digest(name: str, image: Reference, snapshot: Snapshot, read: Read) -> str:
    """The digest of the same image and tag in a release's newest revision; empty without one."""
    there, member = deployed_image(name, snapshot, read), _verified(name, snapshot)
    if there is None:
        return ""
    tags = {there.tag, member.tag} if member and member.tag else {there.tag}
    return there.digest if replace(there, tag="", digest="") == replace(image, tag="") and image.tag in tags else ""


def as_deployed(spec: ReleaseSpec, snapshot: Snapshot, read: Read) -> ReleaseSpec:
    """A release whose image is the one that is deployed keeps the tag by which it was deployed, so that a new tag alone
    restarts no pods; ``tag`` is the new one then.
    """
    wanted = image_of(spec.values)
    if wanted is None or not wanted.tag or not wanted.digest:
        return spec
    there = deployed_image(spec.name, snapshot, read)
    if there is None or there == wanted or replace(there, tag="") != replace(wanted, tag=""):
        return spec
    image = spec.values["image"]
    kept = {**image, "tag": there.tag} if isinstance(image, Mapping) else str(there)
    return replace(spec.with_values({**spec.values, "image": kept}), tag=wanted.tag)


def _verified(name: str, snapshot: Snapshot) -> Member | None:
    """What was recorded of a release's newest revision."""
    history, member = snapshot.history(name), snapshot.newest.members.get(name) if snapshot.newest else None
    return member if history and member and member.is_at(history[-1]) else None


def _at_digest(spec: ReleaseSpec, digest: str) -> ReleaseSpec:
    return spec.with_values(with_digest(spec.values, digest)) if digest else spec


def not_found(missing: Mapping[str, Reference]) -> TodoCloudError:
    """The error for images that their registries do not have, by release."""
    images = ", ".join(f"{image} ({name})" for name, image in missing.items())
    return error(
        Code.IMAGE_NOT_FOUND,
        f"Not found in the registry: {images}. Nothing was changed.",
        images={name: str(image) for name, image in missing.items()},
    )
