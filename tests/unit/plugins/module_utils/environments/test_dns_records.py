"""Public names, what DNS says of them, and the record that each one needs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.dns_records import RecordState, dns_records

KNOWN = {
    "todo.example.com": ["203.0.113.7"],
    "old.example.com": ["198.51.100.1"],
    "both.example.com": ["198.51.100.1", "203.0.113.7"],
    "lb.cloud.example": ["203.0.113.7", "203.0.113.8"],
    "any-name.shop.example.com": ["203.0.113.8"],
}


def resolve(host: str) -> Sequence[str]:
    return KNOWN.get(host, [])


@pytest.mark.parametrize(
    ("host", "addresses", "state", "message"),
    [
        ("todo.example.com", ["203.0.113.7"], RecordState.RIGHT, "todo.example.com leads to 203.0.113.7"),
        (
            "new.example.com",
            ["203.0.113.7"],
            RecordState.MISSING,
            "new.example.com is not in DNS yet: make the record new.example.com. A 203.0.113.7; its certificate "
            "follows once it leads here.",
        ),
        (
            "old.example.com",
            ["203.0.113.7"],
            RecordState.WRONG,
            "old.example.com leads to 198.51.100.1 and not to 203.0.113.7: correct the record to "
            "old.example.com. A 203.0.113.7.",
        ),
        (
            "both.example.com",
            ["203.0.113.7"],
            RecordState.WRONG,
            "both.example.com leads to 198.51.100.1 and not to 203.0.113.7: correct the record to "
            "both.example.com. A 203.0.113.7.",
        ),
        (
            "old.example.com",
            ["lb.cloud.example"],
            RecordState.WRONG,
            "old.example.com leads to 198.51.100.1 and not to lb.cloud.example: correct the record to "
            "old.example.com. CNAME lb.cloud.example.",
        ),
        ("todo.example.com", ["lb.cloud.example"], RecordState.RIGHT, "todo.example.com leads to 203.0.113.7"),
        ("*.shop.example.com", ["lb.cloud.example"], RecordState.RIGHT, "*.shop.example.com leads to 203.0.113.8"),
    ],
)
def test_a_name_is_compared_with_the_address(host: str, addresses: list[str], state: RecordState, message: str) -> None:
    (record,) = dns_records([host], addresses, resolve)
    assert (record.state, record.message) == (state, message)


def test_each_kind_of_address_has_its_record() -> None:
    (record,) = dns_records(["new.example.com"], ["203.0.113.7", "2001:db8::7"], resolve)
    assert record.record == "new.example.com. A 203.0.113.7, new.example.com. AAAA 2001:db8::7"
    assert record.as_result()["state"] == "missing"
