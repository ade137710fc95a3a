"""What has to be around rendered objects: it is missed by name, with its key, as far as it may be read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    SECRET,
    SERVICE,
    STORAGE_CLASS,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.preflight.needs import Need, provided
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem
from ansible_collections.todo.cloud.plugins.module_utils.preflight.surroundings import (
    classes,
    missing,
    node_ports,
)

from tests.support.fake_kube import FakeKube

NOTHING = provided([], "ns", hooks=False)
URL = Need("Secret", "db", "url", "Deployment api")


def missed(kube: FakeKube, *needs: Need, brought: Any = NOTHING) -> list[Problem]:
    return list(missing(kube, "api", needs, "ns", brought))


def test_a_key_is_missed_in_what_is_there() -> None:
    kube = FakeKube()
    (absent,) = missed(kube, URL)
    assert (absent.code, absent.certain) == (Code.CONFIG_MISSING, True)
    kube.put(SECRET, "ns", {"metadata": {"name": "db"}, "data": {"user": "eA=="}})
    (lacking,) = missed(kube, URL)
    assert "'url'" in lacking.message
    kube.put(SECRET, "ns", {"metadata": {"name": "db"}, "data": {"url": "eA=="}})
    assert missed(kube, URL) == []


def test_what_the_run_brings_along_is_not_missed() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"url": "eA=="}}
    assert missed(FakeKube(), URL, brought=provided([secret], "ns", hooks=False)) == []


def test_a_key_is_missed_in_what_the_run_brings_along() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"user": "eA=="}}
    (lacking,) = missed(FakeKube(), URL, brought=provided([secret], "ns", hooks=False))
    assert lacking.message == "Deployment api needs key 'url' of Secret 'db', which is not there"
    assert "correct its name" in lacking.remedy


def test_what_an_operator_or_a_hook_may_make_is_only_told() -> None:
    account = Need("ServiceAccount", "robot", "", "Deployment api")
    found = missed(FakeKube(), URL, account, brought=provided([], "ns", hooks=True))
    assert {problem.code: problem.certain for problem in found} == {
        Code.CONFIG_MISSING: False, Code.SERVICE_ACCOUNT_MISSING: True,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["PriorityClass", "RuntimeClass"])
def test_classes_of_pods_are_missed(kind: str) -> None:
    need = Need(kind, "high", "", "Deployment api")
    (problem,) = missed(FakeKube(), need)
    assert (problem.code, problem.certain) == (Code.NOT_FOUND, True)
    assert f"kubectl get {kind.lower()}es" in problem.remedy


def test_each_object_is_read_once() -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "c"}, "data": {"a": "1"}})
    needs = [Need("ConfigMap", "c", key, by) for key in "ab" for by in ("Deployment x", "Deployment y")]
    assert len(missed(kube, *needs)) == 2
    assert kube.reads == [("ConfigMap", "c")]


class Strict(FakeKube):
    """Credentials that may read little."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if resource in (SECRET, STORAGE_CLASS):
            raise Forbidden("no", 403)


def test_what_may_not_be_read_is_not_missed() -> None:
    assert missed(Strict(), URL) == []
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
             "spec": {"storageClassName": "fast"}}  # fmt: skip
    assert list(classes(Strict(), "api", [claim])) == []
    assert [problem.certain for problem in classes(FakeKube(), "api", [claim])] == [False]


class Everywhere(FakeKube):
    """Lists objects of all namespaces, as the API does without one."""

    def list_(self, resource: Resource, namespace: str = "", **options: Any) -> tuple[list[dict[str, Any]], str]:
        if not namespace:
            return [item for (kind, _ns, _name), item in self.objects.items() if kind == resource.kind], "1"
        return super().list_(resource, namespace, **options)


def service(name: str, namespace: str = "", port: int = 30080, **fields: Any) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"ports": [{"port": 80, "nodePort": port, **fields}]}}  # fmt: skip


def taken(kube: FakeKube, **rendered: list[dict[str, Any]]) -> list[str]:
    return [problem.message for problem in node_ports(kube, "ns", rendered)]


def test_a_node_port_that_another_service_has() -> None:
    kube = Everywhere()
    kube.put(SERVICE, "other", service("web", "other"))
    kube.put(SERVICE, "ns", service("mine", "ns", 30081))
    assert taken(kube, api=[service("api")]) == [
        "Service api asks for node port 30080 (TCP), which Service web in namespace other has"
    ]
    assert taken(kube, api=[service("mine", port=30081)]) == []
    assert taken(kube, api=[service("api", protocol="UDP")]) == []
    assert taken(kube, api=[service("api", port=0)]) == []


def test_two_releases_ask_for_one_node_port() -> None:
    (message,) = taken(Everywhere(), api=[service("a")], web=[service("b")])
    assert message == "Service b asks for node port 30080 (TCP), which release api has"


def test_services_of_other_namespaces_that_may_not_be_read() -> None:
    class Narrow(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if verb == "list":
                raise Forbidden("no", 403)

    assert taken(Narrow(), api=[service("a")]) == []
