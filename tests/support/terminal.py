"""ansible-playbook as a person sees it: in a terminal, with its colours; and the same as a page."""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from ansible_collections.todo.cloud.plugins.plugin_utils.brief import NAME

from tests.support.environ import clean_environ
from tests.unit.ansible_runs import TOP

BRIEF = {"ANSIBLE_STDOUT_CALLBACK": NAME, "CI": ""}
_CLOCK = re.compile(r"^ {0,4}\d+:\d\d(?=  )|^\d+:\d\d(?= on )|(?<=after )\d+:\d\d(?=\.)", re.MULTILINE)
_TOOK = re.compile(r" \(\d+:\d\d\)")
_COLOUR = re.compile("\x1b\\[([0-9;]*)m")
# Of the numbers that Ansible uses: 30 to 37, the bold ones after "1;".
_COLOURS = {
    "0;31": "#ff8f88", "0;32": "#7fd894", "0;33": "#f0c063", "0;34": "#7db8ff", "0;35": "#d7a5f5", "0;36": "#6fd3dc",
    "1;30": "#a3adb8", "1;31": "#ff8f88", "1;35": "#d7a5f5", "0;30": "#a3adb8",
}  # fmt: skip
_PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Terminal</title><style>
body {{ margin: 0; background: #14171b; color: #e4e7eb; width: max-content }}
pre {{ margin: 0; padding: 16px 20px; font: 14px/1.4 "DejaVu Sans Mono", monospace; min-width: {columns}ch }}
b {{ color: #7db8ff; font-weight: normal }}</style><pre><b>$</b> {command}
{text}</pre></html>"""


def timeless(text: str) -> str:
    """The same at any speed."""
    return _CLOCK.sub(lambda found: "0:00" if not found[0].startswith(" ") else " 0:00", _TOOK.sub("", text))


def plain(text: str) -> str:
    """Without colours."""
    return _COLOUR.sub("", text)


def in_terminal(*args: str, columns: int) -> str:
    """What a terminal of this width gets of ansible-playbook."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = termios.tcgetattr(theirs)
    settings[1] &= ~termios.OPOST  # line feeds as they are written
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    kept = clean_environ("TODO_", "NO_COLOR")
    command = [sys.executable, "-m", "ansible", "playbook", *args]
    process = subprocess.Popen(
        command, cwd=TOP, env={**kept, **BRIEF, "TERM": "xterm-256color"},
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while more := os.read(ours, 65536):
            said += more
    except OSError:  # how Linux says that nobody is there any more
        pass
    process.wait()
    os.close(ours)
    return said.decode()


def page(command: str, said: str, columns: int) -> str:
    """HTML that looks like the terminal in which this was typed and said, at any speed."""
    first, *coloured = _COLOUR.split(said.strip("\n"))
    text = html.escape(timeless(first))
    for code, part in zip(coloured[::2], coloured[1::2], strict=True):
        shown, colour = html.escape(timeless(part)), _COLOURS.get(code)
        text += f'<span style="color: {colour}">{shown}</span>' if colour else shown
    return _PAGE.format(columns=columns, command=html.escape(command), text=text)
