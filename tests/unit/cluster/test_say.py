from __future__ import annotations

import pytest

from tests.cluster import say


def test_progress_counts_from_the_start_of_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(say.time, "time", lambda: 1083.9)
    monkeypatch.setenv("TODO_CLOUD_STARTED", "1000")

    say.say("etcd built")

    assert capsys.readouterr().out == "[ 1:23] etcd built\n"
