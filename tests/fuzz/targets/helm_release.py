"""A release as Helm stores it in a Secret: packed text, and what is in it."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import (
    decode,
    encode,
    revision_of,
    secret_name,
    stored_release,
)

from tests.fuzz.frame import Target
from tests.support.stored_releases import raw_release

RAW = json.dumps({
    **raw_release(), "config": {"replicas": 1, "image": {"tag": "v1"}},
    "hooks": [{"name": "x", "manifest": "kind: Job"}],
    "info": {"status": "deployed", "description": "Rollback to 3", "rollback_revision": 3},
})  # fmt: skip
METADATA = {
    "name": secret_name("api", 1), "namespace": "ns", "uid": "u", "resourceVersion": "7",
    "creationTimestamp": "2026-11-21T10:00:00Z",
    "labels": {"owner": "helm", "name": "api", "version": "1", "status": "deployed", "todo.cloud/inputs": "i"},
}  # fmt: skip
SEEDS = (RAW, {"metadata": METADATA}, gzip.compress(RAW.encode(), mtime=0), encode(json.loads(RAW)))


def attempt(given: Any) -> None:
    """Text is a release's JSON (or a Secret's whole payload), bytes what Helm packs it into."""
    match given:
        case {"metadata": dict(metadata)}:
            revision_of(metadata)
            return
        case bytes():
            payload = base64.b64encode(base64.b64encode(given)).decode()
        case str() if "{" in given[:2] and "\ud800" not in given:
            payload = base64.b64encode(base64.b64encode(gzip.compress(given.encode("utf-8", "replace")))).decode()
        case str():
            payload = given
        case _:
            return
    stored = stored_release(decode(payload))
    json.dumps([stored.name, stored.revision, stored.description]).encode()


TARGET = Target("helm_release", SEEDS, attempt)
