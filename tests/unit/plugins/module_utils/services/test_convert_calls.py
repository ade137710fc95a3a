"""Addresses in variables and commands: whom a service calls."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert import converted
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_calls import CLOSED, addressed
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compose import from_compose

from .conversions import DEFAULTS, SERVICE, deployment, is_credential, item

NAMES = ("api", "cache", "my_db")


@pytest.mark.parametrize(("text", "found"), [
    ("http://api:8000/v1", {"api": 8000}),
    ("http://api", {"api": 0}),
    ("http://api.shop.svc.cluster.local:80/", {"api": 80}),
    ("redis://cache:6379,redis://cache:6380 http://api", {"cache": 6379, "api": 0}),
    ("postgres://u:p@my_db/x", {"my_db": 0}),
    ("A=cache:1", {"cache": 1}),
    ("http://api.example.com", {}),
    ("https://example.com/api:8000", {}),
    ("the-cache:1 api", {}),
    ("registry.example.com/cache:6", {}),
    (5, {}),
])  # fmt: skip
def test_an_address_names_a_service(text: Any, found: dict[str, int]) -> None:
    assert addressed([text], NAMES) == found


def test_services_of_a_compose_file_are_reached_as_they_were() -> None:
    services = {
        "web": {"image": "a/web:1", "ports": ["80:3000"], "environment": ["API=http://api:8000", "X=http://web:3000"]},
        "api": {"image": "a/api:1", "environment": {"API_TOKEN": "redis://cache", "DB": "postgres://db/x"}},
        "cache": {"image": "a/cache:1"}, "db": {"image": "postgres:16"},
    }  # fmt: skip
    found = from_compose({"services": services}, is_credential)
    web, api, cache = (found.services[name] for name in ("web", "api", "cache"))
    assert (web["calls"], api["calls"], api["needs"]) == (["api"], ["cache"], ["database"])
    assert (api["port"], api["values"]["service"]) == (8000, {"port": 8000})
    assert "service" not in web["values"], "nobody calls it by its port"
    assert cache["port"] == "none"
    assert "cache: others call it, and nothing says on which port; say `port`." in found.unsaid
    assert found.unsaid[-1] == CLOSED


def other(name: str, *env: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = deployment({"env": list(env), **more})
    labels = {"app": name}
    made["metadata"] = {"name": name}
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = labels
    return made


def test_services_of_kubernetes_call_whom_their_variables_name() -> None:
    config = item("ConfigMap", "flags", data={"WEB": "http://web-too/"})
    second = {**SERVICE, "metadata": {"name": "web-too"}}
    caller = other("caller", envFrom=[{"configMapRef": {"name": "flags"}}])
    found = converted([deployment(), SERVICE, second, caller, config], DEFAULTS, is_credential)
    assert found.services["caller"]["calls"] == ["shop-web"]
    assert "caller: it calls web-too, whose host name is shop-web now." in found.unsaid
    assert CLOSED in found.unsaid


def test_network_policies_say_it_themselves() -> None:
    caller = other("caller", {"name": "A", "value": "http://web"})
    policy = item("NetworkPolicy", "caller", spec={"podSelector": {"matchLabels": {"app": "caller"}}, "egress": []})
    found = converted([deployment(), SERVICE, caller, policy], DEFAULTS, is_credential)
    assert "calls" not in found.services["caller"]
