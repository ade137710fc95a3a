"""What a release may hold, and what is refused before anything is written."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import rendering as rendering_module
from ansible_collections.todo.cloud.plugins.module_utils.deploy.boundary import Boundary
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import locked_run
from ansible_collections.todo.cloud.plugins.module_utils.deploy.writer import ReleaseWriter
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import manifest_digest
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import decode, encode, secret_name
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, SECRET, WELL_KNOWN, Resource

from tests.support.fake_environment import A1, A2, C1, World, deployed, spec
from tests.support.fake_kube import FakeKube

ROLE = WELL_KNOWN["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"]


def manifest(kind: str = "ConfigMap", name: str = "x", namespace: str = "", api_version: str = "v1") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}{where}}}"


def problems(*texts: str, kube: FakeKube | None = None, allowed: tuple[str, ...] = (), **more: str) -> list[str]:
    manifests = {"api": texts, **{name: (text,) for name, text in more.items()}}
    return list(map(str, Boundary(kube or FakeKube(), "ns", allowed).look(manifests).problems))


def test_objects_of_the_own_and_of_an_allowed_namespace() -> None:
    own = [manifest(), manifest(name="y", namespace="ns"), manifest(name="z", namespace="shared")]
    assert problems(*own, allowed=("shared",)) == []
    (found,) = problems(*own)
    assert found.startswith("api: 'ConfigMap z' is in namespace 'shared', but the release is in 'ns'")


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: x, namespace: mini}}]",
        "{apiVersion: v1, kind: List, items: [{kind: List, items: [{kind: Secret, metadata: {namespace: mini}}]}]}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, items: [{kind: Secret, metadata: {namespace: mini}}]}",
        manifest("Widget", "w", "mini", "bugs.example.com/v1"),
    ],
)
def test_lists_and_unknown_kinds_hide_nothing(text: str) -> None:
    (found,) = problems(text)
    assert "'mini'" in found


def test_an_object_that_a_chart_has_twice_is_told() -> None:
    contents = Boundary(FakeKube(), "ns").look({"api": ("\n---\n".join([manifest()] * 2), manifest())})
    (problem,) = contents.problems
    assert str(problem) == "api: the chart has 'ConfigMap x' 2 times, and only one of them counts: leave one of them"
    assert not problem.certain
    contents.check()


def test_cluster_scoped_objects_are_listed_not_refused() -> None:
    contents = Boundary(FakeKube(), "ns").look(
        {"api": (manifest("ClusterRoleBinding", "admin", "ignored", ROLE.api_version),)}
    )
    assert (contents.problems, contents.notes()) == ((), ["api: cluster-scoped: ClusterRoleBinding admin"])


def test_an_object_of_two_releases() -> None:
    assert problems(manifest(), web=manifest()) == ["web: 'ConfigMap x' belongs to release api too: rename one of them"]
    assert problems(manifest(), manifest(), web=manifest(name="y")) == []


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({}, ""),
        ({"annotations": {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}}, ""),
        ({"annotations": {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "ns"}}, "'other'"),
        ({"annotations": {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "x"}}, "namespace 'x'"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, ""),
        ({"labels": {"app.kubernetes.io/managed-by": "argocd"}}, "belongs to 'argocd'"),
    ],
)
def test_what_belongs_to_others_is_not_taken_over(metadata: dict[str, Any], owner: str) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "x", **metadata}})
    found = problems(manifest(), kube=kube)
    assert bool(found) is bool(owner)
    assert owner in "".join(found)


def test_what_may_not_be_listed_is_left_to_helm(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()

    def forbidden(verb: str, resource: Resource, name: str) -> None:
        raise Forbidden("no", 403)

    monkeypatch.setattr(kube, "before", forbidden)
    assert problems(manifest(), kube=kube) == []


def test_apply_writes_nothing_when_an_object_belongs_to_another_release() -> None:
    world = deployed()
    notes = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "ns"}
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings", "annotations": notes}})
    wanted: dict[str, Any] = {"api": {**A2, "maps": ["settings"]}}
    (problem,) = world.apply({"components": C1}, wanted, check=True).preflight
    assert (problem.release, problem.code) == ("api", Code.FOREIGN_OBJECT)
    with pytest.raises(TodoCloudError, match="belongs to release 'other'") as caught:
        world.apply({"components": C1}, wanted)
    assert caught.value.failure.code is Code.FOREIGN_OBJECT
    assert world.writes() == []


def test_what_helm_creates_from_a_charts_folder_crds_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is of any kind, and neither rendered nor stored."""
    world = World()
    monkeypatch.setattr(rendering_module, "may_have_crds", lambda _chart: True)
    monkeypatch.setattr(world.helm, "crds", lambda request: manifest("Secret", namespace="production"))
    with pytest.raises(TodoCloudError, match="'production'"):
        world.apply({"components": C1}, {"api": A1})
    assert world.writes() == []
    world.kube.put(SECRET, "production", {"metadata": {"name": "x"}})  # what is there already, Helm leaves alone
    world.apply({"components": C1}, {"api": A1})
    assert world.helm.commands == ["upgrade components", "upgrade api"]


def test_cluster_scoped_objects_of_the_folder_crds_are_listed() -> None:
    boundary = Boundary(FakeKube(), "ns")
    binding = manifest("ClusterRoleBinding", "admin", "ignored", ROLE.api_version)
    assert boundary.look({"api": (manifest(),)}, {"api": binding}).notes() == [
        "api: cluster-scoped: ClusterRoleBinding admin"
    ]


def test_nothing_is_written_when_a_chart_leaves_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.helm, "render", lambda request: Rendered(manifest(namespace="production")))
    with pytest.raises(TodoCloudError, match="'production'"):
        world.apply({"components": C1}, {"api": A1})
    assert world.writes() == []
    world.apply({"components": C1}, allowed_namespaces=("production",))
    assert world.helm.commands == ["upgrade components"]


@pytest.mark.parametrize("way", ["rollback", "adopt", "verify"])
def test_a_stored_revision_that_leaves_its_namespace_is_neither_gone_back_to_nor_adopted_nor_verified(way: str) -> None:
    world = deployed()
    elsewhere = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "production"}}
    steps = {
        "rollback": lambda: world.rollback("1"),
        "adopt": lambda: world.adopt({"api": A2}),
        "verify": lambda: world.apply({"components": C1}, {"api": A1}),
    }
    if way != "verify":
        world.manual("api", A2)
    rewrite(world, 1 if way != "adopt" else 2, elsewhere, forget=way == "verify")
    with pytest.raises(TodoCloudError, match="'production'"):
        steps[way]()
    assert world.writes() == []


FORGED = [
    {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "production"}},
    {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "production"}},
    {
        "kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "admin"},
    },
]  # fmt: skip


@pytest.mark.parametrize("item", FORGED, ids=lambda item: str(item["kind"]))
@pytest.mark.parametrize("way", ["upgrade", "uninstall"])
def test_nothing_that_is_not_the_releases_is_deleted_because_helm_stores_it(way: str, item: dict[str, Any]) -> None:
    """Helm deletes what the deployed revision holds and the next one does not; it asks nobody whose it is."""
    world = deployed()
    rewrite(world, 1, item, forget=True)
    world.kube.put(WELL_KNOWN[item["apiVersion"], item["kind"]], item["metadata"].get("namespace", ""), item)
    words = r"is not marked as the release's|is in namespace 'production'"
    with locked_run(world.run()) as run:
        writer = ReleaseWriter(run)
        steps = {"upgrade": lambda: writer.apply(spec("api", A2), {}, Deadline.after(5)),
                 "uninstall": lambda: writer.uninstall("api")}  # fmt: skip
        with pytest.raises(TodoCloudError, match=words) as caught:
            steps[way]()
    assert caught.value.failure.code is Code.FOREIGN_OBJECT
    assert world.helm.commands == []


def test_what_helm_marked_as_the_releases_or_is_kept_is_no_obstacle() -> None:
    world = deployed()
    marks = {"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "ns"}
    for name, notes in (("own", marks), ("kept", {"helm.sh/resource-policy": "keep"}), ("gone", None)):
        item = {"kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        rewrite(world, 1, item, forget=True, again=name != "own")
        if notes:
            world.kube.put(ROLE, "", {**item, "metadata": {"name": name, "annotations": notes}})
    with locked_run(world.run()) as run:
        ReleaseWriter(run).uninstall("api")
    assert world.helm.commands == ["uninstall api"]


@pytest.mark.parametrize(
    ("way", "event", "refused"),
    [
        ("rollback", "pre-rollback", True), ("rollback", "pre-upgrade", False),
        ("uninstall", "post-delete", True), ("uninstall", "pre-rollback", False),
    ],
)  # fmt: skip
def test_no_hook_that_helm_stores_makes_cluster_scoped_objects(way: str, event: str, refused: bool) -> None:
    """A hook is no part of the manifest whose digest the record has."""
    world = deployed()
    if way == "rollback":
        world.manual("api", A2)
    secret = world.kube.objects["Secret", "ns", secret_name("api", 1)]
    hook = {"name": "x", "manifest": json.dumps(FORGED[2]), "events": [event]}
    secret["data"]["release"] = encode({**decode(secret["data"]["release"]), "hooks": [hook]})
    world.forget()
    try:
        if way == "rollback":
            world.rollback("1")
        else:
            with locked_run(world.run()) as run:
                ReleaseWriter(run).uninstall("api")
        message = ""
    except TodoCloudError as exc:
        message = exc.failure.message
    assert ("would make 'ClusterRoleBinding admin', which is cluster-scoped" in message) is refused
    assert bool(world.helm.commands) is not refused


WAYS = ("upgrade", "rollback", "uninstall")


def step(world: World, way: str) -> None:
    with locked_run(world.run()) as run:
        writer = ReleaseWriter(run)
        steps = {"upgrade": lambda: writer.apply(spec("api", A2), {}, Deadline.after(5)),
                 "rollback": lambda: writer.rollback("api", 1, Deadline.after(5)),
                 "uninstall": lambda: writer.uninstall("api")}  # fmt: skip
        steps[way]()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forged", ["an old number", "an old number, deployed", "another name", "no number"])
def test_a_revision_in_the_place_of_another_stops_every_write(way: str, forged: str) -> None:
    """Helm finds revisions by labels and goes by the number within, so it would take an old Secret for the newest."""
    world = deployed()
    world.manual("api", A2)
    old = world.kube.objects["Secret", "ns", secret_name("api", 1)]
    secret = copy.deepcopy(old)
    secret["data"]["release"] = encode({**decode(secret["data"]["release"]), "version": 99})
    if forged == "an old number, deployed":
        secret["metadata"]["labels"]["status"] = "deployed"
    if forged == "another name":
        secret["metadata"]["name"] = "backup"
    if forged == "no number":
        del secret["metadata"]["labels"]["version"]
        secret["metadata"]["name"] = "backup"
    world.kube.put(SECRET, "ns", secret)
    world.helm.commands.clear()
    with pytest.raises(TodoCloudError, match="holds revision 99 of 'api', and Helm would take it for that") as caught:
        step(world.forget(), way)
    assert caught.value.failure.code is Code.FOREIGN_OBJECT
    assert world.helm.commands == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("odd", ["letters", "twice", "values"])
def test_what_helm_would_read_in_another_way_is_put_out_of_its_way(way: str, odd: str) -> None:
    """Go takes keys in any letters, merges what stands twice, and knows no limits."""
    world = deployed()
    for api in (A2, A1):
        world.manual("api", api)
    raw = decode(world.kube.objects["Secret", "ns", secret_name("api", 2)]["data"]["release"])
    evil = json.dumps(json.dumps(FORGED[1]))
    text = json.dumps(raw)
    text = {
        "letters": f'{text[:-1]}, "Manifest": {evil}, "\u017ftatus": 1, "Version": 99}}',
        "twice": f'{{"hooks": [{{"manifest": {evil}}}], {text[1:-1]}, "hooks": [{{}}]}}',
        "values": f'{text[:-1]}, "x": [{"1," * 500_000}1]}}',
    }[odd]
    packed = base64.b64encode(base64.b64encode(gzip.compress(text.encode()))).decode()
    secret = world.kube.objects["Secret", "ns", secret_name("api", 2)]
    world.kube.put(SECRET, "ns", {**secret, "data": {"release": packed}})
    step(world.forget(), way)
    kept = world.kube.objects["Secret", "ns", secret_name("api", 2) + ".corrupt"]
    assert kept["data"]["release"] == packed
    assert ("Secret", "ns", secret_name("api", 2)) not in world.kube.objects


def rewrite(world: World, revision: int, item: dict[str, Any], *, forget: bool, again: bool = False) -> None:
    """Puts one more object into a stored revision of api, and into the record that names it."""
    secret = world.kube.objects["Secret", "ns", secret_name("api", revision)]
    raw = decode(secret["data"]["release"])
    raw["manifest"] += "\n---\n" + json.dumps(item)
    if again:
        secret["data"]["release"] = encode(raw)
        return
    secret["data"]["release"] = encode(raw)
    record = world.record(1)
    del world.kube.objects["ConfigMap", "ns", "release-set-1"]
    if not forget:
        api = replace(record.members["api"], manifest=manifest_digest(raw["manifest"]))
        world.run().records.write(replace(record, members={**record.members, "api": api}))
    world.forget()


def test_no_second_history_beside_one_in_config_maps() -> None:
    world = World()
    labels = {"owner": "helm", "name": "api", "version": "1", "status": "deployed"}
    world.kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "sh.helm.release.v1.api.v1", "labels": labels}})
    (problem,) = world.apply({"api": A1}, check=True).preflight
    assert "HELM_DRIVER=configmap" in problem.message
    with pytest.raises(TodoCloudError, match="history stands in ConfigMaps"):
        world.apply({"components": C1}, {"api": A1})
    with pytest.raises(TodoCloudError, match="history stands in ConfigMaps"), locked_run(world.run()) as run:
        ReleaseWriter(run).apply(spec("api", A1), {}, Deadline.after(5))
    assert world.writes() == []
    (row,) = world.adopt({"api": A1}).rows.values()
    assert "HELM_DRIVER=configmap" in row.detail


@pytest.mark.parametrize("driver", ["sql", "configmap", "memory"])
def test_no_first_installation_where_helm_keeps_histories_elsewhere(
    monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    world = deployed()
    monkeypatch.setenv("HELM_DRIVER", driver)
    assert world.apply({"components": C1}, {"api": A1}, check=True).preflight == []
    (problem,) = world.apply({"components": C1}, {"api": A1, "web": A1}, check=True).preflight
    assert (problem.release, problem.certain) == ("web", True)
    assert f"HELM_DRIVER='{driver}' is set here" in problem.message
    monkeypatch.setenv("HELM_DRIVER", "secrets")
    assert world.apply({"components": C1}, {"api": A1, "web": A1}, check=True).preflight == []
