"""What an account of DigitalOcean holds, and how it changes with time: clusters, pools, nodes, and what they leave."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

Json = dict[str, Any]
_SLUG = re.compile(r"(\d+)\.(\d+)\.(\d+)-do\.(\d+)")
SIZES = {  # slug -> vCPUs, MiB, dollars a month
    "s-1vcpu-2gb": (1, 2048, 12.0),
    "s-2vcpu-2gb": (2, 2048, 18.0),
    "s-2vcpu-4gb": (2, 4096, 24.0),
    "s-4vcpu-8gb": (4, 8192, 48.0),
    "s-8vcpu-16gb": (8, 16384, 96.0),
}
VERSIONS = ("1.36.3-do.0", "1.36.1-do.1", "1.35.6-do.0", "1.34.9-do.0")
REGIONS = {"fra1": "Frankfurt 1", "nyc1": "New York 1", "ams3": "Amsterdam 3"}
_UPDATABLE = (
    "name", "tags", "maintenance_policy", "auto_upgrade", "surge_upgrade", "control_plane_firewall",
    "cluster_autoscaler_configuration",
)  # fmt: skip


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


@dataclass
class Clock:
    """Seconds since 1970; tests move it by what they pretend to sleep. ``speed``: how much faster than real time."""

    speed: float = 0.0
    ahead: float = 0.0
    _start: float = 1796000000.0  # always the same, so that answers are
    _ticks: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        return self._start + self.ahead + (time.monotonic() - self._ticks) * self.speed

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds

    def text(self, at: float | None = None) -> str:
        return datetime.fromtimestamp(self.now() if at is None else at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Machines(Protocol):
    """Real nodes behind those of an account. Both begin, and return what says whether it is done."""

    def start(self, node: Json) -> Callable[[], bool]:
        """A node that is there from now on."""

    def drain(self, node: Json) -> Callable[[], bool]:
        """One that goes when it is empty."""


@dataclass
class Account:
    """``takes``: seconds that each change takes. ``stuck``: state -> message, which a new or upgraded cluster gets
    instead of running. ``machines``: real nodes; without them a node starts when its time has come, and goes at once.
    """

    clock: Clock = field(default_factory=Clock)
    droplet_limit: int = 10
    status: tuple[str, str] = ("active", "")
    versions: tuple[str, ...] = VERSIONS
    takes: dict[str, float] = field(
        default_factory=lambda: {"provisioning": 60.0, "node": 30.0, "upgrading": 60.0, "deleting": 30.0}
    )
    stuck: tuple[str, str] | None = None
    clusters: dict[str, Json] = field(default_factory=dict)
    due: dict[str, tuple[float, str]] = field(default_factory=dict)  # cluster or node -> when it gets which state
    targets: dict[str, str] = field(default_factory=dict)  # cluster -> version that it goes to
    messages: dict[str, list[Json]] = field(default_factory=dict)
    associated: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    left_over: list[Json] = field(default_factory=list)  # what stays and costs after its cluster is gone
    drained: list[str] = field(default_factory=list)
    zones: dict[str, list[Json]] = field(default_factory=dict)  # domain -> its records
    made: int = 0
    machines: Machines | None = None
    working: dict[str, Callable[[], bool]] = field(default_factory=dict)  # node -> whether its machine is done
    going: set[str] = field(default_factory=set)  # pools that are gone when they are empty

    # what there is

    def show(self, cluster_id: str) -> Json:
        """A cluster as it is now. Raises Refused (404)."""
        self.tick()
        if cluster_id not in self.clusters:
            raise Refused(404, "not_found", "The resource you were accessing could not be found.")
        return self.clusters[cluster_id]

    def listed(self) -> list[Json]:
        self.tick()
        return [copy.deepcopy(each) for each in self.clusters.values()]

    def nodes(self) -> int:
        return sum(len(pool["nodes"]) for cluster in self.clusters.values() for pool in cluster["node_pools"])

    def sizes(self) -> list[Json]:
        return [
            {
                "slug": slug, "memory": memory, "vcpus": cores, "disk": 50, "transfer": 4.0, "price_monthly": price,
                "price_hourly": round(price / 672, 5), "regions": list(REGIONS), "available": True,
                "description": "Basic",
            }
            for slug, (cores, memory, price) in SIZES.items()
        ]  # fmt: skip

    def options(self) -> Json:
        return {
            "regions": [{"slug": slug, "name": name} for slug, name in REGIONS.items()],
            "versions": [_version(slug) for slug in self.versions],
            "sizes": [{"slug": slug, "name": slug} for slug in SIZES],
        }

    def upgrades(self, cluster: Mapping[str, Any]) -> list[Json]:
        """Newer patches of its minor; from the newest one, the newest patch of the next minor."""
        have = _number(cluster["version"])
        newer = [each for each in self.versions if _number(each) > have]
        patches = [each for each in newer if _number(each)[:2] == have[:2]]
        following = [each for each in newer if _number(each)[:2] == (have[0], have[1] + 1)]
        return [_version(slug) for slug in patches or sorted(following, key=_number)[-1:]]

    def zone(self, name: str) -> list[Json]:
        """Records of a domain. Raises Refused (404)."""
        if name not in self.zones:
            raise Refused(404, "not_found", "The resource you were accessing could not be found.")
        return self.zones[name]

    # what changes it

    def add_record(self, zone: str, body: Mapping[str, Any]) -> Json:
        if not all(body.get(each) for each in ("type", "name", "data")):
            raise Refused(422, "unprocessable_entity", "A record needs type, name and data.")
        there = [each for each in self.zone(zone) if each["name"] == body["name"]]
        if there and (body["type"] == "CNAME" or any(each["type"] == "CNAME" for each in there)):
            raise Refused(422, "unprocessable_entity", "CNAME records cannot share a name with other records.")
        if body["type"] == "CNAME" and body["name"] == "@":
            raise Refused(422, "unprocessable_entity", "CNAME records cannot be made for a domain itself.")
        self.made += 1
        empty = dict.fromkeys(("priority", "port", "weight", "flags", "tag"))
        record = {"id": self.made, **empty, "ttl": 1800, **body, "data": body["data"].rstrip(".")}
        self.zones[zone].append(record)
        return record

    def remove_record(self, zone: str, number: int) -> None:
        found = [each for each in self.zone(zone) if each["id"] == number]
        if not found:
            raise Refused(404, "not_found", "The resource you were accessing could not be found.")
        self.zones[zone].remove(found[0])

    def create(self, body: Mapping[str, Any]) -> Json:
        if body["version"] not in self.versions:
            raise Refused(422, "unprocessable_entity", f"invalid version slug: {body['version']}")
        if body["region"] not in REGIONS:
            raise Refused(422, "unprocessable_entity", "region is not available")
        self._room(sum(each.get("count") or each.get("min_nodes") or 0 for each in body["node_pools"]))
        identity = self._new_id()
        minor = _number(body["version"])[1]
        cluster: Json = {
            "id": identity,
            "name": body["name"],
            "region": body["region"],
            "version": body["version"],
            "cluster_subnet": body.get("cluster_subnet", "10.244.0.0/16"),
            "service_subnet": body.get("service_subnet", "10.245.0.0/16"),
            "vpc_uuid": body.get("vpc_uuid", "c33931f2-a26a-4e61-b85c-4e95a2ec431b"),
            "ipv4": "203.0.113.7",
            "endpoint": f"https://{identity}.k8s.ondigitalocean.com",
            "tags": ["k8s", f"k8s:{identity}", *body.get("tags", [])],
            "node_pools": [self._pool(identity, each) for each in body["node_pools"]],
            "maintenance_policy": _policy(body.get("maintenance_policy") or {"day": "any", "start_time": "00:00"}),
            "auto_upgrade": body.get("auto_upgrade", False),
            "surge_upgrade": body.get("surge_upgrade", False),
            "ha": body.get("ha", minor >= 36),  # the contract's default since 1.36
            "registry_enabled": False,
            "control_plane_firewall": body.get("control_plane_firewall"),
            "cluster_autoscaler_configuration": body.get("cluster_autoscaler_configuration"),
            "status": {"state": "provisioning", "message": "provisioning"},
            "created_at": self.clock.text(),
            "updated_at": self.clock.text(),
        }
        self.clusters[identity] = cluster
        self._later(identity, "provisioning")
        return cluster

    def update(self, cluster: Json, body: Mapping[str, Any]) -> None:
        if cluster["ha"] and body.get("ha") is False:
            raise Refused(422, "unprocessable_entity", "high availability cannot be disabled")
        cluster["ha"] = cluster["ha"] or bool(body.get("ha"))
        for name in _UPDATABLE:
            if name in body:
                value = body[name]
                if name == "tags":
                    value = ["k8s", f"k8s:{cluster['id']}", *(each for each in value if not each.startswith("k8s"))]
                cluster[name] = _policy(value) if name == "maintenance_policy" and value else value
        cluster["updated_at"] = self.clock.text()

    def upgrade(self, cluster: Json, version: str) -> None:
        if version not in [each["slug"] for each in self.upgrades(cluster)] or cluster["status"]["state"] != "running":
            raise Refused(422, "unprocessable_entity", f"cannot upgrade to {version}")
        cluster["status"] = {"state": "upgrading", "message": "upgrading"}
        self.targets[cluster["id"]] = version
        self._later(cluster["id"], "upgrading")

    def add_pool(self, cluster: Json, body: Mapping[str, Any]) -> Json:
        if body["name"] in [each["name"] for each in cluster["node_pools"]]:
            raise Refused(422, "unprocessable_entity", "node pool names must be unique")
        self._room(body.get("count") or body.get("min_nodes") or 0)
        pool = self._pool(cluster["id"], body)
        cluster["node_pools"].append(pool)
        return pool

    def update_pool(self, cluster: Json, pool: Json, body: Mapping[str, Any]) -> None:
        pool.update({key: body[key] for key in ("name", "tags", "labels", "taints", "auto_scale") if key in body})
        if "tags" in body:
            pool["tags"] = _pool_tags(cluster["id"], body["tags"])
        for key in ("min_nodes", "max_nodes"):
            pool[key] = body.get(key, pool[key]) if pool["auto_scale"] else 0
        count = body.get("count", pool["count"])
        if pool["auto_scale"]:
            count = min(max(count, pool["min_nodes"]), pool["max_nodes"])
        if count < 0:
            raise Refused(422, "unprocessable_entity", "count must not be negative")
        self._room(count - len(pool["nodes"]))
        while len(pool["nodes"]) < count:
            pool["nodes"].append(self._node(pool["name"]))
        del pool["nodes"][count:]
        pool["count"] = count

    def remove_node(self, pool: Json, node: Json) -> None:
        pool["count"] -= 1
        self._drain(pool, node)

    def remove_pool(self, cluster: Json, pool: Json) -> None:
        if len(cluster["node_pools"]) == 1:
            raise Refused(422, "unprocessable_entity", "the last node pool cannot be deleted")
        self.going.add(pool["id"])
        for node in list(pool["nodes"]):
            self._drain(pool, node)
        self.tick()

    def remove(self, cluster: Json, going: Mapping[str, Any] | None = None) -> None:
        """``going``: kind -> ids of what goes with it; None: all."""
        for kind, there in self.associated.pop(cluster["id"], {}).items():
            gone = [each["id"] for each in there] if going is None else going.get(kind) or []
            self.left_over += [each for each in there if each["id"] not in gone]
        cluster["status"] = {"state": "deleting", "message": "deleting"}
        self.due[cluster["id"]] = (self.clock.now() + self.takes["deleting"], "deleted")

    # time

    def tick(self) -> None:
        """What is due happens."""
        now = self.clock.now()
        for cluster in list(self.clusters.values()):
            when, state = self.due.get(cluster["id"], (0.0, ""))
            if state and when <= now:
                del self.due[cluster["id"]]
                self._reach(cluster, state)
            for pool in list(cluster["node_pools"]):
                for node in list(pool["nodes"]):
                    self._tick_node(pool, node)
                if pool["id"] in self.going and not pool["nodes"]:
                    cluster["node_pools"].remove(pool)

    def _tick_node(self, pool: Json, node: Json) -> None:
        when, state = self.due.get(node["id"], (0.0, ""))
        if state and when <= self.clock.now():
            node["status"] = {"state": state}
            del self.due[node["id"]]
        if node["id"] in self.working and self.working[node["id"]]():
            del self.working[node["id"]]
            if node["status"]["state"] == "draining":
                pool["nodes"].remove(node)
            else:
                node["status"] = {"state": "running"}

    def _drain(self, pool: Json, node: Json) -> None:
        if node["status"]["state"] == "draining":
            return
        self.drained.append(node["name"])
        if self.machines is None:
            pool["nodes"].remove(node)
        else:
            node["status"] = {"state": "draining"}
            self.working[node["id"]] = self.machines.drain(node)

    def _reach(self, cluster: Json, state: str) -> None:
        if state == "deleted":
            del self.clusters[cluster["id"]]
            return
        if self.stuck:
            state, message = self.stuck
            cluster["status"] = {"state": state, "message": message}
            self.messages.setdefault(cluster["id"], []).append({"message": message, "timestamp": self.clock.text()})
            return
        cluster["version"] = self.targets.pop(cluster["id"], cluster["version"])
        cluster["status"] = {"state": state, "message": ""}

    def _later(self, identity: str, what: str) -> None:
        self.due[identity] = (self.clock.now() + self.takes[what], "running")

    def _room(self, more: int) -> None:
        if more > 0 and self.nodes() + more > self.droplet_limit:
            text = f"account droplet limit of {self.droplet_limit} would be exceeded"
            raise Refused(422, "unprocessable_entity", text)

    def _pool(self, cluster_id: str, body: Mapping[str, Any]) -> Json:
        if body["size"] not in SIZES:
            raise Refused(422, "unprocessable_entity", f"invalid size: {body['size']}")
        scales = body.get("auto_scale", False)
        count = body.get("count") or body.get("min_nodes") or 1
        if count < 0:
            raise Refused(422, "unprocessable_entity", "count must not be negative")
        return {
            "id": self._new_id(),
            "name": body["name"],
            "size": body["size"],
            "count": count,
            "tags": _pool_tags(cluster_id, body.get("tags", [])),
            "labels": body.get("labels"),
            "taints": body.get("taints", []),
            "auto_scale": scales,
            "min_nodes": body.get("min_nodes", 0) if scales else 0,
            "max_nodes": body.get("max_nodes", 0) if scales else 0,
            "nodes": [self._node(body["name"]) for _ in range(count)],
        }

    def _new_id(self) -> str:
        self.made += 1
        return f"bd5f5959-5e1e-4205-a714-{self.made:012}"

    def _node(self, pool: str) -> Json:
        identity, now = self._new_id(), self.clock.text()
        node = {
            "id": identity, "name": f"{pool}-{identity[-5:]}", "status": {"state": "provisioning"},
            "droplet_id": str(self.made + 400000000), "created_at": now, "updated_at": now,
        }  # fmt: skip
        if self.machines is None:
            self.due[identity] = (self.clock.now() + self.takes["node"], "running")
        else:
            self.working[identity] = self.machines.start(node)
        return node


def _pool_tags(cluster_id: str, tags: list[str]) -> list[str]:
    own = ["k8s", f"k8s:{cluster_id}", "k8s:worker"]
    return [*own, *(each for each in tags if each not in own)]


def _policy(given: Mapping[str, Any]) -> Json:
    found = {"day": "any", "start_time": "00:00", **given}
    return {"day": found["day"], "start_time": found["start_time"], "duration": "4h0m0s"}


def _number(slug: str) -> tuple[int, ...]:
    found = _SLUG.fullmatch(slug)
    assert found, slug
    return tuple(map(int, found.groups()))


def _version(slug: str) -> Json:
    features = ["cluster-autoscaler", "docr-integration", "ha-control-plane", "token-authentication"]
    return {"slug": slug, "kubernetes_version": slug.partition("-")[0], "supported_features": features}
