"""What of a quota is used, and where public hosts are served."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.usage import public_hosts, quota_use
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import INGRESS, RESOURCE_QUOTA, Resource

from tests.support.fake_kube import FakeKube


def ingress(kube: FakeKube, name: str, host: str, *addresses: dict[str, Any]) -> None:
    rules = [{"host": host}, {}]
    status = {"loadBalancer": {"ingress": list(addresses)}}
    kube.put(INGRESS, "ns", {"metadata": {"name": name}, "spec": {"rules": rules}, "status": status})


def test_quota_use() -> None:
    kube = FakeKube()
    hard = {"pods": "20", "requests.cpu": "1"}
    kube.put(RESOURCE_QUOTA, "ns", {
        "metadata": {"name": "environment"}, "spec": {"hard": hard},
        "status": {"hard": hard, "used": {"requests.cpu": "450m"}},
    })  # fmt: skip
    assert quota_use(kube, "ns") == [
        {"quota": "environment", "resource": "pods", "used": "?", "hard": "20"},
        {"quota": "environment", "resource": "requests.cpu", "used": "450m", "hard": "1"},
    ]


def test_public_hosts() -> None:
    kube = FakeKube()
    ingress(kube, "web", "shop.example.com", {"ip": "203.0.113.7"})
    ingress(kube, "web-http", "shop.example.com", {"ip": "203.0.113.7"}, {"hostname": "lb.example.net"})
    ingress(kube, "new", "new.example.com")
    assert public_hosts(kube, "ns") == [
        {"host": "new.example.com", "addresses": []},
        {"host": "shop.example.com", "addresses": ["203.0.113.7", "lb.example.net"]},
    ]


def test_what_may_not_be_read_is_left_out() -> None:
    class Blind(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise Forbidden("no", 403)

    assert (quota_use(Blind(), "ns"), public_hosts(Blind(), "ns")) == ([], [])
