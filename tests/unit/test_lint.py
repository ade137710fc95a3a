"""ansible-lint's runs of ansible-playbook start warm, and find what those find that do not."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from tests.lint import Warm


def test_a_mistake_is_found_and_other_programs_run_as_ever(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.yml", tmp_path / "good.yml"
    bad.write_text("[{hosts: all, tasks: [{ansible.builtin.nonesuch: {}}]}]")
    good.write_text("[{hosts: all, roles: [todo.cloud.kafka]}]")
    check, env = ["ansible-playbook", "--syntax-check", "-vv"], {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "False"}
    with contextlib.ExitStack() as started:
        run = Warm(started).run
        found, none = (run([*check, str(file)], env=env) for file in (bad, good))
        other = run([sys.executable, "-c", "import sys; print('out'); sys.exit(3)"], capture_output=True, text=True)
    assert (found.returncode, none.returncode) == (4, 0), found.stderr + none.stderr
    assert "couldn't resolve module/action 'ansible.builtin.nonesuch'" in found.stderr
    assert (other.returncode, other.stdout) == (3, "out\n")
