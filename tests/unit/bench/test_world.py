"""Commands are timed to their ends, and nothing of them is left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.world import Broken, Ran, World, wait
from tests.chaos.processes import state_of
from tests.support.fake_api import eventually


@pytest.fixture
def world(tmp_path: Path) -> World:
    kube: Any = None  # no request is made here
    return World("/no/kubeconfig", kube, tmp_path)


def test_a_command_s_output_code_and_seconds(world: World) -> None:
    ran = world.run(sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (ran.code, "out" in ran.output, "err" in ran.output) == (3, True, True)
    assert ran.seconds > 0
    with pytest.raises(Broken, match="out"):
        ran.ok()


def test_side_by_side_each_has_its_own_seconds(world: World) -> None:
    code = "import sys, time; time.sleep(float(sys.argv[1])); print(sys.argv[1])"
    short, long = world.side_by_side([(sys.executable, "-c", code, each) for each in ("0", "3")])
    assert (short.output, long.output) == ("0\n", "3\n")
    assert short.seconds < long.seconds


def test_what_takes_too_long_is_ended_with_its_children(world: World, tmp_path: Path) -> None:
    code = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    note = tmp_path / "child"
    started = world.start([sys.executable, "-c", code])
    child = int(eventually(lambda: note.exists() and note.read_text()))
    with pytest.raises(Broken, match="within"):
        wait([started], limit=0.5)
    eventually(lambda: state_of(child) in "ZX")


def test_nothing_of_the_caller_s_settings_comes_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HELM_NAMESPACE",
        "HELMFILE_ENVIRONMENT",
        "KUBECONFIG",
        "K8S_AUTH_HOST",
        "ANSIBLE_FORKS",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "mine")
    environ = world.environ("/proxy/kubeconfig")
    assert "mine" not in environ.values()
    assert environ["KUBECONFIG"] == environ["K8S_AUTH_KUBECONFIG"] == "/proxy/kubeconfig"


def test_the_recap_of_a_playbook() -> None:
    recap = "TASK [x]\nchanged=9\nPLAY RECAP ***\na : ok=2 changed=1 failed=0\nb : ok=1 changed=2 failed=0\n"
    assert Ran(1.0, 0, recap).changed == 3
