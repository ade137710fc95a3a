# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from tests.support.patience import patience, slowness


def test_deadlines_grow_with_the_machines_slowness_and_are_never_shorter() -> None:
    assert 1.0 <= slowness() <= 10.0
    assert patience(60) == 60 * slowness() == patience(60), "measured once"
