# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role ``secret`` against the real API: what it writes, keeps, makes, removes, and what it never shows."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import run_playbook

RAW = bytes(range(256))
PEM = "-----BEGIN PRIVATE KEY-----\r\nMC4=\r\n-----END PRIVATE KEY-----\n"
VALUES = {"app": {"dsn": "canary-postgres", "old": "canary-old"}, "pull": {".dockerconfigjson": '{"auths": {}}'}}


def play(host: str, namespace: str, values: Any) -> dict[str, Any]:
    """A play for a host of its own, whose counts the recap then shows."""
    given = {
        "secret_namespace": namespace,
        "secret_values": values,
        "secret_generated": {"app": ["key"], "tokens": ["one"]},
        "secret_types": {"pull": "kubernetes.io/dockerconfigjson"},
        "secret_labels": {"made-by": "test"},
        "secret_hints": {"app": "Ask around."},
    }
    role = {"name": "Secrets", "ansible.builtin.include_role": {"name": "todo.cloud.secret"}, "vars": given}
    return {"hosts": host, "connection": "local", "gather_facts": False, "tasks": [role]}


def run(folder: Path, kubeconfig: str, *plays: dict[str, Any], flags: Sequence[str] = ()) -> str:
    """Output of the plays, one after another."""
    hosts = ",".join([*(str(each["hosts"]) for each in plays), ""])
    done = run_playbook(yaml.safe_dump(list(plays)), folder, kubeconfig, "-vvv", "-i", hosts, *flags)
    return done.stdout + done.stderr


def counts(output: str, host: str) -> tuple[int, int]:
    """How many tasks changed something, and how many failed."""
    found = re.search(rf"^{host} .* changed=(\d+) .* failed=(\d+)", output, re.MULTILINE)
    assert found, output[-3000:]
    return int(found[1]), int(found[2])


def files(folder: Path) -> dict[str, Any]:
    """A Secret whose values are files, one text and one binary, as an inventory names them."""
    (folder / "key.pem").write_bytes(PEM.encode())
    (folder / "store.p12").write_bytes(RAW)
    text = f"lookup('ansible.builtin.file', '{folder}/key.pem', rstrip=false)"
    raw = f"lookup('ansible.builtin.pipe', 'base64 {folder}/store.p12')"
    return {"key.pem": f"{{{{ {text} }}}}", "store.p12": {"base64": f"{{{{ {raw} }}}}"}, "plain": "two\nlines\n"}


def data(kube: KubeSession, namespace: str, name: str) -> dict[str, str]:
    coded = kube.get(SECRET, namespace, name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in coded.items()}


def test_secrets_of_a_namespace(
    kube: KubeSession, kubeconfig: str, namespace: str, make_namespace: Callable[[], str], tmp_path: Path
) -> None:
    predicted = run(tmp_path, kubeconfig, play("predicted", namespace, VALUES), flags=["--check"])
    assert counts(predicted, "predicted") == (1, 0)
    assert kube.find(SECRET, namespace, "app") is None

    other = make_namespace()
    lacking = VALUES | {"app": {"dsn": ""}}
    given = VALUES | {"files": files(tmp_path)}
    first = run(tmp_path, kubeconfig, play("first", namespace, given), play("refused", other, lacking))
    assert (counts(first, "first"), counts(first, "refused")) == ((1, 0), (0, 1))
    assert f"The Secret app of namespace {other} has no value for dsn" in first
    assert "Ask around." in first
    assert kube.find(SECRET, other, "pull") is None, "nothing half done"
    made = {name: data(kube, namespace, name) for name in ("app", "pull", "tokens")}
    assert made["app"] == VALUES["app"] | {"key": made["app"]["key"]}
    assert made["pull"] == VALUES["pull"]
    assert len(made["app"]["key"]) == len(made["tokens"]["one"]) == 48
    pull = kube.get(SECRET, namespace, "pull")
    assert (pull["type"], pull["metadata"]["labels"]) == ("kubernetes.io/dockerconfigjson", {"made-by": "test"})

    stored = kube.get(SECRET, namespace, "files")["data"]
    assert {key: base64.b64decode(value) for key, value in stored.items()} == {
        "key.pem": PEM.encode(), "store.p12": RAW, "plain": b"two\nlines\n",
    }, "byte for byte"  # fmt: skip

    def versions() -> dict[str, str]:
        names = ("files", "pull", "tokens")
        return {name: kube.get(SECRET, namespace, name)["metadata"]["resourceVersion"] for name in names}

    before = versions()
    kept, moved = given | {"app": {"dsn": None, "old": ""}}, given | {"app": {"dsn": "canary-moved"}}
    again = run(
        tmp_path, kubeconfig, play("kept", namespace, kept), play("moved", namespace, moved), flags=["--diff"]
    )  # fmt: skip
    assert (counts(again, "kept"), counts(again, "moved")) == ((0, 0), (1, 0))
    assert versions() == before, "only what changed is written"
    assert data(kube, namespace, "app") == {"dsn": "canary-moved", "key": made["app"]["key"]}

    for secret in ("canary-", made["app"]["key"], base64.b64encode(b"canary-").decode()[:8]):
        assert not [text for text in (predicted, first, again) if secret in text], secret
