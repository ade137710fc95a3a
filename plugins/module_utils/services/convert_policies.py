# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Network policies of other charts, as what services call and reach; each rule that no key says is named. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .convert_source import Group, Notes, Object, each, part, selects, title_of

_EVERYBODY = ("0.0.0.0/0", "::/0")
_DNS = {53}
_FURTHER = "say it with needs or internet, or keep the policy in `manifests`"


def policies_of(groups: Sequence[Group], notes: Notes) -> dict[str, dict[str, Any]]:
    """``networkPolicy`` of charts/service, by service, as far as others than charts/service say it."""
    found: dict[str, dict[str, Any]] = {}

    def calls(caller: Group, other: Group) -> None:
        if caller is not other:
            names = found.setdefault(caller.name, {}).setdefault("egressTo", [])
            names += [other.name] * (other.name not in names)

    for group in groups:
        for policy in () if group.own else group.of("NetworkPolicy"):
            where, spec = f"{group.name}: {title_of(policy)}", part(policy, "spec")
            for peer in _peers(spec, "ingress", "from"):
                for caller in _chosen(peer, groups):
                    calls(caller, group)
                if not _chosen(peer, groups):
                    notes.say(f"{where} lets {_described(peer)} in, which follows from no key; {_FURTHER}.")
            for rule in each(spec, "egress"):
                ports = {port.get("port") for port in each(rule, "ports")}
                for peer in each(rule, "to") or [{}]:
                    if chosen := _chosen(peer, groups):
                        for other in chosen:
                            calls(group, other)
                    elif part(peer, "ipBlock").get("cidr") in _EVERYBODY and not ports:
                        found.setdefault(group.name, {})["internet"] = True
                    elif not ports or ports != _DNS:  # every pod asks DNS
                        at = f" at port {', '.join(map(str, sorted(ports, key=str)))}" if ports else ""
                        notes.say(f"{where} lets it reach {_described(peer)}{at}, which no key says yet; {_FURTHER}.")
    return found


def _peers(spec: Mapping[str, Any], direction: str, who: str) -> Iterator[Object]:
    for rule in each(spec, direction):
        yield from each(rule, who) or [{}]


def _chosen(peer: Object, groups: Sequence[Group]) -> list[Group]:
    """The services whose pods a peer is, in the same namespace."""
    selector = part(peer, "podSelector")
    if set(peer) != {"podSelector"} or set(selector) != {"matchLabels"}:
        return []
    return [
        group for group in groups if selects(part(selector, "matchLabels"), part(group.template, "metadata", "labels"))
    ]


def _described(peer: Object) -> str:
    block = part(peer, "ipBlock")
    if block:
        return f"addresses {block.get('cidr')}"
    if not peer:
        return "everybody"
    return f"other pods ({', '.join(sorted(peer))})"
