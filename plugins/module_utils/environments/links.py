# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections that the deployed releases let through, and the policies of the cluster do not (any more).

What must be possible stands in the releases as Helm stores them: their network policies follow from ``services``. The
live policies are evaluated, no packet is sent. Policies of other kinds than NetworkPolicy, and those of the other
side's namespace, are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from ..failure import TodoCloudError, one_or_many
from ..helm.manifest import key_of, objects_of
from ..helm.storage import HelmReader
from ..kube.api import KubeReader
from ..kube.resources import WELL_KNOWN
from ..readiness.fields import Object, name
from .policies import EGRESS, INGRESS, isolates
from .table import Ports, both, holds, places, pods_of, ports_text, towards, without

NETWORK_POLICY = WELL_KNOWN["networking.k8s.io/v1", "NetworkPolicy"]
_NOT_HERE = " (not here)"  # a workload that no release has: nobody needs it now

End: TypeAlias = "Object | str"  # a pod of the namespace, or a place


@dataclass(frozen=True, order=True)
class Cut:
    """A connection that is missing.

    :ivar ports: of the target, as the table of connections shows them
    :ivar why: which policies are to blame, a sentence without a stop
    """

    source: str
    target: str
    ports: str
    why: str

    @property
    def link(self) -> str:
        """As the table of connections shows it."""
        return f"{self.source} -> {self.target} : {self.ports}"


def read_cuts(kube: KubeReader, namespace: str) -> list[Cut]:
    """Those of a namespace now; two requests. Raises the API's errors, also where it may not be read."""
    live = kube.list_(NETWORK_POLICY, namespace)[0]
    deployed = []
    for stored in HelmReader(kube, namespace).newest():
        with suppress(TodoCloudError):  # a manifest that is none; whoever reads the release says so
            deployed += objects_of(stored.manifest)
    try:
        return cuts(deployed, live, namespace)
    except (AttributeError, KeyError, TypeError, ValueError):  # forged: no server ever took such objects
        return []


def cuts(deployed: Sequence[Object], live: Sequence[Object], namespace: str) -> list[Cut]:
    """The connections of the deployed workloads that the live policies do not let through, sorted; pure."""
    mine = [item for item in deployed if (key_of(item)[1] or namespace) == namespace]
    look = _Look([item for item in mine if item.get("kind") == "NetworkPolicy"], live, list(pods_of(mine)), namespace)
    return sorted(set(look.between_pods()) | set(look.with_places()))


def sentences(found: Iterable[Cut]) -> list[str]:
    """One for each reason: connections with the same ports are put together."""
    targets: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(found):
        targets.setdefault((each.source, each.ports, each.why), []).append(each.target)
    sources: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for (source, ports, why), names in targets.items():
        sources.setdefault((tuple(names), ports, why), []).append(source)
    return [
        f"cut by policy: {', '.join(ones)} -> {', '.join(others)} : {ports} ({why})"
        for (others, ports, why), ones in sources.items()
    ]


@dataclass(frozen=True)
class _Look:
    """Policies as they were deployed and as they are now, and the pods of the deployed workloads."""

    before: Sequence[Object]
    now: Sequence[Object]
    pods: Sequence[Object]
    namespace: str

    def between_pods(self) -> Iterator[Cut]:
        for pod in self.pods:
            for other in self.pods:
                ends = ((pod, EGRESS, other), (other, INGRESS, pod))
                wanted = both(*(self._lets(self.before, *end) for end in ends))
                left = [without(wanted, self._lets(self.now, *end)) for end in ends]
                if any(left):
                    why = (text for end, lost in zip(ends, left, strict=True) for text in self._why(*end, lost))
                    yield Cut(name(pod), name(other), ports_text(left[0] | left[1]), "; ".join(dict.fromkeys(why)))

    def with_places(self) -> Iterator[Cut]:
        for pod in self.pods:
            for direction in (EGRESS, INGRESS):
                for place in dict(places(self.before, pod, direction, self.pods, self.namespace)):
                    end = (pod, direction, place)
                    lost = without(self._lets(self.before, *end), self._lets(self.now, *end))
                    if lost and not place.endswith(_NOT_HERE):
                        ends = (name(pod), place) if direction == EGRESS else (place, name(pod))
                        yield Cut(*ends, ports_text(lost), "; ".join(self._why(*end, lost)))

    def _lets(self, policies: Sequence[Object], pod: Object, direction: str, end: End) -> Ports:
        """The ports on which a pod's own policies let it connect to the other end, or be connected to by it."""
        if not isinstance(end, str):
            return towards(policies, pod, direction, end, self.namespace)
        found = places(policies, pod, direction, self.pods, self.namespace)
        return frozenset(port for place, ports in found if holds(place, end) for port in ports)

    def _why(self, pod: Object, direction: str, end: End, lost: Ports) -> Iterator[str]:
        """What became of the policies that let these ports through; where none was needed, which ones came."""
        there = {name(policy): policy for policy in self.now}
        needed = isolates(self.before, pod, direction)
        for policy in needed if lost else ():
            if without(lost, self._lets([policy], pod, direction, end)) == lost:
                continue
            live = there.get(name(policy))
            if live is None:
                yield f"NetworkPolicy {name(policy)} does not exist any more"
            elif not isolates([live], pod, direction) or without(lost, self._lets([live], pod, direction, end)):
                yield f"NetworkPolicy {name(policy)} was changed"
        if lost and not needed:
            came = sorted(name(policy) for policy in isolates(self.now, pod, direction))
            yield one_or_many(came, "NetworkPolicy {} lets nothing else", "NetworkPolicies {} let nothing else")
