"""A record may hold only what its environment may hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.restore_check import is_from
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import secret_name
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.fake_environment import A1, A2, World, two_sets
from tests.support.stored_releases import store

BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "admin"},
}  # fmt: skip
KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ELSEWHERE = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "production"}}


def gone(world: World, monkeypatch: pytest.MonkeyPatch, *rendered: dict[str, Any], hooks: bool = False) -> None:
    """The first revision of api is gone from Helm's history, and the record's chart renders to something else."""
    del world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]
    text = "\n---\n".join(map(json.dumps, rendered))
    monkeypatch.setattr(world.helm, "render", lambda request: Rendered("", (text,)) if hooks else Rendered(text))
    world.forget()


def changed(world: World, **api: Any) -> None:
    """The record of the first set with another member api, and without its chart if that is a reference."""
    record = world.record(1)
    del world.kube.objects["ConfigMap", "ns", "release-set-1"]
    members = {**record.members, "api": replace(record.members["api"], **api)}
    charts = {} if "chart" in api else record.charts
    world.run().records.write(replace(record, members=members, charts=charts))


def refused(world: World, **settings: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        world.rollback("1", **settings)
    assert caught.value.failure.code is Code.ROLLBACK_REFUSED
    assert world.writes() == []
    return caught.value.failure.message


@pytest.mark.parametrize("hooks", [False, True])
def test_a_record_brings_no_cluster_scoped_object(hooks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_sets()
    gone(world, monkeypatch, BINDING, hooks=hooks)
    message = refused(world)
    assert "api: release set 1 is not signed and would bring 'ClusterRoleBinding admin'" in message


def test_one_that_the_release_had_before_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_sets()
    gone(world, monkeypatch, BINDING)
    store(world.kube, "api", 3, status="failed", manifest=json.dumps(BINDING))
    assert world.rollback("1").set == 3


@pytest.mark.parametrize("hooks", [False, True])
def test_a_record_leaves_no_namespace(hooks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_sets()
    gone(world, monkeypatch, ELSEWHERE, hooks=hooks)
    assert "'Secret x' is in namespace 'production'" in refused(world)
    assert world.rollback("1", allowed_namespaces=("production",)).set == 3


def test_a_record_names_no_chart_of_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_sets()
    changed(world, local=False, chart="oci://evil.example/x", chart_version="1.0.0")
    gone(world, monkeypatch)
    assert "names the chart 'oci://evil.example/x'" in refused(world)
    assert refused(world, allowed_chart_sources=("oci://evil.example.org/",))
    assert world.rollback("1", allowed_chart_sources=("oci://evil.example/",)).set == 3


def test_a_record_brings_nothing_by_the_folder_crds(monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_sets()
    for revision in (1, 2):
        del world.kube.objects["Secret", "ns", secret_name("api", revision)]
    for item, words in ((BINDING, "ClusterRoleBinding admin"), (ELSEWHERE, "Secret x")):
        monkeypatch.setattr(world.helm, "crds", lambda _request, item=item: json.dumps(item))
        assert words in refused(world)


@pytest.mark.parametrize(
    ("source", "chart", "inside"),
    [
        ("oci://r.example/team", "oci://r.example/team/x", True),
        ("oci://r.example/team/", "oci://r.example/team", True),
        ("oci://r.example/team", "oci://r.example/team-of-eve/x", False),
        ("oci://r.example", "oci://r.example.eve.example/x", False),
        ("oci://r.example", "oci://r.example@eve.example/x", False),
        ("oci://r.example/team", "oci://r.example/team/../eve/x", False),
        ("oci://r.example/team", "oci://r.example/team/%2e%2e/eve/x", False),
        ("", "/tmp/eve", False),
    ],
)
def test_a_source_ends_at_a_slash(source: str, chart: str, inside: bool) -> None:
    assert is_from(chart, [source]) is inside


def test_a_chart_that_would_be_an_option_is_damage() -> None:
    world = two_sets()
    changed(world, local=False, chart="--post-renderer=/bin/sh")
    with pytest.raises(TodoCloudError) as caught:
        world.rollback("1")
    assert caught.value.failure.code is Code.SET_DAMAGED
    assert world.helm.commands == []


def test_a_signed_record_may_bring_what_it_was_verified_with(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = RecordKeys.parse(KEY)
    world = World()
    world.settings = replace(world.settings, record_keys=keys)
    world.apply({"api": A1})
    world.apply({"api": A2})
    gone(world, monkeypatch, BINDING)
    assert world.rollback("1").set == 3
