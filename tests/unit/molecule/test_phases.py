from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.molecule.phases import Phase, Reader, table, write_junit

PRINTED = """\
INFO     [default > discovery] scenario test matrix: create, prepare, converge, verify, destroy
INFO     [default > create] Executing
PLAY [Cluster is up] ****
INFO     [default > create] Executed: Successful
INFO     [role_dapr > verify] Executing

TASK [A pod is tried] ****
[ERROR]: Task failed: the first one
fatal: [dapr]: FAILED! =>
TASK [Another] ****
[ERROR]: Task failed: pods "molecule" is forbidden

fatal: [dapr]: FAILED! =>
    msg: pods "molecule" is forbidden

PLAY [Nothing is left to do] ****

PLAY RECAP ****
dapr                       : ok=0    changed=0    unreachable=0    failed=1
CRITICAL Ansible return code was 2
ERROR    [role_dapr > verify] \x1b[31mExecuted: Failed\x1b[0m
INFO     [role_dapr > cleanup] Executing
WARNING  [role_dapr > cleanup] Executed: Missing playbook (Remove from test_sequence to suppress)
INFO     [default > destroy] Executing
INFO     [default > destroy] Executed: Successful
"""


def read(text: str) -> tuple[Reader, list[Phase]]:
    reader = Reader(clock=iter(itertools.count(0, 7)).__next__)
    return reader, [phase for line in text.splitlines(keepends=True) if (phase := reader.feed(line))]


def test_each_phase_ends_with_its_seconds() -> None:
    reader, ended = read(PRINTED)

    assert [str(phase) for phase in ended] == [
        "default: create 7 s",
        "role_dapr: verify FAILED after 7 s",
        "default: destroy 7 s",
    ]
    assert ended == reader.phases


def test_a_failed_phase_says_why_and_nothing_else() -> None:
    failed = read(PRINTED)[1][1]

    assert failed.message() == [
        "[ERROR]: Task failed: the first one",
        '[ERROR]: Task failed: pods "molecule" is forbidden',
        "fatal: [dapr]: FAILED! =>",
        '    msg: pods "molecule" is forbidden',
    ]


def test_a_long_message_is_shown_with_its_beginning_and_its_end() -> None:
    phase = Phase("default", "converge", 0, failed=True, lines=["TASK", "[ERROR]: why", *map(str, range(90)), "last"])

    shown = phase.message()
    assert len(shown) == 41
    assert (shown[0], shown[12], shown[-1]) == ("[ERROR]: why", "…", "last")


def test_a_failure_that_names_no_error_is_shown_with_its_end() -> None:
    phase = Phase("default", "create", 0, failed=True, lines=[*map(str, range(90)), "last"])

    assert phase.message()[0] == "…"
    assert phase.message()[-1] == "last"


def test_what_ended_molecule_before_any_phase_is_there() -> None:
    reader, ended = read("CRITICAL Failed to validate molecule.yml\nINFO     nothing\n")

    assert ended == []
    assert reader.remaining() == ["CRITICAL Failed to validate molecule.yml", "INFO     nothing"]


def test_a_scenario_is_one_line_with_its_seconds() -> None:
    assert table(read(PRINTED)[1]) == [
        "   14 s  default: create 7, destroy 7",
        "    7 s  role_dapr: verify 7 (failed)",
    ]


def test_phases_and_what_was_left_behind_are_test_cases(tmp_path: Path) -> None:
    file = tmp_path / "molecule.xml"
    write_junit(read(PRINTED)[1], [("nothing is left", ["process 7 runs still"])], file)

    cases = {f"{case.get('classname')}::{case.get('name')}": case for case in ET.parse(file).iter("testcase")}
    failed = {name: bad.get("message") for name, case in cases.items() if (bad := case.find("failure")) is not None}
    assert list(cases) == [
        "molecule.default::create",
        "molecule.role_dapr::verify",
        "molecule.default::destroy",
        "molecule::nothing is left",
    ]
    assert failed == {
        "molecule.role_dapr::verify": "[ERROR]: Task failed: the first one",
        "molecule::nothing is left": "process 7 runs still",
    }
