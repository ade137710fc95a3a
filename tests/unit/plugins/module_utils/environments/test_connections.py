"""The connections of running pods, against policies that are not there yet."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.connections import (
    Surroundings,
    described,
    policy_findings,
    public_services,
    services_by_host,
)

from tests.unit.plugins.module_utils.environments.test_policies import BLOCK, DENY, policy

DNS = policy([{"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}], "egress")


def pod(app: str, env: dict[str, str] | None = None, port: int = 8080, **container: Any) -> dict[str, Any]:
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    ports = [{"name": "http", "containerPort": port}]
    return {
        "metadata": {"name": f"{app}-1", "labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "env": variables, "ports": ports, **container}]},
    }


def service(app: str, port: int = 80, target: Any = "http", **spec: Any) -> dict[str, Any]:
    ports = [{"port": port, "targetPort": target}]
    return {"metadata": {"name": app}, "spec": {"selector": {"app": app}, "ports": ports, **spec}}


def found(after: list[Any], pods: list[Any], services: list[Any], before: Any = (), **more: Any) -> list[str]:
    around = Surroundings("shop", pods, services, **more)
    return [str(each) for each in policy_findings(list(before), [*after, DNS], around)]


def test_a_service_that_nobody_could_reach_any_more() -> None:
    assert found([DENY], [pod("web")], [service("web")]) == [
        "web-1: no client could reach port 8080 any more, which Service web leads to (environment_policies)"
    ]


def test_a_service_of_daprs_sidecars_is_opened_by_the_environment_itself() -> None:
    sidecar = service("web", 80, 3500)
    sidecar["metadata"]["annotations"] = {"dapr.io/app-id": "web"}
    assert found([DENY], [pod("web")], [sidecar]) == []


def test_policies_that_change_nothing_for_it_are_fine() -> None:
    assert found([DENY], [pod("web")], [service("web")], before=[DENY]) == []
    assert found([DENY, policy([{}])], [pod("web")], [service("web")]) == []
    assert found([], [pod("web")], [service("web")]) == []


def test_what_is_opened_for_monitoring_is_no_client() -> None:
    scraped = {**policy([{"from": [{"namespaceSelector": {}}]}]), "metadata": {"name": "allow-monitoring"}}
    assert len(found([DENY, scraped], [pod("web")], [service("web")])) == 1


@pytest.mark.parametrize(
    ("kind", "public"), [({"type": "LoadBalancer"}, frozenset()), ({"type": "NodePort"}, frozenset()), ({}, {"web"})]
)
def test_what_is_public_must_be_reached_from_outside(kind: dict[str, Any], public: Any) -> None:
    own = policy([{"from": [{"podSelector": {}}]}])
    (text,) = found([DENY, own], [pod("web")], [service("web", **kind)], public=frozenset(public))
    assert "nobody outside the namespace could reach port 8080" in text
    door = policy([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])
    assert found([DENY, own, door], [pod("web")], [service("web", **kind)], public=frozenset(public)) == []


@pytest.mark.parametrize("host", ["db", "db.shop", "db.shop.svc", "db.shop.svc.cluster.local", "db-0.db.shop.svc"])
def test_a_connection_to_a_service_of_the_namespace(host: str) -> None:
    pods = [pod("api", {"URL": f"postgres://user:secret@{host}:5432/app"}), pod("db", port=5432)]
    opened = [DENY, policy([{}])]
    (text,) = found(opened, pods, [service("db", 5432)])
    assert "api-1: could not connect to Service db (pod db-1, port 5432) any more" in text
    assert "secret" not in text
    assert found([*opened, policy([{"to": [{"podSelector": {}}]}], "egress")], pods, [service("db", 5432)]) == []


def test_both_ends_have_to_let_it_through() -> None:
    pods = [pod("api", args=["--db", "db:5432"]), pod("db", port=5432)]
    out = policy([{}], "egress")
    only_web = policy([{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}])
    texts = found([DENY, out, only_web], [*pods, pod("web")], [service("db", 5432)])
    assert texts == ["api-1: could not connect to Service db (pod db-1, port 5432) any more (environment_policies)"]


@pytest.mark.parametrize(
    ("address", "hit"),
    [
        ("https://api.example.com/v1", True),
        ("redis.cache.svc.cluster.local:6379", True),
        ("10.2.3.4:5432", False),
        ("192.0.2.1:5432", True),
        ("http://localhost:3500", False),
        ("127.0.1.1:5432", False),
        ("registry:5000", False),
        ("12:30", False),
        ("v1.2.3", False),
    ],
)
def test_addresses_elsewhere(address: str, hit: bool) -> None:
    block = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 5432}]}]
    texts = found([DENY, policy(block, "egress")], [pod("api", {"X": address})], [])
    assert bool(texts) is hit


def test_what_daprd_connects_to_is_opened_by_the_environment_itself() -> None:
    app = pod("api", {"X": "dapr-sentry.dapr-system.svc:443"}, name="daprd")
    assert found([DENY], [app], []) == []


def test_addresses_in_secrets_are_not_known() -> None:
    reading = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}}}]
    app = pod("api", env=None)
    app["spec"]["containers"][0]["env"] = reading
    (text,) = found([DENY], [app], [])
    assert "could reach nothing but DNS" in text
    assert "Secret database" in text
    assert found([DENY, policy(BLOCK, "egress")], [app], []) == []


@pytest.mark.parametrize(
    ("variable", "key", "config", "hit"),
    [
        ("POSTGRES_PASSWORD", "password", False, False),
        ("PASSWORD", "value", False, False),
        ("X", "api-token", False, False),
        ("DATABASE_URL", "password-url", False, True),
        ("X", "connection", False, True),
        ("DB_PASSWORD", "password", True, True),
    ],
)
def test_a_password_alone_is_no_address(variable: str, key: str, config: bool, hit: bool) -> None:
    """Unless the host may come from a ConfigMap."""
    app = pod("db")
    reading = [{"name": variable, "valueFrom": {"secretKeyRef": {"name": "s", "key": key}}}]
    app["spec"]["containers"][0]["env"] = reading
    if config:
        app["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    assert bool(found([DENY], [app], [])) is hit


def test_a_pod_reaches_itself() -> None:
    """A cluster of one member, by the name of its own headless Service."""
    etcd = pod("etcd", args=["--initial-cluster=etcd-0=http://etcd-0.etcd:2380"], port=2380)
    opened = policy([{"from": [{"podSelector": {}}]}])
    assert found([DENY, opened], [etcd], [service("etcd", 2380)]) == []


def test_policies_say_nothing_of_a_pod_in_its_nodes_network() -> None:
    agent = pod("agent", {"X": "https://api.example.com"})
    agent["spec"]["hostNetwork"] = True
    assert found([DENY], [agent], [service("agent")]) == []


def test_pods_are_described() -> None:
    around = Surroundings("shop", [pod("web"), pod("job")], [service("web", target=8080)])
    assert list(described([DENY], around)) == [
        "web-1: isolated for ingress and egress; ports of its Services: 8080",
        "job-1: isolated for ingress and egress; ports of its Services: none",
    ]
    assert "not isolated" in next(described([], around))


def test_services_behind_ingresses_and_routes() -> None:
    ingress = {"spec": {
        "defaultBackend": {"service": {"name": "a"}},
        "rules": [{"http": {"paths": [{"backend": {"service": {"name": "b"}}}]}}],
    }}  # fmt: skip
    route = {"spec": {"rules": [{"backendRefs": [{"name": "c"}]}]}}
    assert public_services([ingress, route, {"spec": {}}]) == {"a", "b", "c"}


def test_hosts_of_ingresses_and_routes() -> None:
    paths = {"paths": [{"backend": {"service": {"name": "web"}}}]}
    ingress = {"spec": {"rules": [{"host": "Shop.example.com", "http": paths}, {"host": "*.example.com"}]}}
    route = {"spec": {"hostnames": ["b.example.com"], "rules": [{"backendRefs": [{"name": "api"}]}]}}
    assert services_by_host([ingress, route, {"spec": {}}]) == {"shop.example.com": {"web"}, "b.example.com": {"api"}}


def test_a_pods_own_public_url_is_no_connection_and_that_of_another_is_one() -> None:
    hosts = {"shop.example.com": {"web"}}
    pods = [pod(app, {"URL": "https://shop.example.com/"}) for app in ("web", "api")]
    opened = [DENY, policy([{}])]
    texts = found(opened, pods, [service("web")], hosts=hosts)
    assert texts == ["api-1: could not connect to shop.example.com:443 any more (environment_policies)"]
