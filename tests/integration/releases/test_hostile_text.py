# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever others wrote into a namespace, through the playbooks to what a person or the runner of a CI job reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    LEASE,
)
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import HOLDER, LOCK_NAME

from tests.cluster.paths import TOP
from tests.integration.releases.world import World
from tests.integration.support import BUSYBOX, run_playbook
from tests.support.patience import patience

# One for each runner (GitHub, Forgejo; Azure; GitLab; TeamCity; Travis), and what terminals act on.
COMMANDS = (
    "::add-mask::e", "::set-output name=a::b", "##[error]forged", "##vso[task.setvariable variable=a]b",
    "section_start:1:a\r\x1b[0K", "##teamcity[message text='x']", "travis_fold:start:a",
)  # fmt: skip
HOSTILE = "\n".join(("x", *COMMANDS, "\x1b]0;owned\x07\x1b[2J", "\u202egnp.exe", "\x9b1m"))
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
COMMAND = re.compile(
    r"^\s*::|::(?:add-mask|set-output)|##(?:vso|teamcity)?\[|section_start:\d|travis_fold:start", re.MULTILINE
)


def chart(folder: Path) -> str:
    """A chart whose pod writes such lines and ends, and whose notes are such lines."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: loud\nversion: 1.0.0\n")
    (folder / "templates/NOTES.txt").write_text(HOSTILE)
    lines = "; ".join(f'printf "%s\\n" {json.dumps("FATAL: " + line)}' for line in HOSTILE.splitlines())
    labels = {"app.kubernetes.io/instance": "loud"}
    command = ["sh", "-c", f"{lines}; exit 3"]
    container = {
        "name": "app",
        "image": BUSYBOX,
        "command": command,
        "readinessProbe": {"exec": {"command": ["false"]}},
    }
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "loud"}, "spec": spec}
    (folder / "templates/a.yaml").write_text(json.dumps(item))
    return str(folder)


def lay(world: World) -> None:
    """What somebody with rights in the namespace can write."""
    notes = {"todo.cloud/commit": HOSTILE, "todo.cloud/verified-at": HOSTILE}
    world.kube.patch(CONFIG_MAP, world.namespace, "release-set-2", {"metadata": {"annotations": notes}})
    withdrawn = {"todo.cloud/withdrawn": HOSTILE}
    world.kube.patch(CONFIG_MAP, world.namespace, "release-set-1", {"metadata": {"annotations": withdrawn}})
    named = {"name": "release-set-9", "labels": {"todo.cloud/release-set": "test"}}
    forged = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"set.json": HOSTILE}}
    world.kube.create(CONFIG_MAP, world.namespace, forged)
    drifted = {"metadata": {"annotations": {"a": HOSTILE}}, "spec": {"replicas": 2}}
    world.kube.patch(DEPLOYMENT, world.namespace, "quiet", drifted, field_manager="::add-mask::e ##[error]x")
    involved = {"kind": "Deployment", "name": "loud", "namespace": world.namespace, "apiVersion": "apps/v1"}
    event = {
        "metadata": {"name": "loud.1"}, "involvedObject": involved, "type": "Warning", "reason": "::add-mask::e",
        "message": HOSTILE, "source": {"component": "##[error]x"}, "lastTimestamp": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    world.kube.create(EVENT, world.namespace, event)


def take_lock(world: World) -> None:
    holder = dict.fromkeys(("identity", "who", "host", "what", "commit", "url"), HOSTILE)
    held = {"metadata": {"annotations": {HOLDER: json.dumps(holder)}}, "spec": {"holderIdentity": HOSTILE}}
    world.kube.patch(LEASE, world.namespace, LOCK_NAME, held)


def test_nothing_that_others_wrote_acts_on_a_terminal_or_a_runner(world: World, tmp_path: Path) -> None:
    quiet = world.release("quiet")
    world.apply(quiet).ok()
    world.apply(world.release("quiet", text="two")).ok()
    lay(world)
    loud = {"name": "loud", "namespace": world.namespace, "chart": chart(tmp_path / "loud")}
    common = {"environment": "test", "namespace": world.namespace, "helm_binary": world.helm, "stability_seconds": 3}
    applied = {
        **common,
        "timeout": round(patience(60)),
        "on_failure": "hold",
        "drift": "restore",
        "waves": [[world.release("quiet", text="three"), loud]],
    }
    shown: dict[str, Any] = {"ansible.builtin.debug": {"var": "found"}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {
        "children": {"environment": {"hosts": {"env": {}}}, "core_services": {"hosts": {"quiet": {}}}},
        "vars": {"ansible_connection": "local", "environment_name": "test", "environment_namespace": world.namespace},
    }}))  # fmt: skip
    plays: list[dict[str, Any]] = [
        {"import_playbook": str(TOP / "playbooks/status.yml")},
        {
            "hosts": "env", "gather_facts": False, "tasks": [
                {"todo.cloud.release_apply": applied, "check_mode": True, "diff": True, "register": "found"}, shown,
                {"todo.cloud.release_rollback": common, "check_mode": True, "ignore_errors": True},
                {"todo.cloud.release_apply": applied, "register": "found", "ignore_errors": True}, shown,
            ],
        },
        {"import_playbook": str(TOP / "playbooks/status.yml")},
    ]  # fmt: skip
    done = run_playbook(yaml.safe_dump(plays), tmp_path, world.kubeconfig, "-i", str(tmp_path / "hosts.yml"), "--diff")
    take_lock(world)
    plays = [{"import_playbook": str(TOP / "playbooks/lock.yml")}, plays[1]]
    locked = run_playbook(yaml.safe_dump(plays), tmp_path, world.kubeconfig, "-i", str(tmp_path / "hosts.yml"), "-v")
    output = done.stdout + done.stderr + locked.stdout + locked.stderr
    assert done.returncode == 0, output[-3000:]
    # else this test shows nothing: each place was read
    for word in ("add-mask", "crash_loop", "release-set-9 is damaged", "locked"):
        assert word in output, f"{word}\n{done.stdout[-6000:]}"
    assert not ACTIVE.findall(output)
    assert not [line for line in output.splitlines() if COMMAND.search(line)]
