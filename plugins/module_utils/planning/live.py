# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether somebody may have written a release's objects since they were verified, from lists of whole kinds; pure.

A record holds a digest for each release and each kind of its objects: of who owned which of their fields since when.
Every write by a person changes ``managedFields``, which a list of metadata shows. What controllers write, an object's
status, replicas that an autoscaler sets, and restarts are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..digest import canonical, digest_of
from ..helm.manifest import objects_of, part
from ..kube.managed_fields import HOLDS, RESTARTED, Writer, controllers_of, writers_of
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE

# In a record instead of digests: the release was verified although its objects differ from its manifest.
DRIFTED = "drifted"
_REPLICAS = "spec.replicas"
_IGNORED = frozenset({_REPLICAS, RESTARTED})
_DIGITS = 12
_PARTS = (2, 3)


class Listing(NamedTuple):
    """What one request lists: a kind in a namespace. An empty namespace is that of the releases."""

    api_version: str
    kind: str
    namespace: str = ""

    @property
    def text(self) -> str:
        """As records have it: ``apps/v1 Deployment``."""
        return " ".join(each for each in self if each)

    @classmethod
    def of(cls, texts: Iterable[str]) -> list[Listing]:
        """The reverse of ``text``, without what is none."""
        return [cls(*parts) for text in texts if len(parts := text.split(" ")) in _PARTS]


# Objects by listing, release and name, as far as they could be listed.
Listed = Mapping[Listing, Mapping[str, Mapping[str, Mapping[str, Any]]]]


def listings_of(manifest: str, namespace: str) -> list[Listing]:
    """The kinds of a release's objects. Jobs that are removed some time after their end are left out."""
    listed = (listing_of(item, namespace) for item in objects_of(manifest) if not passes(item))
    return list(dict.fromkeys(listing for listing in listed if all(listing[:2])))


def listing_of(item: Mapping[str, Any], namespace: str) -> Listing:
    """The kind of an object of a release."""
    where = str(part(item, "metadata").get("namespace") or "")
    return Listing(str(item.get("apiVersion", "")), str(item.get("kind", "")), "" if where == namespace else where)


def passes(item: Mapping[str, Any]) -> bool:
    """Whether it is a Job that is removed some time after its end."""
    return item.get("kind") == "Job" and part(item, "spec").get("ttlSecondsAfterFinished") is not None


def by_release(items: Iterable[Mapping[str, Any]], namespace: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Objects that belong to releases of a namespace, by release and name."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for item in items:
        notes = item["metadata"].get("annotations") or {}
        if (release := notes.get(OWNER_RELEASE)) and notes.get(OWNER_NAMESPACE, namespace) == namespace:
            found.setdefault(str(release), {})[str(item["metadata"]["name"])] = item
    return found


def digests_of(listed: Listed, release: str, listings: Iterable[Listing]) -> dict[str, str]:
    """What a record remembers of a release's objects."""
    return {each.text: _digest(listed[each].get(release, {})) for each in listings if each in listed}


def is_written(remembered: Mapping[str, str], listed: Listed, release: str) -> bool:
    """Whether somebody wrote a release's objects since then, as far as they are listed."""
    now = digests_of(listed, release, Listing.of(remembered))
    return DRIFTED in remembered or any(remembered[key] != digest for key, digest in now.items())


def _digest(owned: Mapping[str, Mapping[str, Any]]) -> str:
    found = [[name, *_writes(obj)] for name, obj in sorted(owned.items())]
    return digest_of(canonical(found))[:_DIGITS]


def _writes(obj: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Each manager's fields and the time of its last write. Helm loses replicas to an autoscaler, so these count only
    while somebody else has them.
    """
    writers = writers_of(obj)
    controllers = controllers_of(writers)
    spec = obj.get("spec")
    replicas = spec.get("replicas") if isinstance(spec, Mapping) else None
    for writer in sorted(writers, key=lambda each: (each.manager, each.time, each.subresource, sorted(each.paths))):
        if writer.manager in controllers or writer.subresource == "status":
            continue
        if paths := sorted(path for path in writer.paths - _IGNORED if not path.startswith(HOLDS)):
            yield [writer.manager, writer.time, paths]
        if _scales(writer):
            yield [writer.manager, replicas]


def _scales(writer: Writer) -> bool:
    return _REPLICAS in writer.paths and not writer.is_helm
