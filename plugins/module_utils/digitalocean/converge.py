# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One cluster is made, or brought to what is wanted. Everything follows from what is there: a killed run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, error
from .api import DigitalOcean, Found
from .clusters import find_cluster, shown, state_of
from .differences import differences
from .limits import check_account, check_token
from .pools import Pools
from .prices import HA_MONTHLY, check_budget, nodes_monthly
from .versions import Standing, newest, next_step, standing
from .waiting import Waiting
from .wanted import Wanted

_MOST_STEPS = 12


@dataclass
class Converged:
    """``cluster``: as it is now; empty where it would be made. ``monthly``: dollars for nodes and control plane."""

    cluster: Mapping[str, Any]
    changes: list[str]
    monthly: float
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "changed": bool(self.changes),
            "changes": self.changes,
            "cluster": dict(self.cluster),
            "monthly_cost": round(self.monthly, 2),
            "diff": {"before": dict(self.before), "after": dict(self.after)},
        }


class Converger:
    """``timeout``: seconds for each wait; ``budget``: most dollars a month; ``write``: False for check mode."""

    def __init__(
        self, cloud: DigitalOcean, timeout: float = 1800.0, budget: float | None = None, *, write: bool = True
    ) -> None:
        self._cloud = cloud
        self._waiting = Waiting(cloud, timeout)
        self._budget = budget
        self._write = write

    def converge(self, wanted: Wanted, cluster_id: str = "") -> Converged:
        """Raises cluster_fixed, budget_exceeded and invalid_input before the first write; cluster_failed, timeout."""
        there = find_cluster(self._cloud, wanted.name, cluster_id)
        if there is not None and state_of(there) in ("deleting", "deleted"):
            if cluster_id:
                text = f"The cluster {cluster_id} is being deleted."
                raise error(Code.CLUSTER_FAILED, text, state=state_of(there))
            if self._write:
                self._waiting.until_gone(str(there["id"]))
            there = None
        if there is None and cluster_id:
            raise error(Code.NOT_FOUND, f"There is no cluster {cluster_id} in this account of DigitalOcean.")
        return self._make(wanted) if there is None else self._change(there, wanted)

    def _make(self, wanted: Wanted) -> Converged:
        missing = [key for key in ("name", "version") if not getattr(wanted, key)]
        missing += [] if wanted.fixed.get("region") else ["region"]
        missing += [] if wanted.pools else ["node_pools"]
        if missing:
            text = f"The cluster {wanted.name} is not there, and making it needs {', '.join(missing)}."
            raise error(Code.INVALID_INPUT, text, option=missing[0])
        version = newest(wanted.version, [str(each["slug"]) for each in self._cloud.options().get("versions") or ()])
        monthly = self._monthly(wanted, wanted.ha)
        lines = [f"cluster {wanted.name}: made in {wanted.fixed['region']} with {version}"]
        lines += [f"pool {each.name}: {each.most} x {each.size}" for each in wanted.pools]
        warnings = [f"ha cannot be disabled again, and costs ${HA_MONTHLY:g} a month."] if wanted.ha else []
        warnings += check_account(self._cloud, wanted.pools) + check_token(self._cloud)
        body = _body(wanted, version)
        if not self._write:
            return Converged({}, lines, monthly, {}, body, warnings)
        self._cloud.client.say(f"cluster {wanted.name}: making it, which takes some minutes")
        made = self._cloud.create_cluster(body)
        cluster = self._waiting.until_running(str(made["id"]))
        return Converged(shown(cluster), lines, monthly, {}, shown(cluster), warnings)

    def _change(self, there: Found, wanted: Wanted) -> Converged:
        if self._write:
            there = self._waiting.until_settled(there)
        found = differences(there, wanted)
        monthly = self._monthly(wanted, found.after["ha"]) if wanted.pools else 0.0
        identity = str(there["id"])
        if not self._write:
            return Converged(shown(there), found.lines, monthly, found.before, found.after, found.warnings)
        if found.settings:
            self._cloud.client.say(f"cluster {there['name']}: changing its settings")
            self._cloud.update_cluster(identity, _update(found.after, there))
        if found.upgrade:
            self._upgrade(there, wanted.version)
        Pools(self._cloud, self._waiting, there).converge(found)
        cluster = self._waiting.until_running(identity)
        after = {**found.after, "version": cluster["version"]}
        return Converged(shown(cluster), found.lines, monthly, found.before, after, found.warnings)

    def _upgrade(self, cluster: Found, wanted: str) -> None:
        """Step by step: all patches of a minor version, then the next minor version."""
        identity = str(cluster["id"])
        for _step in range(_MOST_STEPS):
            cluster = self._waiting.until_running(identity)
            current = str(cluster["version"])
            if standing(current, wanted) is not Standing.BEHIND:
                return
            version = next_step(current, wanted, self._cloud.upgrades(identity))

            def begun(before: str = current) -> bool:
                now = self._cloud.cluster(identity) or {}
                return state_of(now) == "upgrading" or str(now.get("version")) != before

            self._cloud.client.say(f"cluster {cluster['name']}: {current} -> {version}")
            self._cloud.upgrade(identity, version, begun)

            def pending(now: Found, before: str = current) -> str:
                return f"{before} is still there" if str(now.get("version")) == before else ""

            self._waiting.until_running(identity, pending)
        text = f"{cluster['name']} did not reach {wanted} in {_MOST_STEPS} steps."
        raise error(Code.CLUSTER_FAILED, text, state="running")

    def _monthly(self, wanted: Wanted, ha: bool) -> float:
        monthly = nodes_monthly(wanted.pools, self._cloud.sizes()) + (HA_MONTHLY if ha else 0.0)
        check_budget(monthly, self._budget)
        return monthly


def _body(wanted: Wanted, version: str) -> dict[str, Any]:
    """What makes the cluster. ``ha`` is always said: since 1.36 DigitalOcean's default is true, which costs."""
    body: dict[str, Any] = {"name": wanted.name, "version": version, **wanted.fixed, "ha": wanted.ha}
    body["node_pools"] = [each.body() for each in wanted.pools]
    return body | _given(wanted.settings)


def _update(after: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """All settings, as the API may reset what is left out; those that the cluster never had stay out."""
    body = {key: after[key] for key in ("name", "tags", "auto_upgrade", "surge_upgrade", "ha", "maintenance")}
    if there.get("control_plane_firewall") or after["control_plane_firewall"]["enabled"]:
        body["control_plane_firewall"] = after["control_plane_firewall"]
    if after["autoscaler"]:
        body["autoscaler"] = after["autoscaler"]
    return _given(body)


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """By the names that the API has for them."""
    names = {"maintenance": "maintenance_policy", "autoscaler": "cluster_autoscaler_configuration"}
    given = {key: each for key, each in settings.items() if key != "maintenance" or each.get("day")}
    return {names.get(key, key): each for key, each in given.items()}
