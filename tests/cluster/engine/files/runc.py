#!/usr/bin/python3 -SE
"""runc for an engine that lacks a capability itself: what it cannot give is left out of what containers ask for.

Docker asks for all that the kernel knows when a container is privileged, and runc fails where one of them is missing.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Become runc, after the process that it is to start was limited."""
    for option, file in (("--bundle", "config.json"), ("--process", "")):
        if option in arguments:
            path = Path(arguments[arguments.index(option) + 1], file)
            document = json.loads(path.read_text())
            limit(document.get("process", document), own())
            path.write_text(json.dumps(document))
    os.execvp("runc", ["runc", *arguments])


def limit(process: dict[str, Any], allowed: int) -> None:
    """Leave out capabilities that are not in the mask ``allowed``."""
    for kind, names in (process.get("capabilities") or {}).items():
        process["capabilities"][kind] = [name for name in names or () if allowed >> number(name) & 1]


def own() -> int:
    """This process's bounding set as a mask."""
    found = re.search(r"^CapBnd:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1], 16) if found else -1


def number(name: str) -> int:
    """A capability's bit, see capabilities(7) and linux/capability.h."""
    return NAMES.index(name.removeprefix("CAP_")) if name.removeprefix("CAP_") in NAMES else 63


NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # noqa: SIM905 a list would take as many lines as it has names

if __name__ == "__main__":
    main(sys.argv[1:])
