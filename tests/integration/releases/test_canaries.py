# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""As verbose as Ansible can be, with every kind of secret that a run is given or makes: they come out nowhere."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    LEASE,
    SECRET,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cluster.paths import TOP
from tests.integration.releases.world import World
from tests.integration.support import run_playbook
from tests.support.canaries import files_that_show, no_command_line_shows, shown

CHART = str(TOP / "tests" / "fixtures" / "charts" / "secretive")
_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
NAMES = ("plain", "later", "encoded", "hashed", "user", "long", "registry", "written", "pulled")
VAULT = {**{name: f"{name[:2]}-{uuid.uuid4().hex[:12]}" for name in NAMES}, "record_key": _KEY}


def values(plain: str) -> dict[str, Any]:
    users = [{"name": "ada", "token": "{{ user }}"}]
    registry = {"user": "robot", "password": "{{ registry }}"}
    return {
        "plain": plain, "encoded": "{{ encoded }}", "hashed": "{{ hashed }}", "users": users, "registry": registry,
    }  # fmt: skip


def play(world: World) -> list[dict[str, Any]]:
    """Secrets are written and made, a release with secret values is installed, changed, refused and taken back."""
    common = {
        "environment": "test", "namespace": world.namespace, "helm_binary": world.helm,
        "record_key": "{{ record_key }}", "stability_seconds": 0, "timeout": 60,
    }  # fmt: skip

    def apply(given: dict[str, Any], **more: Any) -> dict[str, Any]:
        release = {"name": "db", "namespace": world.namespace, "chart": CHART, "values": given}
        pulls = [{"host": "127.0.0.1:1", "username": "robot", "password": "{{ pulled }}"}]
        return {"todo.cloud.release_apply": {**common, "waves": [[release]], "registries": pulls}, **more}

    given = {
        "secret_namespace": world.namespace, "secret_values": {"app": {"dsn": "postgres://u:{{ written }}@db"}},
        "secret_generated": {"app": ["key"]},
    }  # fmt: skip
    image = {"image": "127.0.0.1:1/a/b:1", "username": "robot", "password": "{{ pulled }}", "timeout": 2}
    return [{
        "hosts": "localhost", "connection": "local", "gather_facts": False, "vars_files": ["vault.yml"],
        "tasks": [
            {"ansible.builtin.include_role": {"name": "todo.cloud.secret"}, "vars": given},
            {"todo.cloud.image_info": image, "ignore_errors": True},
            apply(values("{{ plain }}")),
            apply(values("{{ later }}")),
            apply(values("{{ long }}{{ long }}"), ignore_errors=True, register="refused"),
            {"ansible.builtin.assert": {"that": "refused is failed"}},
            {"todo.cloud.release_rollback": common},
            {"todo.cloud.release_set_info": {"environment": "test", "namespace": world.namespace}},
            {"todo.cloud.helm_release_info": {"name": "db", "namespace": world.namespace}, "ignore_errors": True},
        ],
    }]  # fmt: skip


def test_the_most_verbose_run_shows_no_secret(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(world.release("other")).ok()
    (tmp_path / "word").write_text("a password of the vault")
    encrypted = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", "--vault-password-file", tmp_path / "word"],
        input=yaml.safe_dump(VAULT), text=True, capture_output=True, check=True, timeout=600,
    )  # fmt: skip
    (tmp_path / "vault.yml").write_text(encrypted.stdout)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    flags = ("-vvvv", "--diff", "--vault-password-file", str(tmp_path / "word"))
    key = "".join(_KEY.splitlines()[1:-1])
    secrets = {*VAULT.values(), key} - {_KEY}
    with no_command_line_shows(secrets, environ=True):
        done = run_playbook(yaml.safe_dump(play(world)), tmp_path, world.kubeconfig, *flags)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert re.search(r"rescued=0 +ignored=[12]", output)
    stored = world.kube.get(SECRET, world.namespace, "db")["data"]
    assert base64.b64decode(stored["plain"]).decode() == VAULT["plain"], "else this test shows nothing"
    app = world.kube.get(SECRET, world.namespace, "app")["data"]
    secrets.add(base64.b64decode(app["key"]).decode())

    assert not shown(output, secrets), "what a person or CI sees"
    plain = [
        item for kind in (CONFIG_MAP, EVENT, LEASE, DEPLOYMENT) for item in world.kube.list_(kind, world.namespace)[0]
    ]
    assert not shown(json.dumps(plain), secrets), "objects that are no Secrets"
    metadata = world.kube.list_(SECRET, world.namespace, metadata_only=True)[0]
    assert not shown(json.dumps(metadata), secrets), "labels and annotations of Secrets"
    other = world.stored("other")
    assert not shown(f"{other.manifest} {other.config}", secrets), "Helm's Secrets of another release"
    folders = (tmp_path, Path("/dev/shm"), Path.home() / ".ansible")
    assert not [path for each in folders for path in files_that_show(each, secrets)]
