from __future__ import annotations

import ipaddress
import itertools

import pytest

from tests.cluster.subnets import SLOTS, Subnets


def test_the_addresses_of_a_slot() -> None:
    net = Subnets(3)

    assert (net.machine_ip, net.node_ip) == ("10.240.3.1", "10.240.3.2")
    assert (str(net.pods), str(net.services)) == ("10.244.3.0/24", "10.96.24.0/21")
    assert (net.api_ip, net.dns_ip) == ("10.96.24.1", "10.96.24.10")


def test_no_two_slots_share_an_address() -> None:
    nets = [Subnets(slot) for slot in range(SLOTS)]
    every = [part for net in nets for part in (net.node, net.pods, net.fake_pods, net.second_pods, net.services)]

    assert not [(a, b) for a, b in itertools.combinations(every, 2) if a.overlaps(b)]
    assert len({net.veth for net in nets}) == SLOTS


def test_names_of_links_fit_the_kernel() -> None:
    assert all(len(Subnets(slot).veth) <= 15 for slot in range(SLOTS))


@pytest.mark.parametrize("slot", [-1, SLOTS])
def test_a_slot_out_of_range_is_refused(slot: int) -> None:
    with pytest.raises(ValueError, match=f"slot {slot} "):
        Subnets(slot)


def test_a_network_of_the_machine_that_overlaps_is_found() -> None:
    taken = [ipaddress.IPv4Network("192.168.0.0/16"), ipaddress.IPv4Network("10.244.0.0/16")]

    assert Subnets(5).overlap(taken) == taken[1]
    assert Subnets(5).overlap(taken[:1]) is None
