# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The line of a log that tells, and logs as people read them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import (
    Line,
    as_read,
    decisive_line,
    is_error,
)

DAPRD = (
    'time="2026-11-20T10:00:00Z" level=info msg="Starting Dapr Runtime" app_id=x\n'
    'time="2026-11-20T10:00:02Z" level=fatal msg="Fatal error from runtime: [INIT_COMPONENT_FAILURE]: SASL '
    'Authentication failed: \\"bad\\"" app_id=x\n'
    'time="2026-11-20T10:00:02Z" level=info msg="stopping"\n'
)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("starting\nlistening\n", "listening"),
        (DAPRD, 'Fatal error from runtime: [INIT_COMPONENT_FAILURE]: SASL Authentication failed: "bad"'),
        ('{"level": "error", "msg": "no database"}\n{"level": "info", "msg": "bye"}\n', "no database"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 'DATABASE_URL'\n", "KeyError: 'DATABASE_URL'"),
        ("ERROR: first\nsomething\nERROR: second\ndone", "ERROR: second"),
        ("{not json\n", "{not json"),
        ('"a list"\n[1, 2]\n', "[1, 2]"),
    ],
    ids=["empty", "plain", "daprd", "json", "python", "last-error", "broken-json", "other-json"],
)
def test_decisive_line(log: str, line: str) -> None:
    assert decisive_line(log) == line


@pytest.mark.parametrize("depth", [50, 900, 100_000])
def test_a_log_line_that_is_nested_deeply_is_text(depth: int) -> None:
    line = '{"level": "error", "msg": ' + "[" * depth + "]" * depth + "}"
    assert decisive_line(line)
    assert is_error(line) is (depth < 1000)


def frontend(second: int, message: str, level: str = "info") -> str:
    said = {"time": f"2026-11-30T16:00:{second:02}.{second}Z", "level": level, "message": message}
    return json.dumps({**said, "trace_id": f"{second * 7919:032x}"})


AGAIN, NO_ANSWER = "GET /api/tasks: trying again", "backend-api gives no answer: ConnectError"
SPARSE = [frontend(second, AGAIN) for second in range(40)]
SPARSE[11] = frontend(11, NO_ANSWER, "warning")


def test_the_one_warning_among_many_alike_lines_is_there_and_tells() -> None:
    assert as_read(SPARSE) == [Line(SPARSE[11], 1, tells=True), Line(SPARSE[39], 39)]
    assert [line.count for line in as_read(SPARSE)] == ["", " (x 39)"]
    others = [f"step {'abcdefghij'[index]} is done" for index in range(10)]
    assert as_read([*SPARSE, *others], 3) == [Line(SPARSE[11], 1, tells=True), *map(Line, others[-2:])]


@pytest.mark.parametrize(
    "warning",
    [
        '{"severity": "WARNING", "message": "slow"}',
        '{"lvl": "warn", "msg": "slow"}',
        '{"levelname": "WARNING", "message": "slow"}',
        '{"level": 40, "msg": "slow"}',
        'time="2026-11-20T10:00:00Z" level=warning msg="slow"',
        'lvl=warn msg="slow"',
        "2026-11-20 10:00:00 WARN  o.a.k.NetworkClient : slow",
        "2026-11-20 10:00:00 | WARNING  | app:main:3 - slow",
        "WARNING:  slow",
        "warn: Shop.Worker[0]",
        "W1120 10:00:00.000000       1 reflector.go:324] slow",
        "2026/11/20 10:00:00 [warn] 7#7: slow",
        "[error] 7#7: *1 connect() failed",
        "ERROR: slow",
        "fail: Shop.Worker[0]",
    ],
)
def test_warnings_and_worse_in_the_usual_formats_tell(warning: str) -> None:
    assert [line.tells for line in as_read(["starting", warning, "INFO: serving"])] == [False, True, False]


@pytest.mark.parametrize("lines", [[], [""], ["starting", "serving"], ['{"level": "info", "msg": "warn: error"}', "{"]])
def test_logs_in_which_nothing_tells(lines: list[str]) -> None:
    assert as_read(lines) == [Line(line) for line in lines]


def test_what_is_quoted_elsewhere_tells_rather_than_a_level() -> None:
    lines = ["ERROR: one", "no such table: todos", "ERROR: two"]
    assert [line.tells for line in as_read(lines, quoted=lambda text: "table" in text)] == [False, True, False]
    assert [line.tells for line in as_read(lines, quoted=lambda text: False)] == [False, False, True]


def test_lines_that_differ_in_more_than_numbers_stay_apart() -> None:
    lines = ["GET /a took 3 ms", "GET /b took 3 ms", "GET /a took 12.5 ms", "bye", "bye"]
    assert as_read(lines) == [Line(lines[1]), Line(lines[2], 2), Line("bye"), Line("bye")]


def test_a_stack_trace_stays_whole_and_is_there_once() -> None:
    trace = ["Traceback (most recent call last):", '  File "/app/main.py", line 3, in <module>', "    connect()",
             "ConnectionError: refused"]  # fmt: skip
    found = as_read(["try 1 of many", *trace, "try 2 of many", *trace])
    assert [(line.text, line.times) for line in found] == [
        ("try 2 of many", 2), *((text, 1) for text in trace[:3]), (trace[3], 2),
    ]  # fmt: skip
    java = ["Exception in thread main", "\tat A.a(A.java:3)", "Caused by: java.io.IOException", "\tat B.b(B.java:3)"]
    other = ["Exception in thread main", "\tat C.c(C.java:3)", "}", ""]
    assert [line.text for line in as_read([*java, *other])] == [*java, *other]


def test_a_program_ends_of_its_last_line_rather_than_of_a_warning_before() -> None:
    assert decisive_line("WARNING: deprecated\nno table todos\n") == "no table todos"
    assert (
        decisive_line('{"level": "warning", "message": "no table"}\n{"level": "info", "message": "bye"}') == "no table"
    )


def test_a_sidecar_that_warns_at_each_start_is_quoted_by_its_last_line() -> None:
    daprd = 'level=warning msg="a default will change"\nlevel=info msg="waiting for the scheduler"'
    assert decisive_line(daprd, warns_at_start=True) == "waiting for the scheduler"
    assert decisive_line(f'level=error msg="no broker"\n{daprd}', warns_at_start=True) == "no broker"
    assert decisive_line(daprd) == "a default will change"
