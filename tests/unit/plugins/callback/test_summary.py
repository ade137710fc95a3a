# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last line of a run stands alone and says how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.callback import summary
from ansible_collections.todo.cloud.plugins.callback.summary import last_line, releases, shortly, why

from tests.unit.ansible_runs import Ansible

DONE = {
    "releases": [{"outcome": "verified"}, {"outcome": "unchanged"}, {"outcome": "unchanged"}],
    "table": [],
    "set": 3,
}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"msg": "api: crash_loop."}, "api: crash_loop."),
        ({"msg": "two\nlines"}, "two lines"),
        ({"msg": "non-zero return code", "rc": 2, "stderr": "a\nno such chart\n"}, "no such chart (exit code 2)"),
        ({"msg": "non-zero return code", "rc": 2, "stdout": "only here"}, "only here (exit code 2)"),
        ({"msg": "The command exited with a non-zero return code.", "rc": 4, "stderr": "x"}, "x (exit code 4)"),
        ({"msg": "non-zero return code", "rc": 1, "stderr": "", "stdout": ""}, "exit code 1"),
        ({"msg": "x", "results": True}, "x"),
        ({"msg": "MODULE FAILURE\nSee stdout/stderr", "module_stderr": "MemoryError"}, "MemoryError"),
        ({"msg": "One or more items failed", "results": [{"msg": "ok"}, {"failed": True, "msg": "that"}]}, "that"),
        ({"censored": "hidden", "msg": "secret"}, "its output is hidden (no_log)"),
        ({}, "it gives no reason"),
        ({"msg": "Task failed: Module failed: api: gone."}, "api: gone."),
        ({"msg": "Task failed: Finalization of task args for 'x.y' failed: Error while resolving value for 'k': no k."},
         "no k."),
        ({"msg": "Task failed: "}, "Task failed:"),
        ({"msg": "::error::x \x1b[2Jpostgres://u:hunter2hunter2@db/x"}, ": :error::x \\x1b[2Jpostgres://***@db/x"),
    ],
)  # fmt: skip
def test_reasons(result: dict[str, Any], expected: str) -> None:
    assert why(result) == expected


CAUSE = "api: container app exits with code 1 (CrashLoopBackOff, 3 restarts): KeyError: 'TOPIC' in settings"
BACK = "the whole set is back at what was verified (release set 7, recorded anew as 8)"
DOWN = "registry ghcr.io is down: the kubelet gets no answer that it can use. It is no fault of this release that …"
KNOWN = "api: container app exits with code 1: KeyError: 'TOPIC' in settings"


@pytest.mark.parametrize(
    ("message", "cause", "expected"),
    [
        ("api: it crashes; all is back.", "api: it crashes", "api: it crashes; all is back."),
        (f"{CAUSE}; {BACK}.", CAUSE, f"{KNOWN}; the whole set is back at what was verified."),
        (f"{DOWN}; everything is kept as it is: going back would not bring the dependency back.", f"{DOWN}.",
         "registry ghcr.io is down: the kubelet gets no answer that it can use; everything is kept as it is."),
        (f"{CAUSE}; {BACK}.", "another one", f"{KNOWN}; the whole set is back at what was verified."),
        ("x " * 100, "", f"{'x ' * 80}…"),
        ("a" * 300, "", f"{'a' * 160} …"),
    ],
)  # fmt: skip
def test_what_was_told_in_full_is_told_shortly(message: str, cause: str, expected: str) -> None:
    assert shortly({"msg": message, "failures": [{"message": cause}]}) == expected
    assert shortly({"msg": message, "censored": "hidden"}) == "its output is hidden (no_log)"
    assert shortly({"msg": message, "failures": [3]}) in (expected, shortly({"msg": message}))


@pytest.mark.parametrize("brief", [True, False])
def test_of_a_release_the_task_is_not_named_where_output_is_brief(brief: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "wanted", lambda: brief)
    ours = {"failure": {"code": "crash_loop"}, "failures": []}
    assert summary._named(ours, "Deploy") == ("" if brief else "Deploy: ")
    for result in ({}, {"failures": ["of another collection"]}, {**ours, "censored": "hidden"}):
        assert summary._named(result, "Deploy") == "Deploy: "


def test_what_became_of_the_releases() -> None:
    assert releases(DONE) == "2 unchanged, 1 verified; release set 3"
    assert releases({**DONE, "preflight": [], "table": ["head", "1 to change"]}) == "1 to change"
    assert releases({"msg": "x"}) == releases({"releases": [{"name": "x"}], "table": [], "set": 1}) == ""


def test_one_failure_is_told_and_others_are_counted() -> None:
    assert last_line({}, "") == "OK: nothing failed"
    assert last_line({"a": "t: x", "b": "t: x"}, "") == "FAILED on a: t: x"
    assert last_line({"a": "t: x", "b": "u: y"}, "") == "FAILED on a: t: x (and 1 more, see above)"


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Ansible() as running:
        yield running


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([{"ansible.builtin.fail": {"msg": "no way"}, "name": "Try"}], "FAILED on localhost: Try: no way"),
        ([{"ansible.builtin.fail": {"msg": "no way"}, "ignore_errors": True}], "OK: nothing failed"),
        ([], "NOTHING DONE: no host of an inventory was matched (-i, --limit)"),
        ([{"block": [{"ansible.builtin.fail": {"msg": "first"}, "name": "A"}],
           "rescue": [{"ansible.builtin.debug": {"msg": "saved"}}]}], "OK: nothing failed"),
        ([{"block": [{"ansible.builtin.fail": {"msg": "first"}, "name": "A"}],
           "rescue": [{"ansible.builtin.fail": {"msg": "clear words"}, "name": "B"}]}],
         "FAILED on localhost: B: clear words"),
        ([{"ansible.builtin.command": {"cmd": "sh -c 'echo why >&2; exit 3'"}, "name": "Run"}],
         "FAILED on localhost: Run: why (exit code 3)"),
    ],
)  # fmt: skip
def test_a_run_ends_with_it(tasks: list[dict[str, Any]], expected: str, ansible: Ansible, tmp_path: Path) -> None:
    play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([play]))
    lines = ansible.playbook(book).stdout.rstrip("\n").splitlines()
    assert lines[-1] == expected
    assert lines[-2].strip() == "" or lines[-3].startswith("PLAY RECAP")


@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
def test_a_run_without_tasks_says_which_option_left_none(option: str, ansible: Ansible, tmp_path: Path) -> None:
    task = {"ansible.builtin.debug": {"msg": "x"}, "tags": ["odd"]}
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    lines = ansible.playbook(book, option, "odd" if option == "--skip-tags" else "typo").stdout.splitlines()
    assert lines[-1] == f"NOTHING DONE: no task was left by {option}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("401\nReason: Unauthorized", "the API server does not accept the credentials (token expired or rejected)"),
        ("(403)\nReason: Forbidden", "403 Forbidden: secrets is forbidden"),
        ("503\nReason: Service Unavailable", "503 Service Unavailable: secrets is forbidden"),
    ],
)
def test_what_the_client_of_kubernetes_core_shows_is_one_sentence(answer: str, said: str) -> None:
    rest = "HTTP response headers: HTTPHeaderDict({'Date': 'Mon'})\nHTTP response body: "
    body = '{"kind":"Status","message":"secrets is forbidden","code":403}\nOriginal traceback: \n File x\n'
    assert (
        why({"msg": f"Can't be read: Task failed: Module failed: {answer}\n{rest}{body}"}) == f"Can't be read: {said}"
    )


@pytest.mark.parametrize(
    ("caused", "said"),
    [
        ("NewConnectionError('<x>: Failed to establish: [Errno 111] Connection refused')",
         "Connection refused"),
        ("NameResolutionError(\"<x>: Failed to resolve 'h' ([Errno -2] Name or service not known)\")",
         "Name or service not known"),
        ("SSLError(SSLError(1, '[SSL: WRONG] wrong version number (_ssl.c:1)'))", "wrong version number"),
        ("SSLError(X(1, '[SSL: CERT] verify failed: self-signed certificate (_ssl.c:1)'))",
         "self-signed certificate"),
        ("ConnectTimeoutError('<x>', 'Connection to 10.0.0.1 timed out. (connect timeout=None)')", None),
    ],
)  # fmt: skip
def test_no_answer_is_one_sentence(caused: str, said: str | None) -> None:
    pool = "HTTPSConnectionPool(host='10.0.0.1', port=6443): Max retries exceeded with url: /version"
    shown = why({"msg": f"Task failed: Module failed: {pool} (Caused by {caused})"})
    assert shown.startswith("10.0.0.1:6443 does not answer: ")
    assert said is None or shown == f"10.0.0.1:6443 does not answer: {said}"
    assert said or "Connection to 10.0.0.1 timed out" in shown
