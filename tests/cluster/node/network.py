"""The link between the machine and a node: a veth pair and routes to pods and Services. Nothing else leads out."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.subnets import EngineSubnets, Subnets

_LINK_LIMIT_SECONDS = 120
INSIDE = "eth0"
SECOND_LINK = "second"  # the first node's end of the link to the second one
POLICY_QUEUE = 98


def attach(net: Subnets, pid: int) -> None:
    """Join the machine to the network namespace of process ``pid``; does nothing when that is done already."""
    _link(net.veth, f"{net.machine_ip}/{net.node.prefixlen}", pid)
    for target in (net.pods, net.services):
        _ip("route", "replace", str(target), "via", net.node_ip)


def attach_engine(net: EngineSubnets, pid: int) -> None:
    """Likewise with the container engine, for the ports that containers publish."""
    _link(net.veth, f"{net.machine_ip}/{net.link.prefixlen}", pid)
    _ip("route", "replace", str(net.all), "via", net.engine_ip)


def detach(net: Subnets | EngineSubnets) -> None:
    """Remove the machine's end of the link, and with it the routes."""
    if (Path("/sys/class/net") / net.veth).exists():
        subprocess.run(
            ["ip", "link", "delete", net.veth], capture_output=True, check=False
        )  # it may go with its other end meanwhile


def configure_inside(net: Subnets) -> None:
    """In the node: wait for the link, take the address; every destination without a route of its own is unreachable.

    The route to the Services is for the node's own processes: the kernel wants a route before kube-proxy's rules apply.

    Raises:
        ClusterError: no link appears within 120 s.
    """
    _take_address(f"{net.node_ip}/{net.node.prefixlen}")
    _ip("route", "add", str(net.services), "dev", INSIDE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def attach_second(net: Subnets, first: int, second: int) -> None:
    """Join a second node (process ``second``) to the first one (process ``first``), which leads to its pods.

    Only the first one has a link to the machine: what comes from there goes through it, by a NodePort for example.
    """
    inside = ("nsenter", f"--target={first}", "--net", "--")

    def ip(*arguments: str) -> None:
        _run([*inside, "ip", *arguments])

    ip("link", "add", SECOND_LINK, "type", "veth", "peer", "name", INSIDE, "netns", str(second))
    ip("address", "add", f"{net.node_ip}/32", "dev", SECOND_LINK)
    ip("link", "set", SECOND_LINK, "up")
    ip("route", "add", f"{net.second_node_ip}/32", "dev", SECOND_LINK)
    ip("route", "add", str(net.second_pods), "via", net.second_node_ip, "dev", SECOND_LINK, "onlink")


def configure_second(net: Subnets) -> None:
    """In the second node: everything is reached by the first one, and nothing else.

    Raises:
        ClusterError: no link appears within 120 s.
    """
    _take_address(f"{net.second_node_ip}/32")
    _ip("route", "add", net.node_ip, "dev", INSIDE)
    for target in (net.node, net.pods):
        _ip("route", "add", str(target), "via", net.node_ip)
    _ip("route", "add", str(net.services), "dev", INSIDE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def queue_for_policies(net: Subnets) -> None:
    """In the node: let a program decide on each new connection of a pod; none is let through before it runs.

    The kernel has no nftables queue, which that program would use, but iptables'. POSTROUTING sees what pods send to
    pods and to the outside, with the addresses that Services lead to; INPUT what they send to the node itself. The
    node's own processes pass: the kubelet's probes, the API server's calls of webhooks.
    """
    queue = f"-j NFQUEUE --queue-num {POLICY_QUEUE}"
    known = "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    rules = [
        "*mangle",
        ":POLICIES-OUT -",
        ":POLICIES-IN -",
        f"-A POLICIES-OUT {known}",
        "-A POLICIES-OUT -m owner --uid-owner 0 -j RETURN",
        f"-A POLICIES-OUT -s {net.pods} {queue}",
        f"-A POLICIES-OUT -d {net.pods} {queue}",
        f"-A POLICIES-IN {known}",
        f"-A POLICIES-IN -s {net.pods} {queue}",
        "-A POSTROUTING -j POLICIES-OUT",
        "-A INPUT -j POLICIES-IN",
        "COMMIT",
    ]
    text = "".join(f"{rule}\n" for rule in rules)
    done = subprocess.run(["iptables-restore", "--noflush"], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`iptables-restore` failed: {done.stderr.strip()}")


def configure_engine(net: EngineSubnets) -> None:
    """In the engine: likewise, without Services.

    Raises:
        ClusterError: no link appears within 120 s.
    """
    _take_address(f"{net.engine_ip}/{net.link.prefixlen}")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def dns_answers(server: str, name: str, timeout: float = 0.5) -> bool:
    """Whether a DNS server has an address (A record) for a name (RFC 1035)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">HHHHHH", 0x7464, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(timeout)
        try:
            channel.sendto(query, (server, 53))
            _, flags, _, answers, _, _ = struct.unpack(">HHHHHH", channel.recv(512)[:12])
        except OSError:
            return False
    return bool(flags & 0xF == 0 and answers > 0)


def _link(veth: str, address: str, pid: int) -> None:
    if not (Path("/sys/class/net") / veth).exists():
        _ip("link", "add", veth, "type", "veth", "peer", "name", INSIDE, "netns", str(pid))
    _ip("address", "replace", address, "dev", veth)
    _ip("link", "set", veth, "up")


def _take_address(address: str) -> None:
    deadline = time.monotonic() + _LINK_LIMIT_SECONDS
    while not Path("/sys/class/net", INSIDE).exists():
        if time.monotonic() > deadline:
            raise ClusterError(f"no link to the machine within {_LINK_LIMIT_SECONDS} s")
        time.sleep(0.02)
    _ip("link", "set", "lo", "up")
    _ip("address", "add", address, "dev", INSIDE)
    _ip("link", "set", INSIDE, "up")
    _ip("route", "add", "unreachable", "default")


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")
