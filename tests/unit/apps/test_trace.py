"""Which traces are sampled: whoever begins one decides by the environment's share, the others follow."""

from __future__ import annotations

import runpy

import pytest

from tests.unit.apps.processes import APPS

trace = runpy.run_path(str(APPS / "todo_common" / "trace.py"))
begin, outgoing = trace["begin"], trace["outgoing"]


def sampled(of: int) -> int:
    """How many of new traces are."""
    count = 0
    for _ in range(of):
        begin(None)
        count += outgoing().endswith("-01")
    return count


@pytest.mark.parametrize(("share", "least", "most"), [("", 500, 500), ("1", 500, 500), ("0", 0, 0), ("0.5", 150, 350)])
def test_the_share_of_new_traces_is_sampled(share: str, least: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    assert least <= sampled(500) <= most


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_trace_that_came_stays_as_it_was_decided(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0" if flags == "01" else "1")
    begin(f"00-{'a' * 32}-{'b' * 16}-{flags}")
    version, trace_id, span, passed = outgoing().split("-")
    assert (version, trace_id, passed) == ("00", "a" * 32, flags)
    assert span != "b" * 16


def test_the_same_trace_is_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    begin(None)
    assert len({outgoing().rpartition("-")[2] for _ in range(20)}) == 1
