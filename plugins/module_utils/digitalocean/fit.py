# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The smallest pool of nodes on which pods fit, by what they request. No I/O.

What a node keeps for itself and for DigitalOcean's own pods is in no API. Memory is as DigitalOcean's documentation has
it: docs.digitalocean.com/products/kubernetes/details/limits, "Allocatable memory", in a copy of 2025. That already
counts the memory of DigitalOcean's own pods; what they request is counted once more, as are 0.1 core: assumptions of
28 November 2026, rather too much than too little, which nobody has measured on a node there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..services.amounts import amount
from .prices import node_prices
from .wanted import Pool

_MIB = 1024.0**2
_MOST_NODES = 50
# GiB of a droplet -> GiB of it for pods; larger ones keep less than a tenth for themselves.
_FOR_PODS = {2: 1.0, 3: 1.66, 4: 2.5, 8: 6.0, 16: 13.0, 32: 28.0, 48: 43.0, 64: 58.0}
_CORES_KEPT = 0.1
# Of kube-system: the network's, the volumes' and the monitoring agent on each node; DNS twice.
_ON_EACH_NODE = ("kube-system, on each node", 0.42, 450.0)
_DNS = ("kube-system: DNS", 0.1, 150.0)


@dataclass(frozen=True)
class Need:
    """``pods`` that each request ``cpu`` cores and ``memory`` MiB; one on each node where ``every_node``."""

    name: str
    pods: int
    cpu: float
    memory: float
    every_node: bool = False


@dataclass(frozen=True)
class Node:
    """``cpu`` cores and ``memory`` MiB for pods."""

    cpu: float
    memory: float


DIGITALOCEANS = (Need(_ON_EACH_NODE[0], 1, *_ON_EACH_NODE[1:], every_node=True), Need(_DNS[0], 2, *_DNS[1:]))


def needs_of(given: Iterable[Mapping[str, Any]]) -> list[Need]:
    """From a module's option, with what DigitalOcean's own pods request. Raises invalid_input."""
    return [*map(_need, given), *DIGITALOCEANS]


def node_of(size: Mapping[str, Any]) -> Node:
    """What pods may request on a node of a size as the API shows it (memory in MiB)."""
    memory = float(size["memory"])
    known = [gib for gib in _FOR_PODS if gib * 1024 <= memory]
    share = _FOR_PODS[known[-1]] / known[-1] if known else 0.0
    return Node(float(size["vcpus"]) - _CORES_KEPT, memory * (share if memory <= 64 * 1024 else 0.9))


def fits(needs: Sequence[Need], nodes: Sequence[Node]) -> bool:
    """Whether a place is found for each pod, the largest first."""
    if not nodes:
        return not any(each.pods for each in needs)
    free = [[each.cpu, each.memory] for each in nodes]
    for need in needs:
        for left in free if need.every_node else ():
            left[0] -= need.cpu
            left[1] -= need.memory
    if any(min(left) < 0 for left in free):
        return False
    pods = [(need.cpu, need.memory) for need in needs if not need.every_node for _pod in range(need.pods)]
    for cpu, memory in sorted(pods, key=lambda pod: -max(pod[0] / nodes[0].cpu, pod[1] / nodes[0].memory)):
        place = next((left for left in free if cpu <= left[0] and memory <= left[1]), None)
        if place is None:
            return False
        place[0] -= cpu
        place[1] -= memory
    return True


def have_room(needs: Sequence[Need], pools: Iterable[Pool], sizes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all fit on the pools, each with as many nodes as it may have."""
    known = {str(each.get("slug")): each for each in sizes}
    return fits(needs, [node_of(known[pool.size]) for pool in pools for _node in range(pool.most)])


def smallest(
    needs: Sequence[Need],
    sizes: Iterable[Mapping[str, Any]],
    allowed: Collection[str],
    region: str = "",
    least: int = 1,
) -> dict[str, Any]:
    """The cheapest pool: its size, number of nodes and dollars a month; of equals the one with fewer nodes.

    ``allowed``: sizes that clusters may have. ``region``: that offers the size; empty for any. ``least``: nodes.
    Raises unschedulable.
    """
    sizes = [each for each in sizes if each.get("available") and each.get("slug") in allowed]
    if region:
        sizes = [each for each in sizes if region in (each.get("regions") or ())]
    prices = node_prices(sizes)
    best: tuple[float, int, str] | None = None
    for size in sizes:
        node, price = node_of(size), prices[str(size["slug"])][0]
        for nodes in count(max(least, 1)):
            if nodes > _MOST_NODES or (best and (nodes * price, nodes) >= best[:2]):
                break
            if fits(needs, [node] * nodes):
                best = (nodes * price, nodes, str(size["slug"]))
                break
    if best is None:
        where = f" in {region}" if region else ""
        raise error(
            Code.UNSCHEDULABLE, f"No size of nodes{where} has room for these pods: ask for less.", region=region
        )
    return {"size": best[2], "count": best[1], "monthly": round(best[0], 2)}


def total(needs: Sequence[Need]) -> dict[str, Any]:
    """All that is requested, what is on each node once."""
    return {
        "pods": sum(each.pods for each in needs),
        "cpu": f"{sum(each.pods * each.cpu for each in needs) * 1000:.0f}m",
        "memory": f"{sum(each.pods * each.memory for each in needs):.0f}Mi",
    }


def _need(given: Mapping[str, Any]) -> Need:
    name, pods = str(given.get("name") or ""), given.get("pods")
    cpu, memory = (str(given.get(key) or "0") for key in ("cpu", "memory"))
    for key, said in (("cpu", cpu), ("memory", memory)):
        if said != "0" and not amount(said):
            raise _invalid(
                f"needs: {key} of {name or 'an entry'} is {said!r}, which is no quantity like 100m or 128Mi."
            )
    if not name:
        raise _invalid("Each of needs needs a name.")
    pods = 1 if pods is None else int(pods)
    if pods < 0:
        raise _invalid(f"needs: {name} has {pods} pods.")
    return Need(name, pods, amount(cpu), amount(memory) / _MIB, bool(given.get("every_node")))


def _invalid(text: str) -> TodoCloudError:
    return error(Code.INVALID_INPUT, text, option="needs")
