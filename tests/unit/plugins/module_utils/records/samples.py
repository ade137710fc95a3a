"""A release set."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import SecretRef
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target

MEMBER = Member(
    name="api",
    revision=3,
    uid="u3",
    chart="service",
    chart_version="0.1.0",
    chart_digest="c" * 40,
    local=True,
    inputs="i" * 40,
    watched="none",
    values={"n": "0123", "f": 1.5, "list": [1, None]},
    watches=(("Secret", "database"),),
    app_id="api",
    wave=1,
    manifest="m" * 40,
    targets=(Target("apps/v1", "Deployment", "ns", "api", "api"),),
    secrets=(SecretRef("database", "url"),),
    images={"Deployment/api/app": {"image": "r/api:1", "digest": "sha256:1"}},
)

RECORD = Record(
    id=1,
    environment="staging",
    time="2026-11-21T10:00:00Z",
    who="ada@ci",
    commit="0123abcd",
    tools={"helm": "4.3.1"},
    members={"api": MEMBER},
    missing={"web": "never verified"},
    charts={"c" * 40: b"\x1f\x8bchart"},
)
