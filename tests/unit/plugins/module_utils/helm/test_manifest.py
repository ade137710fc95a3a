"""What of a manifest is shown, and what it needs."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import (
    SecretRef,
    documents_of,
    is_components,
    key_of,
    manifest_digest,
    objects_of,
    runs_with,
    secret_refs,
)
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import targets_of_manifest

PODS = """\
---
kind: Secret
metadata: {name: own}
stringData: {word: canary}
---
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      volumes:
        - {name: a, secret: {secretName: tls, items: [{key: tls.crt, path: x}]}}
        - {name: b, secret: {secretName: whole}}
        - {name: c, secret: {secretName: maybe, optional: true}}
      containers:
        - envFrom:
            - secretRef: {name: all}
            - secretRef: {name: perhaps, optional: true}
          env:
            - {name: A, valueFrom: {secretKeyRef: {name: database, key: url}}}
            - {name: B, valueFrom: {secretKeyRef: {name: own, key: word}}}
            - {name: C, valueFrom: {secretKeyRef: {name: opt, key: k, optional: true}}}
---
"""
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  metadata:
    - name: brokers
      secretKeyRef: {name: kafka-credentials, key: brokers}
"""


def test_secrets_that_must_be_there() -> None:
    assert secret_refs(PODS) == [
        SecretRef("all"), SecretRef("database", "url"), SecretRef("tls", "tls.crt"), SecretRef("whole"),
    ]  # fmt: skip
    assert secret_refs(COMPONENT) == [SecretRef("kafka-credentials", "brokers")]


def test_components_are_known_by_their_group() -> None:
    assert is_components(COMPONENT)
    assert not is_components(PODS)


def test_lists_are_opened_and_empty_documents_skipped() -> None:
    listed = "---\n---\nkind: List\nitems:\n  - {kind: A, metadata: {name: a}}\n  - {kind: B, metadata: {name: b}}\n"
    assert [item["kind"] for item in objects_of(listed)] == ["A", "B"]


def test_the_digest_is_of_the_content_not_of_the_layout() -> None:
    assert manifest_digest("kind: A\nmetadata: {name: a}\n") == manifest_digest("metadata:\n  name: a\nkind: A\n")
    assert manifest_digest("kind: A\n---\nkind: B\n") == manifest_digest("kind: B\n---\nkind: A\n")
    assert manifest_digest("kind: A\n") != manifest_digest("kind: B\n")


def test_documents_are_read_once() -> None:
    manifest = "a: 1\n---\n---\nb: [2]\n"

    assert documents_of(manifest) == ({"a": 1}, None, {"b": [2]})
    assert documents_of(manifest) is documents_of("".join(list(manifest)))


@pytest.mark.parametrize(
    "text",
    [
        "{kind: Secret, metadata: x}", "{kind: {a: b}, metadata: {name: 5}}", "{spec: x}",
        "{kind: Pod, spec: {volumes: [{secret: {secretName: a, items: [x]}}]}}",
    ],
)  # fmt: skip
def test_objects_of_wrong_types_are_read_all_the_same(text: str) -> None:
    assert [len(key_of(item)) for item in objects_of(text)] == [3]
    assert len(manifest_digest(text)) == 40
    assert len(secret_refs(text)) < 2
    targets_of_manifest(text, "ns", "api")


@pytest.mark.parametrize("text", ["\ud800", "a: [\n b: {"])
def test_text_that_is_no_manifest_is_one_sentence(text: str) -> None:
    with pytest.raises(TodoCloudError, match="not valid YAML"):
        objects_of(text)


@pytest.mark.parametrize(
    ("events", "first", "later"),
    [
        ("pre-install", True, False),
        ("Post-Upgrade", False, True),
        ("pre-install, post-upgrade", True, True),
        ("test", False, False),
        ("pre-delete,pre-rollback", False, False),
        ("pre-install,bogus", False, False),
    ],
)
def test_when_a_hook_runs(events: str, first: bool, later: bool) -> None:
    hook = f'kind: Job\nmetadata: {{name: a, annotations: {{helm.sh/hook: "{events}"}}}}'
    assert (runs_with(hook, first=True), runs_with(hook, first=False)) == (first, later)
