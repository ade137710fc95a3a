# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module as a user meets it: bad input, releases, live lines, other callbacks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import BUSYBOX, TOP, ModuleRun, apply, environment
from tests.support.patience import patience

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: App is rolled out
      todo.cloud.rollout_wait:
        workloads: [{{name: app, namespace: {namespace}}}]
        timeout: 300
"""


ASYNC = """
    - name: Another app is rolled out
      todo.cloud.rollout_wait:
        workloads: [{{name: calm, namespace: {namespace}}}]
        timeout: 300
      async: 300
      poll: 1
"""


def app(ready_file: str = "", name: str = "app") -> dict[str, Any]:
    probe = (
        {"readinessProbe": {"exec": {"command": ["test", "-e", ready_file]}, "periodSeconds": 1}} if ready_file else {}
    )
    container = {"name": "app", "image": BUSYBOX, "command": ["sleep", "86400"], **probe}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


def test_nothing_to_wait_for(module: Callable[..., ModuleRun]) -> None:
    run = module("rollout_wait", {"timeout": 1})
    assert run.code == "invalid_input"
    assert run.result["msg"] == "There is nothing to wait for: give releases, workloads or resources."


def test_unknown_grace(module: Callable[..., ModuleRun]) -> None:
    run = module("rollout_wait", {"workloads": [{"name": "a", "namespace": "b"}], "graces": {"crash": 1}})
    assert run.code == "invalid_input"


def test_unknown_release(module: Callable[..., ModuleRun], namespace: str) -> None:
    run = module("rollout_wait", {"releases": [{"name": "absent", "namespace": namespace}]})
    assert run.code == "not_found"


def test_rejected_token(module: Callable[..., ModuleRun], kube: KubeSession, namespace: str) -> None:
    wrong = {"host": kube.server, "api_key": "no-such-token", "validate_certs": False}
    run = module("rollout_wait", {"workloads": [{"name": "a", "namespace": namespace}], **wrong})
    assert run.code == "unauthorized"
    assert "token expired or rejected" in run.result["msg"]
    assert "no-such-token" not in run.output


def test_server_that_is_not_trusted(module: Callable[..., ModuleRun], kube: KubeSession, namespace: str) -> None:
    run = module(
        "rollout_wait", {"workloads": [{"name": "a", "namespace": namespace}], "host": kube.server, "api_key": "x"}
    )
    assert run.code == "credentials"
    assert "certificate cannot be verified" in run.result["msg"]


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_ready_workload(module: Callable[..., ModuleRun], kube: KubeSession, namespace: str, check: bool) -> None:
    apply(kube, namespace, [app()])
    run = module(
        "rollout_wait",
        {"workloads": [{"name": "app", "namespace": namespace}], "timeout": round(patience(60))},
        check=check,
    )
    assert not run.failed, run.output
    assert run.result["verdict"] == "Current"
    assert run.result["changed"] is False


@pytest.fixture
def live(kube: KubeSession, namespace: str, kubeconfig: str, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A playbook that waits for an app which is not ready, then for another one by async, and its environment."""
    apply(kube, namespace, [app("/tmp/ready"), app(name="calm")])
    path = tmp_path / "playbook.yml"
    path.write_text((PLAY + ASYNC.lstrip("\n")).format(namespace=namespace))
    return path, environment(kubeconfig)


def test_lines_are_shown_while_the_module_runs_but_not_by_async(
    live: tuple[Path, dict[str, str]], kube: KubeSession, namespace: str
) -> None:
    """The app is only made ready after a line was read: lines that came at the end would never come."""
    path, env = live
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        str(path),
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    with subprocess.Popen(
        command, env=env, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        seen = ""
        while "app 0/1 available" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        apply(kube, namespace, [app()])
        seen += process.stdout.read()
    assert process.returncode == 0, seen
    assert "App is rolled out ..." in seen  # display_skipped_hosts is off here, so the banner comes late
    assert "[localhost] app ready: 1/1 available" in seen
    assert "changed=0" in seen.rpartition("PLAY RECAP")[2]
    assert "calm ready" not in seen


def test_json_callback_is_not_disturbed(kube: KubeSession, namespace: str, kubeconfig: str, tmp_path: Path) -> None:
    apply(kube, namespace, [app()])
    path = tmp_path / "playbook.yml"
    path.write_text(PLAY.format(namespace=namespace))
    env = environment(kubeconfig) | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        str(path),
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    done = subprocess.run(command, env=env, cwd=TOP, capture_output=True, text=True, timeout=600, check=False)
    result = json.loads(done.stdout)["plays"][0]["tasks"][0]["hosts"]["localhost"]
    assert result["verdict"] == "Current"
