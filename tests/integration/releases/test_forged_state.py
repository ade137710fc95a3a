# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State that somebody else wrote with one right in the namespace, and charts that leave it: docs/security.md."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import decode, encode, secret_name
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, LEASE, NAMESPACE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, UNFINISHED
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cluster.paths import BIN, TOP
from tests.integration.releases.world import ENVIRONMENT, World
from tests.integration.support import ModuleRun
from tests.support.patience import patience

OBJECTS = str(TOP / "tests" / "fixtures" / "charts" / "objects")


def keys() -> RecordKeys:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return RecordKeys.parse(key.decode(), [])


def forge(world: World, number: int, **api: Any) -> None:
    """A release set with a sound digest and no signature, made from the first one, as anybody can make it."""
    record = RecordStore(world.kube, world.namespace, ENVIRONMENT).read(1)
    api = {"inputs": "0" * 16, **api}  # else it is what runs already
    members: Mapping[str, Member] = {name: replace(member, **api) for name, member in record.members.items()}
    body = pack(replace(record, id=number, members=members, who="eve"))
    world.kube.create(CONFIG_MAP, world.namespace, {**body, "apiVersion": "v1", "kind": "ConfigMap"})


def unfinished(world: World, number: int) -> None:
    """A rollback that somebody says was not finished."""
    target = {"set": number, "names": [], "leaves": [1, 2], "who": "eve"}
    world.kube.patch(LEASE, world.namespace, LOCK_NAME, {"metadata": {"annotations": {UNFINISHED: json.dumps(target)}}})


def changed(world: World, before: Mapping[str, str]) -> set[str]:
    """What was made or changed since, the lock left out."""
    return {name for name, each in world.fingerprint().items() if before.get(name) != each} - {f"Lease/{LOCK_NAME}"}


def config_map(namespace: str, name: str = "x") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def objects(world: World, *items: dict[str, Any]) -> dict[str, Any]:
    return {"name": "a", "namespace": world.namespace, "chart": OBJECTS, "values": {"objects": list(items)}}


@pytest.fixture
def neighbour(world: World, make_namespace: Callable[..., str]) -> str:
    """Another team's namespace."""
    return make_namespace()


def test_with_a_key_only_signed_sets_count(world: World) -> None:
    signed = keys()
    for text in ("one", "two"):
        world.apply(world.release("a", text=text), record_keys=signed).ok()
    values = {"text": "forged"}
    forge(world, 3, values=values, revision=77)
    forge(world, 900, values=values, revision=77)
    before = world.fingerprint()
    for named in ("3", "900"):
        assert world.back(named, record_keys=signed).code == "set_unsigned"
    unfinished(world, 900)
    assert world.back(record_keys=signed).code == "set_unsigned"
    assert world.history("a")[-1].revision == 2
    assert changed(world, before) == set()
    world.kube.patch(LEASE, world.namespace, LOCK_NAME, {"metadata": {"annotations": {UNFINISHED: None}}})
    back = world.back(record_keys=signed).ok()
    assert (world.text("a"), back.result["set"]) == ("one", 4)
    for number in range(5, 30):
        forge(world, number, values=values)
    last = world.apply(world.release("a", text="three"), record_keys=signed).ok().result["set"]
    there = {item["metadata"]["name"] for item in world.kube.list_(CONFIG_MAP, world.namespace)[0]}
    assert {f"release-set-{number}" for number in (1, 2, 4, last)} <= there, "real ones stay"


def test_without_a_key_a_forged_set_brings_nothing_that_its_environment_may_not_hold(
    world: World, neighbour: str
) -> None:
    world.apply(objects(world, config_map(world.namespace)), commit="feedfeed").ok()
    admin: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": f"eve-{world.namespace}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    }  # fmt: skip
    hook = config_map(neighbour, "hook")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-upgrade"}
    forge(world, 2, revision=77, values={"objects": [config_map(neighbour)]})
    forge(world, 3, revision=77, values={"objects": [hook]})
    forge(world, 4, revision=77, values={"objects": [admin]})
    forge(world, 5, revision=77, chart="oci://registry.example.com/eve", local=False, chart_digest="")
    for number, chart in ((6, "--post-renderer=/bin/sh"), (7, "../../../tmp/eve\n--post-renderer=/bin/sh")):
        forge(world, number, revision=77, chart=chart, local=False)
    before = world.fingerprint()
    ends = {number: world.back(str(number)) for number in range(2, 8)}
    assert {number: end.code for number, end in ends.items()} == {
        **dict.fromkeys(range(2, 6), "rollback_refused"), 6: "set_damaged", 7: "set_damaged",
    }, {number: end.message for number, end in ends.items()}  # fmt: skip
    words = {2: neighbour, 3: neighbour, 4: "ClusterRoleBinding", 5: "not of an allowed source"}
    assert all(text in ends[number].message for number, text in words.items())
    unfinished(world, 7)
    assert world.back().code == "set_damaged"
    assert changed(world, before) == set()
    roles = world.kube.resource(admin["apiVersion"], admin["kind"])
    assert world.kube.find(roles, "", admin["metadata"]["name"]) is None
    assert world.kube.find(CONFIG_MAP, neighbour, "x") is world.kube.find(CONFIG_MAP, neighbour, "hook") is None


def test_objects_of_another_namespace_or_release_are_refused_before_the_first_write(
    world: World, neighbour: str, module: Callable[..., ModuleRun]
) -> None:
    elsewhere = objects(world, config_map(world.namespace, "own"), config_map(neighbour))
    before = world.fingerprint()
    assert world.apply(elsewhere).code == "foreign_object"
    single = {key: elsewhere[key] for key in ("name", "namespace", "chart", "values")}
    common = {
        "environment": ENVIRONMENT,
        "helm_binary": world.helm,
        "timeout": round(patience(60)),
        "stability_seconds": 0.5,
    }
    assert module("helm_release", {**single, **common}).code == "foreign_object"
    assert changed(world, before) == set()

    helm = [str(BIN / "helm"), "--kubeconfig", world.kubeconfig, "--namespace", world.namespace]
    subprocess.run(
        [*helm, "install", "a", OBJECTS, "--values", "-"],
        input=json.dumps(elsewhere["values"]), text=True, check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    before = world.fingerprint()
    assert world.adopt(elsewhere).code == "foreign_object"
    other = {**objects(world, config_map(world.namespace, "own")), "name": "b"}
    taken = world.apply(other)
    assert (taken.code, "'a'" in taken.message) == ("foreign_object", True)
    assert changed(world, before) == set()
    assert world.kube.get(CONFIG_MAP, neighbour, "x")["metadata"]["annotations"]["meta.helm.sh/release-name"] == "a"


def test_what_helm_would_delete_because_of_a_forged_revision_stays(world: World, neighbour: str) -> None:
    """Helm deletes what the deployed revision holds and the next one does not, whoever made it and wherever it is."""
    victim = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "victim", "namespace": neighbour}}
    world.kube.create(CONFIG_MAP, neighbour, victim)
    other = {**objects(world, config_map(world.namespace, "other")), "name": "b"}
    world.apply(other, objects(world, config_map(world.namespace))).ok()
    first = secret_name("a", 1)
    genuine = world.kube.get(SECRET, world.namespace, first)["data"]["release"]
    raw = decode(genuine)
    raw["manifest"] += f"\n---\n{json.dumps(victim)}"
    codes = []

    def forge(data: str, name: str) -> None:
        world.kube.patch(SECRET, world.namespace, first, {"data": {"release": data}})
        codes.append(world.apply(other, objects(world, config_map(world.namespace, name))).code)
        codes.append(world.apply(other, all_releases=["b"], prune=True).code)

    forge(encode(raw), "y")
    world.kube.patch(SECRET, world.namespace, first, {"data": {"release": genuine}})
    world.apply(other, objects(world, config_map(world.namespace, "y"))).ok()
    forge(encode({**raw, "version": 99}), "z")  # Helm goes by the number within, and would take it for the newest
    assert world.kube.find(CONFIG_MAP, neighbour, "victim") is not None
    assert codes == ["foreign_object"] * 4


def test_another_environments_mark_on_the_namespace_stops_every_write(world: World) -> None:
    world.apply(objects(world, config_map(world.namespace))).ok()
    world.kube.patch(NAMESPACE, "", world.namespace, {"metadata": {"labels": {"todo.cloud/environment": "production"}}})
    before = world.fingerprint()
    for run in (world.apply(objects(world, config_map(world.namespace, "y"))), world.back("1")):
        assert run.code == "invalid_input"
    assert world.fingerprint() == before
