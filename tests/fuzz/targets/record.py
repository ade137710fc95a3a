"""A release set's ConfigMap, whose digest somebody computed anew."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import SecretRef
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import _digest, pack, unpack
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target as Workload

from tests.fuzz.frame import Target

MEMBER = Member(
    name="api", revision=3, uid="u3", chart="service", chart_version="0.1.0", chart_digest="c" * 40, local=True,
    inputs="i" * 40, watched="none", values={"image": "r/api:1", "list": [1, None]}, watches=(("Secret", "database"),),
    app_id="api", wave=1, manifest="m" * 40, secrets=(SecretRef("database", "url"),),
    targets=(Workload("apps/v1", "Deployment", "ns", "api", "api"),),
    images={"Deployment/api/app": {"image": "r/api:1", "digest": "sha256:1"}},
)  # fmt: skip
RECORD = Record(
    id=1, environment="staging", time="2026-11-21T10:00:00Z", who="ada@ci", commit="0123abcd", tools={"helm": "4.3.1"},
    members={"api": MEMBER}, missing={"web": "never verified"}, charts={"c" * 40: b"\x1f\x8bchart"},
)  # fmt: skip


def attempt(item: Any) -> None:
    data = item.get("data") if isinstance(item, dict) else None
    binary = item.get("binaryData") if isinstance(item, dict) else None
    if isinstance(data, dict) and isinstance(data.get("set.json"), str) and data.get("digest") != "0":
        try:
            data["digest"] = _digest(data["set.json"], binary or {})
        except Exception:  # then it stays wrong
            data["digest"] = "0"
    record = unpack(item)
    json.dumps([record.id, record.who, sorted(record.members)]).encode()


TARGET = Target("record", (json.loads(json.dumps(pack(RECORD))),), attempt)
