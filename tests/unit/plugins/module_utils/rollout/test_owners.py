# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods find their way up to a custom resource, through kinds that nobody watches."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import REPLICA_SET, Resource
from ansible_collections.todo.cloud.plugins.module_utils.rollout.owners import Owners

from tests.support.custom_kinds import DATABASE, POD_SET, custom, operators, owned
from tests.support.fake_kube import FakeKube


def pod(name: str, *owners: tuple[Resource, str], controller: bool = True) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {**owned(name, *owners, controller=controller), "namespace": "ns"}}


def found(kube: FakeKube, *pods: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, list[str]]:
    owners = Owners(kube, Deadline.after(5.0))
    for _ in range(2):  # the second time everything is known
        tree = owners.pods_of({"db"}, pods, known or {})
    return {root: [one["metadata"]["name"] for one in ours] for root, ours in tree.items()}


def test_a_pod_of_its_own_needs_no_request() -> None:
    kube = operators(FakeKube())
    assert found(kube, pod("db-1", (DATABASE, "db")), pod("other", (DATABASE, "else"))) == {"db": ["db-1"]}
    assert [name for _, name in kube.reads] == ["else"]


def test_through_a_pod_set_that_does_not_call_itself_the_controller() -> None:
    kube = operators(FakeKube())
    kube.put(POD_SET, "ns", custom(POD_SET, "set", metadata=owned("set", (DATABASE, "db"), controller=False)))
    pods = [pod(f"db-{n}", (POD_SET, "set"), controller=False) for n in range(3)]
    assert found(kube, *pods) == {"db": ["db-0", "db-1", "db-2"]}
    assert kube.reads == [("PodSet", "set")]  # once, for all pods and looks


def test_through_a_replica_set_that_is_watched() -> None:
    kube = operators(FakeKube())
    known = {"rs": {"kind": "ReplicaSet", "metadata": owned("rs", (DATABASE, "db"))}}
    assert found(kube, pod("db-1", (REPLICA_SET, "rs")), known=known) == {"db": ["db-1"]}
    assert kube.reads == []


def test_what_may_not_be_read_or_is_another_by_now_owns_nothing() -> None:
    kube = operators(FakeKube())
    kube.put(POD_SET, "ns", custom(POD_SET, "set", metadata={**owned("set", (DATABASE, "db")), "uid": "new"}))
    assert found(kube, pod("a", (POD_SET, "set")), pod("b", (POD_SET, "gone"))) == {}


def test_a_ring_of_owners_ends() -> None:
    kube = operators(FakeKube())
    kube.put(POD_SET, "ns", custom(POD_SET, "set", metadata=owned("set", (POD_SET, "set"))))
    assert found(kube, pod("a", (POD_SET, "set"))) == {}
