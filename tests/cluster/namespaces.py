"""A process tree in namespaces of its own: when its process 1 ends, all in them ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

UNSHARE = ("unshare", "--fork", "--pid", "--kill-child", "--mount", "--net", "--uts", "--ipc", "--mount-proc")


def first_process(command: Sequence[str]) -> int | None:
    """The process number, as this machine counts, of the process 1 that runs a command; None when there is none.

    Args:
        command: its words; the first, the Python that runs it, is not compared.
    """
    wanted = list(command[1:])
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_text().split("\0")[:-1]
            if words[1:] == wanted and _is_first(entry):
                return int(entry.name)
        except OSError:  # it ended meanwhile
            continue
    return None


def _is_first(process: Path) -> bool:
    """Whether a process is number 1 of an inner PID namespace."""
    lines = (process / "status").read_text().splitlines()
    numbers = next(line for line in lines if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"
