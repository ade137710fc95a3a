from __future__ import annotations

import ipaddress
import json
import stat
from pathlib import Path

import pytest

from tests.cluster import cli, state
from tests.cluster.errors import ClusterError


@pytest.fixture(autouse=True)
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "CLUSTERS", tmp_path)
    monkeypatch.setattr(state, "machine_routes", lambda: [])
    return tmp_path


def test_clusters_get_slots_of_their_own_and_keep_them() -> None:
    first, second = state.load_or_create("one", None), state.load_or_create("two", None)

    assert (first.slot, second.slot) == (0, 1)
    assert state.load_or_create("one", None) == first


def test_a_slot_whose_addresses_the_machine_uses_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "machine_routes", lambda: [ipaddress.IPv4Network("10.240.0.0/23")])

    assert state.load_or_create("one", None).slot == 2


def test_no_slot_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "machine_routes", lambda: [ipaddress.IPv4Network("10.0.0.0/8")])

    with pytest.raises(ClusterError, match="places for clusters are taken"):
        state.load_or_create("one", None)


def test_the_state_holds_what_others_rely_on(clusters: Path) -> None:
    facts = state.load_or_create("one", None).facts()

    assert facts["node_ip"] == "10.240.0.2"
    assert facts["registry"] == "10.240.0.2:5000"
    assert facts["provider"] == "local"
    assert facts["url"] == "http://10.240.0.2:30080"
    assert facts["database_url"].startswith("postgresql://todo:")
    assert facts["database_url_admin"].endswith("@10.240.0.2:5432/postgres")
    assert stat.S_IMODE((clusters / "one" / "cluster.json").stat().st_mode) == 0o600


def test_what_a_checkout_of_another_age_wrote_is_passed_over(clusters: Path) -> None:
    made = state.load_or_create("one", None)
    (clusters / "one/cluster.json").write_text(json.dumps({**made.facts(), "newer": True}))
    assert state.load("one") == made


def test_passwords_are_new_for_each_cluster() -> None:
    one, two = state.load_or_create("one", None), state.load_or_create("two", None)

    assert len({one.admin_password, one.todo_password, two.admin_password, two.todo_password}) == 4


def test_the_number_of_fake_nodes_is_kept_unless_given() -> None:
    state.load_or_create("one", 5)

    assert state.load_or_create("one", None).kwok_nodes == 5


def test_a_cluster_that_enforces_policies_goes_on_to() -> None:
    assert not state.load_or_create("one", None).policies
    state.load_or_create("one", None, policies=True)

    assert state.load_or_create("one", None).policies


@pytest.mark.parametrize("name", ["", "../x", "One", "a" * 31, "1a", "a b"])
def test_a_name_that_does_not_suit(name: str) -> None:
    with pytest.raises(ClusterError, match="is not a valid cluster name"):
        state.load_or_create(name, None)


def test_an_unknown_cluster_says_how_to_start_it() -> None:
    with pytest.raises(ClusterError, match="up nobody`"):
        state.load("nobody")


def test_the_provider_is_what_the_cluster_is_else_what_is_asked_for_else_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state.load_or_create("one", None)
    monkeypatch.setenv("LOCAL_CLUSTER", "kind")
    assert (cli.provider("one"), cli.provider("two")) == ("local", "kind")

    monkeypatch.delenv("LOCAL_CLUSTER")
    monkeypatch.setattr(cli, "usable", lambda: True)
    assert cli.provider("two") == "kind"
    monkeypatch.setattr(cli, "usable", lambda: False)
    assert cli.provider("two") == "local"

    monkeypatch.setenv("LOCAL_CLUSTER", "k3s")
    with pytest.raises(ClusterError, match="set it to kind or local"):
        cli.provider("two")
