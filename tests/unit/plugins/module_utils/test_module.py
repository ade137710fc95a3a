# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import errno
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.module import (
    PROGRESS_FILE,
    fail_json_on_error,
    invocation,
    live_progress,
    module_of,
)


class Module:
    """What module.py needs of an AnsibleModule."""

    def __init__(self) -> None:
        self.failed: dict[str, Any] = {}

    def fail_json(self, **results: Any) -> None:
        self.failed = results


def test_an_error_becomes_msg_and_failure_and_its_results() -> None:
    module = Module()
    with fail_json_on_error(module):
        raise TodoCloudError(Failure(Code.FORBIDDEN, "Not allowed.", {"verb": "list"}), {"verdict": "Failed"})
    assert module.failed["msg"] == "Not allowed."
    assert module.failed["failure"] == {"code": "forbidden", "message": "Not allowed.", "details": {"verb": "list"}}
    assert module.failed["verdict"] == "Failed"


def test_other_exceptions_are_left_to_ansible() -> None:
    with pytest.raises(ZeroDivisionError), fail_json_on_error(Module()):
        raise ZeroDivisionError


def test_a_library_that_is_missing_is_one_sentence() -> None:
    module = Module()
    with fail_json_on_error(module):
        importlib.import_module("no_such_library.part")
    assert module.failed["failure"]["code"] == "missing_library"
    assert f"library 'no_such_library' is missing for {sys.executable}" in module.failed["msg"]
    assert "ansible_python_interpreter" in module.failed["msg"]
    with pytest.raises(ModuleNotFoundError), fail_json_on_error(Module()):  # a mistake of ours
        importlib.import_module("ansible_collections.todo.cloud.plugins.no_such_file")


@pytest.mark.parametrize(
    "problem",
    [OSError(errno.ENOSPC, "x", "/tmp/y"), OSError(errno.EMFILE, "x"), OSError(errno.EROFS, "x"), MemoryError()],
)
def test_a_machine_that_has_reached_a_limit_is_one_sentence(problem: Exception) -> None:
    module = Module()
    with fail_json_on_error(module):
        raise problem
    assert module.failed["failure"]["code"] == "controller_exhausted"
    assert "has reached a limit" in module.failed["msg"]


def test_progress_appends_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress"
    monkeypatch.setenv(PROGRESS_FILE, str(file))
    progress = live_progress()
    progress("a 1/2\nupdated")
    progress("b")
    assert file.read_text() == "a 1/2 updated\nb\n"


def test_progress_without_a_file_or_with_a_lost_one_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_FILE, raising=False)
    live_progress()("x")
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "gone" / "file"))
    live_progress()("x")


def test_what_a_module_prints_is_printable_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = printed(
        monkeypatch,
        {"api_key": "t0ps3cr3tkey", "host": "https://api"},
        {"plan": ["\x1b[2J ::add-mask::e", "dDBwczNjcjN0a2V5 here"], "notes": ["password=hunter2"], "n": 1, "ok": True},
        warning="\u202e ##[error] t0ps3cr3tkey",
    )
    assert shown["plan"] == ["\\x1b[2J : :add-mask::e", "*** here"]
    assert shown["notes"] == ["password=***"]
    assert (shown["n"], shown["ok"]) == (1, True)
    assert shown["warned"] == "\\u202e # #[error] ***"


def test_words_of_a_kubeconfig_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [{"name": "admin", "user": {"token": "t0ps3cr3tt0k3n"}}]
    config = {
        "clusters": [{"name": "ch", "cluster": {"server": "https://c:6443"}}],
        "users": users,
        "current-context": "c",
    }
    shown = printed(monkeypatch, {"kubeconfig": config}, {"text": "https://c:6443 is unreachable: t0ps3cr3tt0k3n"})
    assert shown["text"] == "https://c:6443 is unreachable: ***"
    assert "t0ps3cr3tt0k3n" not in json.dumps(shown)
    assert '"ch"' not in json.dumps(shown["invocation"])


def test_a_short_password_is_hidden_as_an_option_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = printed(monkeypatch, {"password": "todo"}, {"text": "todo-api is ready"})
    assert shown["text"] == "todo-api is ready"
    assert shown["invocation"]["module_args"]["password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def printed(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], results: dict[str, Any], warning: str = ""
) -> dict[str, Any]:
    """What a real AnsibleModule prints."""
    written: list[dict[str, Any]] = []
    KNOWN.clear()
    with patch_module_args(options):
        module = AnsibleModule(argument_spec=KUBE)
    warned: list[str] = []
    monkeypatch.setattr(module, "warn", warned.append)
    monkeypatch.setattr(module, "_record_module_result", written.append)
    with fail_json_on_error(module):
        module.warn(warning)
    with pytest.raises(SystemExit):
        module.exit_json(**results)
    KNOWN.clear()
    return {**written[0], "warned": "".join(warned)}


def test_credentials_stay_hidden() -> None:
    assert all(KUBE[name]["no_log"] for name in ("kubeconfig", "api_key", "password"))


def test_values_of_charts_are_not_shown_with_the_arguments() -> None:
    module = Module()
    module.params = {  # type: ignore[attr-defined]  # only the real module declares it
        "waves": [[{"name": "api", "chart": "c", "values": {"password": "hunter2"}}, "odd"], None],
        "values": {"password": "hunter2"}, "environment": "staging",
    }  # fmt: skip
    with fail_json_on_error(module):
        raise TodoCloudError(Failure(Code.FORBIDDEN, "Not allowed.", {}))
    shown = module.failed["invocation"]["module_args"]
    assert "hunter2" not in str(module.failed)
    assert (shown["environment"], shown["waves"][0][0]["name"]) == ("staging", "api")
    release = {"name": "api", "values": {"password": "hunter2"}}
    module.params = {"waves": [], "environment": release, "releases": [release, "hunter2"], "release": "environment"}
    shown = invocation(module)["invocation"]["module_args"]
    assert "hunter2" not in str(shown)
    assert (shown["environment"]["name"], shown["releases"][0]["name"], shown["release"]) == (
        "api",
        "api",
        "environment",
    )
    module.params = {"waves": "odd"}
    assert invocation(module)["invocation"]["module_args"] == {"waves": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}
    module.params = {"name": "x"}
    assert invocation(module) == {}


@pytest.mark.parametrize(
    "mistake",
    [
        {"waves": [[{"name": "a", "values": {"password": "hunter2"}}]], "timeout": "soon"},
        {"waves": [[{"name": "a", "values": {"password": "hunter2"}}]], "unknown": 1},
        {"waves": {"a": "hunter2"}},
        {"values": "{password: hunter2"},
        {"values": {"password": "hunter2"}, "timeout": []},
    ],
)
def test_a_mistake_in_the_options_does_not_show_the_values(
    mistake: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible then shows all that it was given, with C(-vvv)."""
    spec = {"timeout": {"type": "int"}, "waves": {"type": "list", "elements": "list"}, "values": {"type": "dict"}}
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(AnsibleModule, "_record_module_result", lambda _self, result: written.append(result))
    with patch_module_args(mistake), pytest.raises(SystemExit):
        module_of(spec)
    assert written[0]["failed"]
    assert "hunter2" not in json.dumps(written)


@pytest.mark.parametrize("ends", ["exit_json", "fail_json"])
def test_however_a_module_ends_the_values_are_not_shown(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"waves": {"type": "list", "elements": "list"}, "command": {"type": "str"}}
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(AnsibleModule, "_record_module_result", lambda _self, result: written.append(result))
    with patch_module_args({"waves": [[{"name": "a", "values": {"password": "hunter2"}}]]}):
        module = module_of(spec)
    with pytest.raises(SystemExit), fail_json_on_error(module):
        getattr(module, ends)(msg="x", command=["psql", "postgres://u:hunter2@db/x"])
    assert written[0]["invocation"]["module_args"]["waves"][0][0]["name"] == "a"
    assert "hunter2" not in json.dumps(written)


def test_every_module_that_is_given_values_hides_them() -> None:
    modules = sorted((Path(__file__).resolve().parents[4] / "plugins" / "modules").glob("*.py"))
    given = [path for path in modules if '"waves": {' in path.read_text() or '"values": {' in path.read_text()]
    assert len(given) >= 5
    assert [path.name for path in given if "module_of(" not in path.read_text()] == []
