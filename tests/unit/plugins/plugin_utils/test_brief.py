# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines for a person: which live lines are shown and when, and how lines fit."""

from __future__ import annotations

import pytest
from ansible import constants, context
from ansible.utils.display import Display
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import Passing, Retold, written
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line
from ansible_collections.todo.cloud.plugins.plugin_utils import brief
from ansible_collections.todo.cloud.plugins.plugin_utils.brief import Calm, Screen, about, duration, wanted


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of no other command, whose clock it would go on with."""
    monkeypatch.delenv("TODO_CLOUD_STARTED", raising=False)


class Told:
    """A task's live lines at times that a test sets."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.calm = Calm(self.lines.append, lambda: self.now)

    def say(self, at: float, *lines: str, last: bool = False) -> list[str]:
        """What is shown of the lines, and of what was said before, by that time."""
        self.now = at
        before = len(self.lines)
        for line in lines:
            self.calm.take(written(line, one_line))
        self.calm.tick(last)
        return self.lines[before:]


def state(of: str, text: str) -> Passing:
    return Passing(f"{of} {text}", of, over=text == "ready")


def test_a_state_is_told_once_it_has_lasted_and_readiness_where_it_was_waited_for() -> None:
    told = Told()
    assert told.say(0, "wave 1 of 2", state("api", "0/2"), state("web", "ready")) == ["wave 1 of 2"]
    assert told.say(9, state("api", "1/2")) == []
    assert told.say(10) == ["api 1/2"]
    assert told.say(60, state("api", "1/2")) == [], "it was told"
    assert told.say(61, state("api", "ready"), state("web", "ready")) == []
    assert told.say(63) == ["api ready"]
    assert told.say(64, state("api", "ready"), last=True) == [], "it is looked at again, and still is"


def test_what_comes_at_once_shares_a_line_and_lines_keep_their_order() -> None:
    told = Told()
    assert told.say(0, state("api", "0/1"), state("web", "0/1"), state("sse", "0/1")) == []
    assert told.say(10.1) == ["api 0/1; web 0/1; sse 0/1"]
    assert told.say(11, state("api", "ready")) == []
    assert told.say(12, state("web", "ready"), "recorded", state("sse", "ready")) == [
        "api ready; web ready",
        "recorded",
    ]
    assert told.say(12.1, last=True) == ["sse ready"]


def test_a_state_that_changes_all_the_time_is_told_from_time_to_time() -> None:
    told = Told()
    shown = [line for second in range(100) for line in told.say(second, state("api", f"{second % 8}/9"))]
    assert 3 <= len(shown) <= 6


def test_a_state_that_returns_to_what_was_told_is_no_news() -> None:
    told = Told()
    told.say(0, state("api", "0/1"))
    assert told.say(10) == ["api 0/1"]
    assert told.say(11, state("api", "1/1"), state("api", "0/1")) == []
    assert told.say(99) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("began", "clock"), [("935", "1:05"), ("", "0:00"), ("2000", "0:00"), ("soon", "0:00")])
def test_the_clock_goes_on_from_what_began_before(began: str, clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_CLOUD_STARTED", began)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    assert Screen().clock() == clock


@pytest.mark.parametrize(
    ("host", "text", "expected"),
    [
        ("kafka", "kafka 0/1 available", "kafka 0/1 available"),
        ("metrics_server", "metrics-server: install", "metrics-server: install"),
        ("dapr", "operator 0/1", "dapr: operator 0/1"),
        ("app", "apply the schema", "app: apply the schema"),
        ("", "wave 1", "wave 1"),
    ],
)
def test_whom_a_line_is_about_is_said_once(host: str, text: str, expected: str) -> None:
    assert about(host, text) == expected


def test_lines_fit_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    screen = Screen()
    text = "sse-gateway: container app exits with code 1 (CrashLoopBackOff), see\x1b[2J /a/path/as-long/as-a-line/is"
    lines = screen.line(text, "FAILED")
    assert lines[0].split()[:2] == ["0:00", "FAILED"]
    assert " ".join(" ".join(lines).split()[2:]) == text.replace("\x1b", "\\x1b")
    assert [len(line) < 50 for line in lines[:-1]] == [True] * (len(lines) - 1)
    monkeypatch.setenv("COLUMNS", "3")
    assert Screen().columns == 40, "narrower is not served"
    monkeypatch.delenv("COLUMNS")
    assert screen.line("x" * 500)[0].endswith("x" * 500)


def test_a_row_goes_on_below_its_last_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "41")
    screen = Screen()
    table = [
        "release  action   outcome",
        "api      upgrade  restored: crash_loop, back at set 7",
        "web      upgrade  verified",
    ]
    assert [line for row in table for line in screen.row(row, table[0])] == [
        "release  action   outcome",
        "api      upgrade  restored: crash_loop,",
        "                  back at set 7",
        "web      upgrade  verified",
    ]
    monkeypatch.delenv("COLUMNS")
    screen.measure()
    assert screen.row(table[1], table[0]) == [table[1]]


def test_what_is_so_until_anything_else_is_said() -> None:
    told = Told()
    assert told.say(0, Passing("api: install", "")) == []
    assert told.say(2.9) == []
    assert told.say(3) == ["api: install"], "sooner than a state: else nothing is seen to be done"
    assert told.say(11, Passing("api: upgrade", "")) == []
    assert told.say(12, state("api", "0/1")) == []
    assert told.say(90) == ["api 0/1"]


def test_what_the_end_tells_again_is_short_and_said_once() -> None:
    told = Told()
    assert told.say(0, Retold("api failed: it ends (Error, 1 restart)", "api")) == ["api failed: it ends"]
    assert told.say(1, Retold("failed: api: it ends (Error, 1 restart)", "api"), Retold("api: row")) == []
    assert told.say(2, Retold("failed: web: no image", "web")) == ["failed: web: no image"]


def test_of_several_things_that_take_long_each_is_said() -> None:
    told = Told()
    one, other = (Passing(f"registry {name} is asked", "") for name in ("ghcr.io", "quay.io"))
    assert [told.say(0, one), told.say(3)] == [[], [one]]
    assert [told.say(4, one), told.say(8)] == [[], []], "it was said"
    assert [told.say(9, other), told.say(12)] == [[], [other]]


def test_names_that_do_not_fit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen()
    assert screen.names(["one", "two", "three"], "dapr: ") == "one; two; three"
    names = ["Namespace is there", "Quota is there", "Policies are there"]
    assert screen.names(names, "dapr: ") == "Namespace is there and 2 more"
    assert screen.names(["x" * 90], "dapr: ") == "x" * 90
    assert screen.names(["x" * 90, "y"], "dapr: ") == f"{'x' * 90} and 1 more"


@pytest.mark.parametrize(
    ("callback", "ci", "arguments", "verbosity", "expected"),
    [
        (brief.NAME, "", {}, 0, True),
        (brief.NAME, "false", {"check": False}, 0, True),
        (brief.NAME, "true", {}, 0, False),
        (brief.NAME, "woodpecker", {}, 0, False),
        (brief.NAME, "", {"check": True}, 0, False),
        (brief.NAME, "", {"diff": True}, 0, False),
        (brief.NAME, "", {}, 1, False),
        ("default", "", {}, 0, False),
    ],
)
def test_when_output_is_brief(
    callback: str, ci: str, arguments: dict[str, bool], verbosity: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", callback)
    monkeypatch.setattr(context, "CLIARGS", arguments)
    monkeypatch.setattr(Display(), "verbosity", verbosity)
    monkeypatch.setenv("CI", ci)
    assert wanted() is expected
