# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deletes old images of repositories, and never what an environment runs or could go back to."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeApi
from ..kube.errors import Forbidden
from ..kube.resources import POD
from ..planning.image_digests import ImageDigests
from ..records.signing import RecordKeys
from ..records.store import RecordStore
from ..registry.access import ANY, Access
from ..registry.cleanup import Keep, Version, surplus, with_entries
from ..registry.client import RegistryClient
from ..registry.reference import Reference
from ..registry.repository import GITHUB, GitHubVersions, RegistryVersions, Versions, entries
from .promotion import session_of_source

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_DAY_SECONDS = 86400


def clean_up(kube: KubeApi, params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """What was deleted, or would be. Raises no_verified_set and set_damaged before that, and what registries do."""
    repositories = [_repository(name) for name in params["images"]]
    in_use(kube, params)  # what fails does so before registries are read, which takes long
    digests = ImageDigests(kube, params["namespace"], params["registries"])
    looked = [(each, _clients(each, digests, params)) for each in repositories]
    found = []
    for repository, (client, versions) in looked:
        listed = versions.listed()
        names = entries(client, repository, listed)
        found.append(_Found(repository.name, versions, listed, names, _missing(client, repository, listed)))
    keep = Keep(
        params["newest"],
        tuple(re.compile(fnmatch.translate(each)) for each in params["tags"]),
        params["min_age_days"] * _DAY_SECONDS,
        in_use(kube, params),  # now, not as it was before all that was read
    )
    for each in found:
        each.gone = surplus(each.listed, each.entries, each.missing, keep, datetime.now(UTC))
    if not check:
        _delete(found)
    deleted = [each.told(version) for each in found for version in each.gone]
    return {
        "changed": bool(deleted),
        "deleted": deleted,
        "kept": {each.name: len(each.listed) - len(each.gone) for each in found},
        "diff": {
            "before": _lines({each.name: each.listed for each in found}),
            "after": _lines({each.name: [one for one in each.listed if one not in each.gone] for each in found}),
        },
    }


@dataclass
class _Found:
    """A repository. ``entries`` and ``missing``: see :func:`surplus`; ``gone``: what goes, in this order."""

    name: str
    versions: Versions
    listed: list[Version]
    entries: Mapping[str, frozenset[str]]
    missing: frozenset[str]
    gone: list[Version] = field(default_factory=list)

    def told(self, version: Version) -> dict[str, Any]:
        """For people."""
        return {"image": f"{self.name}@{version.digest}", "tags": list(version.tags), "created": version.created}


def _delete(found: Sequence[_Found]) -> None:
    """Raises what registries do, with what was deleted. What a registry keeps for reasons of its own, as GitHub keeps
    what many have pulled, stays with all that belongs to it, and keeps nothing else.
    """
    done: list[dict[str, Any]] = []
    failed: TodoCloudError | None = None
    for each in found:
        stays: set[str] = set()
        for version in each.gone:
            if not stays.isdisjoint({version.digest, *version.subjects}):
                stays |= with_entries(each.entries, [version.digest])
                continue
            try:
                each.versions.delete(version)
            except TodoCloudError as exc:
                if exc.failure.code is not Code.REGISTRY_ERROR:
                    raise _so_far(exc, done, found) from None
                failed = failed or exc
                stays |= with_entries(each.entries, [version.digest])
            else:
                done.append(each.told(version))
    if failed:
        raise _so_far(failed, done, found)


def _so_far(failed: TodoCloudError, done: list[dict[str, Any]], found: Sequence[_Found]) -> TodoCloudError:
    if not done:
        return failed
    how_far = f"; {len(done)} of {sum(len(each.gone) for each in found)} images were deleted."
    told = replace(failed.failure, message=failed.failure.message.rstrip(".") + how_far)
    return TodoCloudError(told, {**failed.results, "changed": True, "deleted": done}, failed.warnings)


def in_use(kube: KubeApi, params: Mapping[str, Any]) -> frozenset[str]:
    """Digests that release sets name, withdrawn ones too, and that pods run, in all environments."""
    own = {
        "environment": params["environment"],
        "namespace": params["namespace"],
        "keys": RecordKeys.parse(params.get("record_key"), params.get("record_public_keys") or ()),
    }
    found: set[str] = set()
    with ExitStack() as stack:
        for other in [own, *params["others"]]:
            elsewhere = bool(other.get("kubeconfig") or other.get("context"))
            there = stack.enter_context(session_of_source(params, other)) if elsewhere else kube
            keys = other.get("keys") or RecordKeys.parse(None, other.get("record_public_keys") or ())
            found |= _of_environment(there, other["environment"], other["namespace"], keys)
    return frozenset(found)


def _of_environment(kube: KubeApi, environment: str, namespace: str, keys: RecordKeys) -> set[str]:
    store, damaged = RecordStore(kube, namespace, environment, keys), list[str]()
    records = list(store.sound(store.headers(), damaged.append))
    if damaged:
        message = f"{damaged[0].rstrip('.')}: which images it names is not known, so none is deleted. Delete it first"
        raise error(Code.SET_DAMAGED, f"{message}, if nobody needs it.")
    if not records:
        raise error(
            Code.NO_VERIFIED_SET,
            f"{environment} has no release set in namespace {namespace!r}: no image is deleted before one is verified.",
        )
    found = {text for record in records for each in record.members.values()
             for text in _DIGEST.findall(json.dumps([each.images, each.values], default=str))}  # fmt: skip
    with suppress(Forbidden):  # of the environment that it promotes from a deployer reads the sets alone
        pods = kube.list_(POD, namespace)[0]
        found |= {text for pod in pods for text in _DIGEST.findall(json.dumps([pod["spec"], pod.get("status")]))}
    return found


def _repository(name: str) -> Reference:
    try:
        reference = Reference.parse(name)
    except ValueError as exc:
        raise error(Code.INVALID_INPUT, f"{exc}.", option="images") from exc
    if reference.tag or reference.digest:
        raise error(Code.INVALID_INPUT, f"{reference} is one image: give its name alone.", option="images")
    return reference


def _clients(
    repository: Reference, digests: ImageDigests, params: Mapping[str, Any]
) -> tuple[RegistryClient, Versions]:
    client = digests.client(repository)
    if client is None:
        raise error(Code.INVALID_INPUT, f"{repository.registry} is not in registries: add it.", option="registries")
    options = next(each for host in (repository.registry, ANY) for each in params["registries"] if each["host"] == host)
    if repository.registry != GITHUB or options.get("endpoint"):
        return client, RegistryVersions(client, repository)
    if not options.get("password"):
        message = f"{GITHUB} deletes by GitHub's API of packages: give a token that may, as the registry's password."
        raise error(Code.INVALID_INPUT, message, option="registries")
    access = Access.to(GITHUB, {"ca_path": options.get("ca_path"), "validate_certs": options.get("validate_certs")})
    return client, GitHubVersions(repository, options["password"], params["packages_api"], access)


def _missing(client: RegistryClient, repository: Reference, listed: list[Version]) -> frozenset[str]:
    """What signatures speak of, and is not there any more."""
    unlisted = {digest for each in listed for digest in each.subjects} - {each.digest for each in listed}
    at = {digest: Reference(repository.registry, repository.repository, "", digest) for digest in unlisted}
    return frozenset(digest for digest, reference in at.items() if not client.find_digest(reference))


def _lines(found: Mapping[str, list[Version]]) -> str:
    lines = (
        f"{name}@{each.digest} {' '.join(each.tags) or '(no tag)'} {each.created}".rstrip()
        for name, versions in found.items()
        for each in sorted(versions, key=lambda one: one.digest)
    )
    return "".join(f"{line}\n" for line in lines)
