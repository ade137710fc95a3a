"""Secrets given as canary strings come out nowhere: not in the most verbose output, not in Helm's history or values."""

from __future__ import annotations

import base64
import gzip
import json
import uuid

from tests.e2e.conftest import Cluster

CANARY = f"canary{uuid.uuid4().hex}"


def release_payloads(cluster: Cluster) -> list[str]:
    """Every Helm release record of the cluster, decoded: base64 of the API, base64 of Helm, gzip, JSON."""
    secrets = json.loads(cluster.kubectl("get", "secrets", "-A", "-l", "owner=helm", "-o", "json"))["items"]
    return [gzip.decompress(base64.b64decode(base64.b64decode(s["data"]["release"]))).decode() for s in secrets]


def test_canaries_stay_inside_their_secrets(app: Cluster) -> None:
    given = {"TODO_REGISTRY_PASSWORD": f"{CANARY}r", "TODO_SMTP_PASSWORD": f"{CANARY}s"}
    run = app.playbook("site.yml", "-vvv", "--diff", "-e", "environment_extra_secrets_from_env=true", **given).ok()
    stored = json.loads(app.kubectl("get", "secrets", "-A", "-o", "json"))["items"]
    values = [
        base64.b64decode(v).decode(errors="replace")
        for s in stored
        if s["type"] != "helm.sh/release.v1"
        for v in (s.get("data") or {}).values()
    ]
    assert any(CANARY in v for v in values), "the canary reached its Secret, else this test proves nothing"
    assert CANARY not in run.output
    payloads = release_payloads(app)
    assert payloads
    assert not [p for p in payloads if CANARY in p]


def test_no_live_secret_value_is_in_helm_history_or_records(app: Cluster) -> None:
    """The same for every secret that the local inventory made: generated passwords and connection strings."""
    stored = json.loads(app.kubectl("get", "secrets", "-n", "todo-local", "-o", "json"))["items"]
    secret_keys = {"url", "password", "secret_key", "service_token"}
    values = [
        base64.b64decode(v).decode()
        for s in stored
        if s["type"] == "Opaque"
        for k, v in (s.get("data") or {}).items()
        if k in secret_keys
    ]
    assert len(values) >= 4
    records = json.loads(app.kubectl("get", "configmaps", "-A", "-o", "json"))["items"]
    haystack = "\n".join([*release_payloads(app), json.dumps(records)])
    assert not [v for v in values if v in haystack]
