"""Secrets come out nowhere: not in the most verbose output, in Helm's history, in other objects, in files, on command
lines; not as they are and not in base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.conftest import Cluster
from tests.support.canaries import files_that_show, no_command_line_shows, shown

CANARY = f"canary{uuid.uuid4().hex}"
GIVEN: dict[str, Any] = {"TODO_REGISTRY_PASSWORD": f"{CANARY}r", "TODO_SMTP_PASSWORD": f"{CANARY}s"}
SECRET_KEYS = {"url", "password", "secret_key", "service_token"}
KINDS = "configmaps,events,deployments,statefulsets,jobs,pods,components.dapr.io,configurations.dapr.io,leases"


def release_payloads(cluster: Cluster) -> list[str]:
    """Every Helm release record of the cluster, decoded: base64 of the API, base64 of Helm, gzip, JSON."""
    secrets = json.loads(cluster.kubectl("get", "secrets", "-A", "-l", "owner=helm", "-o", "json"))["items"]
    return [gzip.decompress(base64.b64decode(base64.b64decode(s["data"]["release"]))).decode() for s in secrets]


def secrets_of(cluster: Cluster) -> list[str]:
    """What the environment's own Secrets hold: what was given, generated passwords, the database's alone too."""
    stored: list[dict[str, Any]] = cluster.get("secrets")
    values = [
        base64.b64decode(value).decode()
        for each in stored
        if each["type"] in ("Opaque", "kubernetes.io/dockerconfigjson")
        for key, value in (each.get("data") or {}).items()
        if key in SECRET_KEYS or key == ".dockerconfigjson"
    ]
    passwords = [password for value in values if "://" in value and (password := urlsplit(value).password)]
    return [*values, *passwords]


def test_secrets_stay_inside_their_secrets(app: Cluster, tmp_path: Path) -> None:
    """A run that changes two of them, as verbose as can be."""
    before = secrets_of(app)
    folders: dict[str, Any] = {"TMPDIR": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local")}
    with no_command_line_shows([*before, *GIVEN.values()]):
        run = app.playbook("site.yml", "-vvvv", "--diff", **GIVEN, **folders).ok()
    stored = secrets_of(app)
    assert len(set(stored)) >= 6
    assert all(any(canary in value for value in stored) for canary in GIVEN.values()), "else this test shows nothing"
    secrets = {*before, *stored, *GIVEN.values()}
    assert not shown(run.output, secrets), "what a person or CI sees"
    payloads = release_payloads(app)
    assert payloads
    assert not [found for payload in payloads if (found := shown(payload, secrets))], "Helm's history"
    assert not shown(app.kubectl("get", KINDS, "-A", "-o", "json"), secrets), "objects that are no Secrets"
    folders_used = (tmp_path, Path("/dev/shm"), Path("/tmp"), Path.home() / ".ansible")
    assert not [path for each in folders_used for path in files_that_show(each, secrets)]
