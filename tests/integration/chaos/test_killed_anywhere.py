# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""site.yml and rollback.yml killed at random moments; the same at length: ``make chaos``. See tests/chaos."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tests.chaos.__main__ import play
from tests.chaos.points import KINDS

EACH = tuple(dict.fromkeys(KINDS))
POINTS = len(EACH)
LANES = 2


def test_killed_anywhere_a_run_converges(kubeconfig: str, tmp_path: Path) -> None:
    """Once by each kind. A failure names its seed: TODO_CLOUD_CHAOS_SEED plays the same points again."""
    seed = os.environ.get("TODO_CLOUD_CHAOS_SEED") or secrets.token_hex(4)
    played, failures = play(
        kubeconfig, POINTS, seed, LANES, tmp_path, verified_again=POINTS // LANES, few=True, kinds=EACH
    )
    assert not failures, f"TODO_CLOUD_CHAOS_SEED={seed}\n" + "\n".join(failures)
    assert len(played) == POINTS
