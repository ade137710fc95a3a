"""Deadlines are moments on the monotonic clock."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline


def test_what_is_left_is_never_negative() -> None:
    assert Deadline.after(-5).remaining == 0.0
    assert Deadline.after(-5).expired
    assert 0.0 < Deadline.after(60).remaining <= 60.0
    assert not Deadline.after(60).expired


def test_the_earlier_one_counts() -> None:
    near, far = Deadline.after(1), Deadline.after(1000)
    assert near.earlier(1000) is near
    assert far.earlier(1).at < far.at
