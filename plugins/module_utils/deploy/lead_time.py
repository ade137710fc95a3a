# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a change took: from its commit until now, where the run was started in a checkout that has it."""

from __future__ import annotations

import os
import re
import subprocess
import time

_SECONDS = 5.0  # for Git


def lead_seconds(commit: str) -> float:
    """Since the commit was made (the committer's time: when it was merged); 0: unknown."""
    if not re.fullmatch("[0-9a-f]{7,64}", commit):
        return 0.0
    folders = (os.environ.get(name) for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "PWD"))
    for folder in dict.fromkeys(filter(None, folders)):
        argv = ["git", "-C", folder, "show", "--no-patch", "--no-show-signature", "--format=%ct", f"{commit}^0"]
        try:
            done = subprocess.run(  # pylint: disable=ansible-bad-function  # no module is at hand here
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=True
            )
            return round(max(1.0, time.time() - int(done.stdout)), 1)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
    return 0.0
