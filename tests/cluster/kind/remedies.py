"""What a failure of kind or of the engine means, and what to do about it: one sentence each."""

from __future__ import annotations

import re

MORE_INOTIFY = "`sudo sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288`"
OTHER_SUBNET = "`docker network rm kind; docker network create kind --subnet 10.250.0.0/16`"

_KNOWN = (
    (
        r"no space left on device|disk quota exceeded",
        "the container engine's disk is full: free some with `docker system prune`, or give the engine a larger disk",
    ),
    (
        r"too many open files|inotify|could not find a log line that matches",
        f"the node's systemd does not start, mostly for want of inotify instances: {MORE_INOTIFY}",
    ),
    (
        r"non-overlapping|pool overlaps|address space",
        "no subnet is left for kind's network, mostly since a VPN takes all of them: disconnect it, or choose one with "
        f"{OTHER_SUBNET}",
    ),
    (
        r"port is already allocated|address already in use",
        "another program has taken the port meanwhile: run `make up` again, it takes another one",
    ),
    (
        r"permission denied.*docker\.sock|docker\.sock.*permission denied",
        "the engine may be used by root only: add yourself to its group (`sudo usermod -aG docker $USER`, then log in "
        "again)",
    ),
    (
        r"toomanyrequests|rate limit",
        "Docker Hub serves this address no more for now: `docker login`, then run it again",
    ),
    (
        r"proxyconnect|no such host|i/o timeout|tls handshake timeout|network is unreachable|no route to host",
        "a registry cannot be reached: behind a proxy, set it in the engine's settings and as HTTPS_PROXY",
    ),
    (
        r"oom|cannot allocate memory|signal: killed",
        "the container engine ran out of memory: give it 6 GiB (Docker Desktop: Settings > Resources)",
    ),
)


def explained(command: str, output: str) -> str:
    """One sentence for a failed command: the known reason and its remedy, else the command's own last words."""
    for pattern, meaning in _KNOWN:
        if re.search(pattern, output, re.IGNORECASE):
            return f"{command} failed: {meaning}."
    return f"{command} failed: {' '.join(output.split())[-300:]}"
