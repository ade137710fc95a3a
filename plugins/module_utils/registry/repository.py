# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The versions of one repository: listed and deleted through its registry, or through GitHub's API of packages.

The OCI distribution API lists tags only, so what has none is not seen there, and registries collect it by themselves.
GitHub's registry (ghcr.io) deletes nothing by that API; its API of packages lists and deletes versions with and without
tags: https://docs.github.com/en/rest/packages/packages.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from urllib.parse import quote

from ..failure import Code, TodoCloudError, error
from ..parsing import read_json
from ..proxies import proxy_for
from .access import Access
from .answers import retry_after, shown
from .cleanup import Version
from .client import RegistryClient
from .exchange import Response, Url, exchange
from .image import entries_of, mapping, text
from .reference import Reference, is_digest

GITHUB = "ghcr.io"
_PARALLEL = 8
_PAGE, _MOST_PAGES = 100, 1000
_TRIES, _PAUSE_SECONDS, _LONGEST_WAIT = 3, 1.0, 120.0
_TRANSIENT = (429, 500, 502, 503, 504)


class Versions(Protocol):
    """Where the versions of a repository are."""

    def listed(self) -> list[Version]:
        """All that can be seen."""

    def delete(self, version: Version) -> None:
        """One of them goes, with its tags."""


class RegistryVersions:
    """Through the registry's own API."""

    def __init__(self, client: RegistryClient, repository: Reference) -> None:
        self._client, self._repository = client, repository

    def listed(self) -> list[Version]:
        """Tagged ones. Raises as :meth:`RegistryClient.digest` does."""
        tags = self._client.tags(self._repository)

        def one(tag: str) -> tuple[str, str, str] | None:
            at = Reference(self._repository.registry, self._repository.repository, tag)
            digest = self._client.find_digest(at)
            return (digest, tag, self._created(digest)) if digest else None

        found: dict[str, tuple[list[str], str]] = {}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            for each in pool.map(one, tags):
                if each:
                    found.setdefault(each[0], ([], each[2]))[0].append(each[1])
        return [Version(digest, tuple(sorted(tags)), created) for digest, (tags, created) in found.items()]

    def delete(self, version: Version) -> None:
        """Raises registry_denied where the registry allows no deletion."""
        self._client.delete(Reference(self._repository.registry, self._repository.repository, "", version.digest))

    def _created(self, digest: str) -> str:
        """Of what says so; a signature does not."""
        try:
            return self._client.image(
                Reference(self._repository.registry, self._repository.repository, "", digest)
            ).created
        except TodoCloudError as exc:
            if exc.failure.code is not Code.IMAGE_NOT_FOUND:
                raise
            return ""


class GitHubVersions:
    """Through GitHub's API of packages, of an organization or a user."""

    def __init__(self, repository: Reference, token: str, api: str, access: Access, timeout: float = 30.0) -> None:
        self._owner, _slash, package = repository.repository.partition("/")
        self._name, self._package = repository.name, quote(package, safe="")
        self._api, self._token, self._timeout = api.rstrip("/"), token, timeout
        self._tls = access.tls_context()
        self._folder = ""

    def listed(self) -> list[Version]:
        """A list that changes meanwhile may leave out an index, whose platforms would seem to be nobody's: it counts
        once it was read twice. Raises image_not_found, registry_denied, registry_unreachable, registry_error.
        """
        found = self._list()
        for _again in range(_TRIES):
            before, found = found, self._list()
            if found == before:
                return found
        raise self._error("its list of versions changes all the time; try again later")

    def _list(self) -> list[Version]:
        found: list[Version] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = self._page(page)
            found += [version for each in answer if (version := _version(each))]
            if len(answer) < _PAGE:
                return found
        raise self._error(f"it lists more than {_PAGE * _MOST_PAGES} versions")

    def delete(self, version: Version) -> None:
        """Raises registry_denied, registry_unreachable, registry_error."""
        answer = self._ask("DELETE", f"{self._folder}/{version.id}")
        if answer.status not in (204, 404):
            what = f"it answers {answer.status} for the deletion of {version.digest} {_said(answer)}"
            raise self._error(what.rstrip())

    def _page(self, page: int) -> Sequence[Mapping[str, Any]]:
        query = f"?per_page={_PAGE}&page={page}&state=active"
        owner = quote(self._owner, safe="")
        folders = [self._folder] if self._folder else [
            f"/{kind}/{owner}/packages/container/{self._package}/versions" for kind in ("orgs", "users")
        ]  # fmt: skip
        for folder in folders:
            answer = self._ask("GET", folder + query)
            if answer.status == 200:
                self._folder = folder
                try:
                    content = read_json(answer.body)
                except ValueError:
                    content = None
                if isinstance(content, list):
                    return [each for each in content if isinstance(each, dict)]
                raise self._error("its list of versions is none")
            if answer.status != 404:
                raise self._error(f"it answers {answer.status} {_said(answer)}".rstrip())
        raise error(Code.IMAGE_NOT_FOUND, f"There is no package {self._name} at {self._api}.", image=self._name)

    def _ask(self, method: str, path: str) -> Response:
        try:
            url = Url.parse(self._api + path)
        except ValueError as exc:
            raise error(Code.INVALID_INPUT, f"{shown(self._api)} is no URL of an API.", option="packages_api") from exc
        headers = {
            "Authorization": f"Bearer {self._token}", "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }  # fmt: skip
        why, wait = "", 0.0
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(wait)
            wait = _PAUSE_SECONDS * (attempt + 1)
            try:
                deadline, proxy = time.monotonic() + self._timeout, proxy_for(str(url.origin))
                answer = exchange(method, url, headers, None, deadline=deadline, tls=self._tls, proxy=proxy)
            except (OSError, ValueError, http.client.HTTPException) as exc:
                why = str(getattr(exc, "strerror", None) or type(exc).__name__)
                continue
            limited = _limited(answer)
            if answer.status in (401, 403) and limited is None:
                message = f"{url.origin} does not let this token {_WORDS[method]} of {self._name}"
                raise error(Code.REGISTRY_DENIED, f"{message} {_said(answer)}".rstrip() + ".", status=answer.status)
            if answer.status not in _TRANSIENT and limited is None:
                return answer
            why, wait = f"it answers {answer.status} {_said(answer)}".rstrip(), limited or wait
            if wait > _LONGEST_WAIT:
                why += f", and that one should wait {wait:.0f} s"
                break
        raise error(Code.REGISTRY_UNREACHABLE, f"{url.origin} is unreachable: {why}.", endpoint=self._api)

    def _error(self, what: str) -> TodoCloudError:
        return error(Code.REGISTRY_ERROR, f"Packages of {self._name}: {what}.", endpoint=self._api)


_WORDS = {"GET": "read packages", "DELETE": "delete packages"}


def entries(client: RegistryClient, repository: Reference, versions: Sequence[Version]) -> dict[str, frozenset[str]]:
    """What indexes list, by digest. Raises as :meth:`RegistryClient.digest` does."""

    def one(version: Version) -> frozenset[str]:
        try:
            manifest = client.manifest(Reference(repository.registry, repository.repository, "", version.digest))
        except TodoCloudError as exc:
            if exc.failure.code is not Code.IMAGE_NOT_FOUND:
                raise
            return frozenset()
        return frozenset(each["digest"] for each in entries_of(manifest))

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return dict(zip((each.digest for each in versions), pool.map(one, versions), strict=True))


def _version(raw: Mapping[str, Any]) -> Version | None:
    digest, number = text(raw, "name"), raw.get("id")
    if not is_digest(digest) or not isinstance(number, int):
        return None
    tags = mapping(mapping(raw, "metadata"), "container").get("tags")
    named = tuple(sorted(shown(tag) for tag in tags if isinstance(tag, str))) if isinstance(tags, list) else ()
    return Version(digest, named, text(raw, "created_at"), str(number))


def _limited(answer: Response) -> float | None:
    """Seconds until GitHub takes requests again; None if it sets no limit
    (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
    """
    if answer.status != 403 and answer.status not in _TRANSIENT:
        return None
    if "retry-after" in answer.headers:
        return retry_after(answer.headers)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset[:11]) - time.time())
    return None


def _said(answer: Response) -> str:
    try:
        content = read_json(answer.body)
    except ValueError:
        return ""
    said = shown(text(content, "message"))[:200]
    return f"({said})" if said else ""
