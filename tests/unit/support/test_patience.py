# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.support import patience as module
from tests.support.patience import patience, slowness


def test_deadlines_grow_with_the_machines_slowness_and_are_never_shorter() -> None:
    assert 1.0 <= slowness() <= 10.0


def test_it_is_measured_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    seconds: Iterator[float] = iter([0.01] * 3 + [0.32] * 3 + [99.0] * 3)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "_measure", lambda: next(seconds))
    monkeypatch.setattr(module, "_looked", 0.0)
    monkeypatch.setattr(module, "_found", 1.0)
    assert (patience(60), patience(60)) == (60, 60)
    now += 60
    assert (patience(60), patience(60)) == (240, 240)
    now += 60
    assert patience(60) == 600
