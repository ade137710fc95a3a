"""Records that names need in a provider's zones, and how those that are there stand."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.dns_zones import dns_changes

ZONES = ["example.com", "Test.Example.com.", "ample.com"]


@pytest.mark.parametrize(
    ("host", "zone", "name"),
    [
        ("example.com", "example.com", "@"),
        ("todo.example.com", "example.com", "todo"),
        ("TODO.test.example.com.", "test.example.com", "todo"),
        ("*.example.com", "example.com", "*"),
        ("a.b.example.com", "example.com", "a.b"),
        ("anexample.com", "", ""),
    ],
)
def test_the_longest_zone_holds_a_name(host: str, zone: str, name: str) -> None:
    (found,) = dns_changes([host], ["203.0.113.7"], ZONES)
    assert (found["zone"], found["name"]) == (zone, name)
    assert found["state"] == ("missing" if zone else "no_zone")


@pytest.mark.parametrize(
    ("there", "states"),
    [
        ([], ["missing", "missing"]),
        ([("A", "203.0.113.7")], ["there", "missing"]),
        ([("A", "203.0.113.7"), ("AAAA", "2001:DB8::7"), ("TXT", "x")], ["there", "there"]),
        ([("A", "203.0.113.7"), ("A", "203.0.113.8")], ["elsewhere", "elsewhere"]),
        ([("CNAME", "old.example.net.")], ["elsewhere", "elsewhere"]),
    ],
)
def test_how_they_stand(there: list[tuple[str, str]], states: list[str]) -> None:
    records: list[dict[str, Any]] = [
        {"id": number, "name": "todo", "type": kind, "data": data} for number, (kind, data) in enumerate(there)
    ]
    others = [{"id": 9, "name": "other", "type": "A", "data": "198.51.100.1"}]
    found = dns_changes(
        ["todo.example.com"], ["203.0.113.7", "2001:db8::7"], ZONES, {"example.com": [*records, *others]}
    )
    assert [each["state"] for each in found] == states
    assert [each["type"] for each in found] == ["A", "AAAA"]
    assert found[0]["there"] == (("A", "203.0.113.7") in there)


def test_a_host_name_is_led_to_by_a_cname() -> None:
    (found,) = dns_changes(["todo.example.com"], ["LB.example.net."], ZONES)
    assert found["record"] == "todo.example.com. CNAME lb.example.net"
