# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A registry client: the digest of a tag, the description of an image, and adding a tag to a digest."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..failure import Code, TodoCloudError, error
from .access import Access
from .answers import json_object, shown
from .exchange import Response
from .image import (
    CONFIGS,
    INDEXES,
    MANIFESTS,
    Image,
    Manifest,
    entries_of,
    labels_of,
    mapping,
    platform_name,
    platforms_of,
    text,
)
from .reference import Reference, is_digest, is_tag, tag_of_referrers
from .transport import Transport
from .upload import upload

_ACCEPT = {"Accept": ", ".join(INDEXES + MANIFESTS)}
_PREFERRED = "linux/amd64"
PART = 4 << 20  # bytes of a content that are asked for at once: what exchange.py takes
_PAGE, _MOST_PAGES = 1000, 100
_NEXT = re.compile(r'<[^<>?]*\?([!-;=?-~]{1,2000})>\s*;\s*rel="?next')
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)


class RegistryClient:
    """One registry. All references are resolved at it, wherever ``access`` reaches it. Threads may share a client.

    ``pushes``: it reads as who may write, too. Some registries say only then that a repository is not there yet.
    """

    def __init__(
        self, registry: str, access: Access, timeout: float = 30.0, pause: Callable[[float], None] = time.sleep, *,
        pushes: bool = False,
    ) -> None:  # fmt: skip
        self._actions = "pull,push" if pushes else "pull"
        self._http = Transport(registry, access, timeout, pause)
        self._manifests: dict[Reference, Manifest] = {}  # as they were when images were described
        self._configs: dict[str, Mapping[str, Any]] = {}  # by digest

    def digest(self, reference: Reference) -> str:
        """Digest that a tag points to now, or a given digest after checking that it exists.

        Raises image_not_found, registry_denied, registry_unreachable, registry_error.
        """
        answer = self._manifest("HEAD", reference)
        named = self._named_digest(answer, reference)
        return reference.digest or named or self.manifest(reference).digest

    def find_digest(self, reference: Reference) -> str:
        """As :meth:`digest`; empty when there is no such image."""
        try:
            return self.digest(reference)
        except TodoCloudError as exc:
            if exc.failure.code is not Code.IMAGE_NOT_FOUND:
                raise
            return ""

    def manifest(self, reference: Reference) -> Manifest:
        """The manifest or index, verified against the digest. Raises as :meth:`digest` does."""
        answer = self._manifest("GET", reference)
        named_digest = self._named_digest(answer, reference)
        wanted = reference.digest or named_digest
        digest = _digest_of(answer.body, wanted)
        if wanted and digest != wanted:
            raise self._http.protocol_error(f"its manifest of {reference} has the digest {digest}, not {wanted}")
        content = self._json(answer.body, str(reference))
        named = text(content, "mediaType") or answer.headers.get("content-type", "").partition(";")[0].strip()
        if not _MEDIA_TYPE.fullmatch(named):
            raise self._http.protocol_error(f"its manifest of {reference} has no valid media type")
        if "manifests" in content and ("layers" in content or "config" in content):  # CVE-2021-41190
            raise self._http.protocol_error(f"its manifest of {reference} is an image and an index at once")
        return Manifest(digest, named, answer.body, content)

    def image(self, reference: Reference, platform: str = "") -> Image:
        """Description of an image; labels and time are those of ``platform`` (default: linux/amd64, else the first).

        Raises as :meth:`digest` does, and image_not_found when the index has no such platform.
        """
        top = self._known(reference)
        if not top.is_index:
            config = self._config(reference, top)
            own = platform_name(config)
            return _image(reference, top, {own: top.digest} if own else {}, config)
        platforms = platforms_of(top)
        chosen = platform or (_PREFERRED if _PREFERRED in platforms else next(iter(platforms), ""))
        if chosen not in platforms:
            there = ", ".join(platforms) or "none"
            raise error(
                Code.IMAGE_NOT_FOUND,
                f"{reference} has no image for {chosen or 'any platform'}; it has: {there}.",
                image=str(reference),
            )
        one = self._known(Reference(reference.registry, reference.repository, "", platforms[chosen]))
        return _image(reference, top, platforms, self._config(reference, one))

    def platforms(self, reference: Reference) -> tuple[str, ...]:
        """What an image is built for, as ``os/architecture[/variant]``; empty if it does not say. Raises as
        :meth:`digest` does.
        """
        top = self._known(reference)
        if top.is_index:
            return tuple(platforms_of(top))
        own = platform_name(self._config(reference, top))
        return (own,) if own else ()

    def add_tag(self, reference: Reference, tag: str) -> None:
        """Adds a tag to the digest of ``reference``: the same manifest, nothing is rebuilt or copied.

        Raises as :meth:`digest` does; registry_denied when these credentials may not push.
        """
        self.put_manifest(reference, self.manifest(reference), tag)

    def put_manifest(self, reference: Reference, manifest: Manifest, tag: str = "") -> None:
        """Stores a manifest or an index, whose parts are there already, in the repository of ``reference``, under a tag
        or by its digest alone. Raises as :meth:`add_tag` does.
        """
        path = f"/v2/{reference.repository}/manifests/{tag or manifest.digest}"
        headers = {"Content-Type": manifest.media_type}
        scope = f"repository:{reference.repository}:pull,push"
        answer = self._http.request("PUT", path, scope, headers=headers, body=manifest.raw)
        if answer.status not in (200, 201):
            raise self._answers(answer, f"to the tag {tag}" if tag else f"to {manifest.digest} for {reference.name}")
        if (named := self._named_digest(answer, reference)) and named != manifest.digest:
            raise self._http.protocol_error(f"it stores {manifest.digest} of {reference} as {named}")

    def blob(self, reference: Reference, digest: str) -> bytes:
        """Content from the repository of an image, a few MiB at most, verified. Raises as :meth:`digest` does."""
        path = f"/v2/{reference.repository}/blobs/{digest}"
        answer = self._found(self._http.request("GET", path, self._scope(reference)), reference)
        if _digest_of(answer.body, digest) != digest:
            raise self._http.protocol_error(f"the content {digest} of {reference} does not have its digest")
        return answer.body

    def has_blob(self, reference: Reference, digest: str) -> bool:
        """Whether the repository of an image has some content. Raises as :meth:`digest` does."""
        path = f"/v2/{reference.repository}/blobs/{digest}"
        answer = self._http.request("HEAD", path, self._scope(reference))
        if answer.status not in (200, 404):
            raise self._answers(answer, f"for {digest} of {reference}")
        return answer.status == 200

    def blob_part(self, reference: Reference, digest: str, start: int, length: int) -> bytes:
        """Some bytes of a content of any size, PART at most: a part that fails is asked for again by itself. They are
        not verified. Raises as :meth:`digest` does.
        """
        path = f"/v2/{reference.repository}/blobs/{digest}"
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        answer = self._http.request("GET", path, self._scope(reference), headers=headers)
        found = answer.body if answer.status == 206 else b""
        if answer.status == 200:  # it knows no ranges
            found = answer.body[start : start + length]
        elif answer.status != 206:
            self._found(answer, reference)
        if len(found) != length:
            raise self._http.protocol_error(f"it sends {len(found)} of {length} bytes of {digest} of {reference}")
        return found

    def upload(self, reference: Reference, digest: str, size: int, read: Callable[[int, int], bytes]) -> None:
        """Brings some content to the repository of an image, part by part; ``read`` gives bytes by start and length.

        Raises as :meth:`add_tag` does.
        """
        upload(self._http, reference, digest, size, read)

    def referrers(self, reference: Reference) -> list[Mapping[str, Any]]:
        """What refers to an image by digest, such as signatures: entries of an index, each with its digest.

        As the specification says: a registry without that list keeps an index below a tag, made of the digest. Raises
        as :meth:`digest` does.
        """
        path = f"/v2/{reference.repository}/referrers/{reference.digest}"
        found: list[Mapping[str, Any]] = []
        accept, scope, query = {"Accept": INDEXES[0]}, self._scope(reference), ""
        for _page in range(_MOST_PAGES):
            answer = self._http.request("GET", path + query, scope, headers=accept)
            content = json_object(answer.body) if answer.status == 200 else None
            if content is None and query:
                raise self._answers(answer, f"for the rest of what refers to {reference}")
            if content is None:
                break
            found += entries_of(Manifest("", INDEXES[0], answer.body, content))
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return found
            query = f"?{following[1]}"
        else:
            raise self._http.protocol_error(f"its list of what refers to {reference} has no end")
        below = Reference(reference.registry, reference.repository, tag_of_referrers(reference.digest))
        try:
            return entries_of(self.manifest(below))
        except TodoCloudError as exc:
            if exc.failure.code is not Code.IMAGE_NOT_FOUND:
                raise
            return []

    def tags(self, repository: Reference) -> list[str]:
        """All tags of a repository. Raises as :meth:`digest` does."""
        found: list[str] = []
        path, base = f"/v2/{repository.repository}/tags/list?n={_PAGE}", f"/v2/{repository.repository}/tags/list?"
        for _page in range(_MOST_PAGES):
            answer = self._http.request("GET", path, self._scope(repository))
            names = self._json(self._found(answer, repository).body, f"the tags of {repository}").get("tags")
            found += [name for name in names if is_tag(name)] if isinstance(names, list) else []
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return found
            path = base + following[1]
        raise self._http.protocol_error(f"it lists more than {_PAGE * _MOST_PAGES} tags of {repository}")

    def delete(self, reference: Reference) -> None:
        """An image by digest goes, with all its tags; one that is not there is gone. Raises as :meth:`digest` does;
        registry_denied when these credentials may not, or the registry does not delete.
        """
        path, scope = f"/v2/{reference.repository}/manifests/{reference.digest}", f"repository:{reference.repository}"
        answer = self._http.request("DELETE", path, f"{scope}:pull,push,delete")
        if answer.status == 405:
            message = f"{reference.registry} deletes no images ({self._http.error_text(answer) or 'not supported'})"
            raise error(Code.REGISTRY_DENIED, f"{message}: turn its deletion on.", registry=reference.registry)
        if answer.status not in (200, 202, 204, 404):
            raise self._answers(answer, f"for the deletion of {reference}")

    def _scope(self, reference: Reference) -> str:
        """Of the token with which it reads."""
        return f"repository:{reference.repository}:{self._actions}"

    def _known(self, reference: Reference) -> Manifest:
        if reference not in self._manifests:
            self._manifests[reference] = self.manifest(reference)
        return self._manifests[reference]

    def _manifest(self, method: str, reference: Reference) -> Response:
        wanted = reference.digest or reference.tag
        if not wanted:
            raise error(
                Code.INVALID_INPUT, f"{reference} has neither a tag nor a digest: add one.", image=str(reference)
            )
        path = f"/v2/{reference.repository}/manifests/{wanted}"
        answer = self._http.request(method, path, self._scope(reference), headers=_ACCEPT)
        return self._found(answer, reference)

    def _found(self, answer: Response, reference: Reference) -> Response:
        if answer.status == 404:
            raise not_found(reference)
        if answer.status != 200:
            raise self._answers(answer, f"for {reference}")
        return answer

    def _answers(self, answer: Response, what: str) -> TodoCloudError:
        return self._http.protocol_error(f"it answers {answer.status} {what} {self._http.error_text(answer)}".rstrip())

    def _named_digest(self, answer: Response, reference: Reference) -> str:
        """The digest in the header; empty without a valid one. One that contradicts the reference is an error."""
        named = answer.headers.get("docker-content-digest", "")
        if not is_digest(named):
            return ""
        wanted = reference.digest
        if wanted and wanted != named and wanted.partition(":")[0] == named.partition(":")[0]:
            raise self._http.protocol_error(f"it answers with {named} for {reference}")
        return named

    def _config(self, reference: Reference, manifest: Manifest) -> Mapping[str, Any]:
        described = mapping(manifest.content, "config")
        digest = text(described, "digest")
        if text(described, "mediaType") not in CONFIGS:  # an artifact (such as a chart), not an image
            return {}
        if not is_digest(digest):
            raise self._http.protocol_error(f"the configuration of {reference} has no valid digest")
        if digest in self._configs:
            return self._configs[digest]
        self._configs[digest] = self._json(self.blob(reference, digest), str(reference))
        return self._configs[digest]

    def _json(self, body: bytes, what: str) -> dict[str, Any]:
        content = json_object(body)
        if content is None:
            raise self._http.protocol_error(f"its response for {what} is not a JSON object")
        return content


def not_found(reference: Reference) -> TodoCloudError:
    """The error for an image that does not exist in the registry."""
    return error(Code.IMAGE_NOT_FOUND, f"There is no image {reference} in its registry.", image=str(reference))


def _digest_of(body: bytes, wanted: str) -> str:
    algorithm = "sha512" if wanted.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def _image(reference: Reference, top: Manifest, platforms: Mapping[str, str], config: Mapping[str, Any]) -> Image:
    created = shown(text(config, "created"))
    user = shown(text(mapping(config, "config"), "User")) if config else None
    return Image(reference, top.digest, top.media_type, platforms, labels_of(config), created, user)
