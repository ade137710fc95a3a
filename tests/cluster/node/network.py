"""The link between the machine and a node: a veth pair and routes to pods and Services. Nothing else leads out."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.subnets import Subnets

_LINK_LIMIT_SECONDS = 30
INSIDE = "eth0"


def attach(net: Subnets, pid: int) -> None:
    """Join the machine to the network namespace of process ``pid``; does nothing when that is done already."""
    if not (Path("/sys/class/net") / net.veth).exists():
        _ip("link", "add", net.veth, "type", "veth", "peer", "name", INSIDE, "netns", str(pid))
    _ip("address", "replace", f"{net.machine_ip}/{net.node.prefixlen}", "dev", net.veth)
    _ip("link", "set", net.veth, "up")
    for target in (net.pods, net.services):
        _ip("route", "replace", str(target), "via", net.node_ip)


def detach(net: Subnets) -> None:
    """Remove the machine's end of the link, and with it the routes."""
    if (Path("/sys/class/net") / net.veth).exists():
        subprocess.run(
            ["ip", "link", "delete", net.veth], capture_output=True, check=False
        )  # it may go with its other end meanwhile


def configure_inside(net: Subnets) -> None:
    """In the node: wait for the link, take the address; every destination without a route of its own is unreachable.

    The route to the Services is for the node's own processes: the kernel wants a route before kube-proxy's rules apply.

    Raises:
        ClusterError: no link appears within 30 s.
    """
    deadline = time.monotonic() + _LINK_LIMIT_SECONDS
    while not Path("/sys/class/net", INSIDE).exists():
        if time.monotonic() > deadline:
            raise ClusterError(f"no link to the machine within {_LINK_LIMIT_SECONDS} s")
        time.sleep(0.02)
    _ip("link", "set", "lo", "up")
    _ip("address", "add", f"{net.node_ip}/{net.node.prefixlen}", "dev", INSIDE)
    _ip("link", "set", INSIDE, "up")
    _ip("route", "add", "unreachable", "default")
    _ip("route", "add", str(net.services), "dev", INSIDE)
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


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}")
