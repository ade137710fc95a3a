# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role ``secret`` against the real API: what it writes, keeps, makes, removes, and what it never shows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import run_playbook

VALUES = {"app": {"dsn": "canary-postgres", "old": "canary-old"}, "pull": {".dockerconfigjson": '{"auths": {}}'}}


def play(folder: Path, kubeconfig: str, namespace: str, *flags: str, values: Any) -> tuple[int, str]:
    given = {
        "secret_namespace": namespace,
        "secret_values": values,
        "secret_generated": {"app": ["key"], "tokens": ["one"]},
        "secret_types": {"pull": "kubernetes.io/dockerconfigjson"},
        "secret_labels": {"made-by": "test"},
        "secret_hints": {"app": "Ask around."},
    }
    role = {"name": "Secrets", "ansible.builtin.include_role": {"name": "todo.cloud.secret"}, "vars": given}
    text = yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [role]}])
    done = run_playbook(text, folder, kubeconfig, "-vvv", *flags)
    return done.returncode, done.stdout + done.stderr


def data(kube: KubeSession, namespace: str, name: str) -> dict[str, str]:
    coded = kube.get(SECRET, namespace, name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in coded.items()}


def test_secrets_of_a_namespace(kube: KubeSession, kubeconfig: str, namespace: str, tmp_path: Path) -> None:
    code, said = play(tmp_path, kubeconfig, namespace, values=VALUES | {"app": {"dsn": ""}})
    assert code == 2
    assert f"The Secret app of namespace {namespace} has no value for dsn" in said
    assert "Ask around." in said
    assert kube.find(SECRET, namespace, "pull") is None, "nothing half done"

    code, told = play(tmp_path, kubeconfig, namespace, "--check", values=VALUES)
    assert (code, "changed=1" in told) == (0, True), told[-2000:]
    assert kube.find(SECRET, namespace, "app") is None

    code, first = play(tmp_path, kubeconfig, namespace, values=VALUES)
    assert (code, "changed=1" in first) == (0, True), first[-2000:]
    made = {name: data(kube, namespace, name) for name in ("app", "pull", "tokens")}
    assert made["app"] == VALUES["app"] | {"key": made["app"]["key"]}
    assert made["pull"] == VALUES["pull"]
    assert len(made["app"]["key"]) == len(made["tokens"]["one"]) == 48
    pull = kube.get(SECRET, namespace, "pull")
    assert (pull["type"], pull["metadata"]["labels"]) == ("kubernetes.io/dockerconfigjson", {"made-by": "test"})

    code, second = play(tmp_path, kubeconfig, namespace, "--diff", values=VALUES | {"app": {"dsn": None, "old": ""}})
    assert (code, "changed=0" in second) == (0, True), second[-2000:]

    code, third = play(tmp_path, kubeconfig, namespace, "--diff", values={"app": {"dsn": "canary-moved"}})
    assert (code, "changed=1" in third) == (0, True), third[-2000:]
    assert data(kube, namespace, "app") == {"dsn": "canary-moved", "key": made["app"]["key"]}

    for secret in ("canary-", made["app"]["key"], base64.b64encode(b"canary-").decode()[:8]):
        assert not [text for text in (said, told, first, second, third) if secret in text], secret
