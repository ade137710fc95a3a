from __future__ import annotations

import ipaddress
import json
from dataclasses import replace

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.kind import checks
from tests.cluster.kind.checks import Facts, complaints
from tests.cluster.kind.program import Program

from .conftest import Fake

GIB = 1024**3
GOOD = Facts("kind v0.33.0 go1.26.8 linux/amd64", 8 * GIB, 50 * GIB, (512, 524288), "127.0.0.1")
SUBNET = (ipaddress.IPv4Network("172.18.0.0/16"),)


def one(facts: Facts) -> str:
    (sentence,) = complaints(facts)
    assert sentence.endswith(".")
    return sentence


def test_a_good_machine() -> None:
    assert list(complaints(GOOD)) == []
    assert list(complaints(replace(GOOD, memory=0, disk=None, inotify=None))) == [], "an engine elsewhere says less"


def test_an_old_kind() -> None:
    assert one(replace(GOOD, kind="kind v0.28.0 go1.24")) == "kind v0.28 is too old: install 0.29 or newer."


def test_too_little_memory() -> None:
    sentence = one(replace(GOOD, memory=2 * GIB))
    assert sentence.startswith("The container engine has 2.0 GiB of memory, and 4 are needed: raise it (Docker Desktop")


def test_a_full_disk() -> None:
    assert "1.0 GiB free, and 8 are needed: free some with `docker system prune`" in one(replace(GOOD, disk=GIB))


@pytest.mark.parametrize("limits", [(64, 524288), (512, 8192)])
def test_inotify(limits: tuple[int, int]) -> None:
    assert "`sudo sysctl fs.inotify.max_user_instances=512" in one(replace(GOOD, inotify=limits))


def test_a_vpn_that_has_kind_s_subnet() -> None:
    vpn = ipaddress.IPv4Network("172.16.0.0/12")
    sentence = one(replace(GOOD, network=SUBNET, routes=(vpn,)))
    assert sentence.startswith("A VPN or another network of this machine uses 172.16.0.0/12")
    assert "docker network create kind --subnet" in sentence
    assert list(complaints(replace(GOOD, network=SUBNET, routes=(ipaddress.IPv4Network("10.0.0.0/8"),)))) == []


def test_a_proxy_of_this_machine_only() -> None:
    environ = {"HTTPS_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "localhost,127.0.0.1"}
    assert one(replace(GOOD, environ=environ)).startswith("HTTPS_PROXY is http://127.0.0.1:3128, which the node cannot")


def test_a_proxy_that_would_be_asked_for_the_cluster() -> None:
    environ = {"https_proxy": "http://proxy.example.com:3128"}
    assert one(replace(GOOD, environ=environ)).endswith("add 127.0.0.1 to NO_PROXY.")
    assert list(complaints(replace(GOOD, environ={**environ, "no_proxy": "127.0.0.1, .local"}))) == []


def test_what_is_asked_of_the_commands(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kubectl", "helm"):
        fake(name)
    fake("kind", out="kind v0.20.0 go1.20")
    fake("docker", out=json.dumps({"MemTotal": GIB, "DockerRootDir": "/nowhere"}))
    monkeypatch.setattr(checks, "_network", lambda program: ((), ""))

    with pytest.raises(ClusterError, match=r"kind v0.20 is too old.* 1.0 GiB of memory"):
        checks.check(Program("docker"), "127.0.0.1")


def test_podman_says_the_same_in_other_words(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("kind", out="kind v0.33.0")
    fake("podman", out=json.dumps({"host": {"memTotal": 5 * GIB}, "store": {"graphRoot": "/nowhere"}}))
    monkeypatch.setattr(checks, "_network", lambda program: ((), ""))

    facts = checks.gather(Program("podman"), "127.0.0.1")
    assert (facts.memory, facts.disk, facts.inotify) == (5 * GIB, None, None)


def test_missing_tools_are_named(fake: Fake) -> None:
    fake("docker")
    fake("helm")

    with pytest.raises(ClusterError, match="needs kind and kubectl: install it and put it into PATH"):
        checks.check(Program("docker"), "127.0.0.1")


@pytest.mark.parametrize(
    "answer",
    [
        {"Id": "0123456789abcdef", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}, {"Subnet": "fc00::/64"}]}},
        {"subnets": [{"subnet": "172.18.0.0/16"}], "network_interface": "br-0123456789ab"},  # Podman
    ],
)
def test_kind_s_network_is_compared_with_the_routes_of_others(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    routes = [
        {"dst": "default"},
        {"dst": "172.18.0.0/16", "dev": "br-0123456789ab"},
        {"dst": "10.8.0.1", "dev": "tun0"},
    ]
    fake("docker", out=json.dumps([answer]))
    fake("ip", out=json.dumps(routes))

    assert checks._network(Program("docker")) == (SUBNET, "br-0123456789ab")
    assert checks._routes("br-0123456789ab") == (ipaddress.IPv4Network("10.8.0.1/32"),)
