"""An environment on one screen: where it is, one line per release, what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.environment_table import FilterModule, environment_table

from tests.support.hostile_markdown import ATTACK, shown

WELL = {
    "revision": 3, "status": "deployed", "state": "Current", "message": "", "replicas": "2/2", "restarts": 0,
    "sidecars": "2/2", "verified": True, "images": ["ghcr.io/todo-app/backend-api:v1.0.0"],
}  # fmt: skip
ILL = {
    **WELL,
    "revision": 12,
    "state": "Failed",
    "message": "container app exits with code 1",
    "verified": False,
    "images": [],
}


def info(**more: Any) -> dict[str, Any]:
    return {
        "sets": [{"id": 4, "time": "2026-11-21T10:00:00Z", "commit": "0123abc"}],
        "current": 4,
        "status": {"backend-api": WELL},
    } | more


def test_as_markdown() -> None:
    text = environment_table(info(notes=[ATTACK]), title=f"staging {ATTACK}")
    assert text.startswith("### staging a\\|b ")
    assert "\nlock: free\n" in text
    assert shown(text).tags == ["h3", "pre", "code"]


def test_one_screen() -> None:
    assert environment_table(info(status={"frontend": ILL, "backend-api": WELL})) == [
        "at verified set 4 (commit 0123abc, 2026-11-21T10:00:00Z)",
        "lock: free",
        "release      revision  state    replicas  restarts  sidecars  verified  image",
        "backend-api  3         Current  2/2       0         2/2       yes       ghcr.io/todo-app/backend-api:v1.0.0",
        "frontend     12        Failed   2/2       0         2/2       no        -",
        "frontend: container app exits with code 1",
    ]


def test_a_newer_tag_of_the_image_that_runs() -> None:
    lines = environment_table(info(status={"backend-api": {**WELL, "tag": "v1.1.0"}}))
    assert lines[3].endswith("  ghcr.io/todo-app/backend-api:v1.0.0 = v1.1.0")


def test_what_somebody_changed_in_the_cluster() -> None:
    drift = ["Deployment/backend-api: spec.replicas is 3, the release says 1 (kubectl)"]
    lines = environment_table(info(status={"backend-api": {**WELL, "drift": drift}}))
    assert "  drifted   " in lines[3]
    assert lines[-1] == f"backend-api: {drift[0]}"


def test_lock_and_certificates() -> None:
    lines = environment_table(
        info(
            lock={"held": True, "holder": "ada@ci", "since": "10:00"},
            trust={"mtls": True, "root_days_left": 300, "issuer_days_left": 300},
        )
    )
    assert "lock: held by ada@ci since 10:00" in lines
    assert "Dapr's certificates: 300 days; mutual TLS on" in lines


def test_certificates_of_public_endpoints() -> None:
    edge = {"name": "edge", "days_left": 61, "ready": True}
    lines = environment_table(info(certificates=[edge, {"name": "new", "days_left": None, "ready": False}]))
    assert "certificate edge: 61 days left" in lines
    assert "certificate new: not issued yet, not ready" in lines


def test_a_digest_is_reported_by_its_first_digits() -> None:
    image = f"r/api:v1@sha256:0123456789ab{'c' * 52}"
    assert environment_table(info(status={"api": {**WELL, "images": [image]}}))[-1].endswith(
        "r/api:v1@sha256:0123456789ab"
    )


def test_an_empty_environment() -> None:
    assert environment_table(info(sets=[], current=0, status={})) == ["at no verified set", "lock: free", "no releases"]


@pytest.mark.parametrize("bad", [None, [], {"sets": []}, {"status": None}])
def test_refuses_what_is_no_status(bad: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="release_set_info with status"):
        environment_table(bad)


def test_filter_is_registered() -> None:
    assert FilterModule().filters() == {"environment_table": environment_table}


def test_hosts_and_quota() -> None:
    hosts = [{"host": "a.example.com", "addresses": ["203.0.113.7"]}, {"host": "b.example.com", "addresses": []}]
    quota = [
        {"quota": "environment", "resource": "pods", "used": "9", "hard": "20"},
        {"quota": "environment", "resource": "requests.cpu", "used": "450m", "hard": "1"},
    ]
    lines = environment_table(info(hosts=hosts, quota=quota))
    assert "host a.example.com: 203.0.113.7" in lines
    assert "host b.example.com: no address yet" in lines
    assert "quota environment: pods 9 of 20, requests.cpu 450m of 1" in lines
