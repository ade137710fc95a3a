# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.kube import exec_plugin
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked

from tests.chaos.processes import state_of
from tests.support.fake_api import eventually

CANARY = "canaryEXEC-7q2Zx9"
VERSION = "client.authentication.k8s.io/v1"
GOOD = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": CANARY}})
Asked = Callable[..., Credentials]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """Credentials by a plugin that is this script; ``more``: keys of the kubeconfig's section."""

    def ask(script: str, **more: Any) -> Credentials:
        (tmp_path / "plugin").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "plugin").chmod(0o700)
        user = {"exec": {"apiVersion": VERSION, "command": "./plugin", "interactiveMode": "Never", **more}}
        cluster = {"server": "http://127.0.0.1:1"}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip
        (tmp_path / "config").write_text(json.dumps(config))
        return Credentials({"kubeconfig": str(tmp_path / "config")})

    yield ask
    KNOWN.clear()


def test_its_token_is_used_and_is_a_secret_from_then_on(asked: Asked) -> None:
    assert dict(asked(f"echo '{GOOD}'; echo 'debug {CANARY}' >&2").headers()) == {"Authorization": f"Bearer {CANARY}"}
    assert masked(f"the server says {CANARY}") == "the server says ***"


def test_it_is_told_what_the_kubeconfig_says(asked: Asked) -> None:
    told = """$1-$PLACE-$(echo "$KUBERNETES_EXEC_INFO" | tr -cd 'A-Za-z0-9')"""
    script = f"""echo '{GOOD}' | sed "s/{CANARY}/{told}/" """
    found = asked(script, args=["one"], env=[{"name": "PLACE", "value": "here"}], provideClusterInfo=True)
    token = dict(found.headers())["Authorization"]
    assert token.startswith("Bearer one-here-")
    assert "execcredential" in token.lower()
    assert "interactivefalse" in token
    assert "serverhttp1270011" in token


@pytest.mark.parametrize(
    "script",
    [
        f"echo '{GOOD}'; echo 'failed: got {CANARY}' >&2; exit 3",
        f"echo '{GOOD}' >&2; exit 1",
        f"echo {CANARY}; echo 'got {CANARY}' >&2; exit 1",
        f"echo {CANARY}",
        f"echo '{GOOD.replace('/v1', '/v9')}'",
        f"echo '[\"{CANARY}\"]'",
        f"echo '{GOOD.replace('ExecCredential', CANARY)}'",
        f'echo \'{{"apiVersion": "{CANARY}", "kind": "ExecCredential", "status": "{CANARY}"}}\'',
    ],
)
def test_nothing_of_its_output_is_shown(script: str, asked: Asked) -> None:
    with pytest.raises(TodoCloudError, match=r"exec plugin './plugin' of the kubeconfig has failed") as caught:
        asked(script)
    assert caught.value.failure.code is Code.CREDENTIALS
    assert CANARY not in masked(str(caught.value))


def test_one_that_fails_to_renew_says_nothing_on_the_modules_own_output(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a module: the library's words go to stderr
    once = json.loads(GOOD)
    once["status"]["expirationTimestamp"] = "2020-01-01T00:00:00Z"
    text = json.dumps(once)
    found = asked(
        f"[ -e {tmp_path}/ran ] && {{ echo 'password=hunter2secret' >&2; exit 1; }}; >{tmp_path}/ran; echo '{text}'"
    )
    assert dict(found.headers()) == {"Authorization": f"Bearer {CANARY}"}
    assert capfd.readouterr() == ("", "")


def test_one_that_hangs_is_killed_with_all_that_it_started(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = tmp_path / "child"
    times = iter([0.0])  # then it has all the time that it needs to start something, and no more

    def clock() -> float:
        return next(times, 61.0 if note.exists() and note.read_text() else 0.0)

    monkeypatch.setattr(exec_plugin, "lasting", clock)
    with pytest.raises(TodoCloudError, match="was killed after 60 s; run it once by hand"):
        asked(f"sleep 600 & echo $! > {note}; cat; wait")
    child = int(note.read_text())
    eventually(lambda: state_of(child) in "ZX")


def test_one_that_writes_for_ever_is_killed(asked: Asked) -> None:
    with pytest.raises(TodoCloudError, match="more than 1 MiB"):
        asked("yes")


def test_what_a_plugin_leaves_running_is_not_waited_for(asked: Asked, tmp_path: Path) -> None:
    """As those that keep a cache: the output's other end stays open."""
    found = asked(f"sleep 60 & echo $! > {tmp_path}/child; echo '{GOOD}'")
    os.kill(int((tmp_path / "child").read_text()), 9)  # it is still there
    assert found.headers()
