"""Components that a sidecar has loaded, by its own word, against those that it is given."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.dapr.components import (
    COMPONENT,
    components_of,
    namespace_components,
    not_loaded,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.readiness.test_daprd import pod


class Sidecars(FakeKube):
    """Pods whose metadata endpoints answer; None: the API server may not be asked for them."""

    def __init__(self, answers: dict[str, tuple[int, str] | None]) -> None:
        super().__init__()
        self.answers = answers
        self.asked: list[tuple[str, int | str, str]] = []

    def proxy_get(self, namespace: str, pod: str, port: int | str, path: str, **_: Any) -> tuple[int, str]:
        self.asked.append((pod, port, path))
        answer = self.answers[pod]
        if answer is None:
            raise Forbidden("The credentials may not get pods/proxy.", 403)
        return answer


def metadata(*names: str) -> tuple[int, str]:
    return 200, json.dumps({"id": "api", "components": [{"name": name, "type": "x"} for name in names]})


def component(kube: FakeKube, name: str, scopes: list[str] | None = None, **spec: Any) -> None:
    kube.put(COMPONENT, "ns", {"metadata": {"name": name}, "spec": spec, **({"scopes": scopes} if scopes else {})})


def look(kube: Sidecars) -> Any:
    pods = [pod(name, namespace="ns") for name in kube.answers]
    given = namespace_components(kube, "ns")
    return components_of(kube, "api", pods, given)


def test_all_are_loaded() -> None:
    kube = Sidecars({"api-1": metadata("pubsub", "kubernetes"), "api-2": metadata("pubsub")})
    component(kube, "pubsub", ["api", "web"])
    component(kube, "of-others", ["web"])
    found = look(kube)
    assert found.as_result() == {"components": ["pubsub"], "components_missing": [], "components_why": ""}
    assert kube.asked[0] == ("api-1", 3501, "/v1.0/metadata")


def test_one_that_is_not_loaded_is_named_with_its_pod() -> None:
    kube = Sidecars({"api-1": metadata("pubsub"), "api-2": metadata()})
    component(kube, "pubsub")
    assert not_loaded("api", look(kube)) == [
        ("pubsub", "api: the sidecar of pod api-2 has not loaded component pubsub: restart the app")
    ]


def test_one_that_may_fail_is_only_listed() -> None:
    kube = Sidecars({"api-1": metadata()})
    component(kube, "pubsub", ignoreErrors=True)
    found = look(kube)
    assert found.as_result()["components_missing"] == ["pubsub"]
    assert not_loaded("api", found) == []


def test_what_may_not_be_asked_is_reported_and_nothing_is_concluded() -> None:
    kube = Sidecars({"api-1": None})
    component(kube, "pubsub")
    found = look(kube)
    assert found.as_result() == {
        "components": None, "components_missing": [], "components_why": "The credentials may not get pods/proxy.",
    }  # fmt: skip
    assert not_loaded("api", found) == []


def test_an_answer_that_is_no_metadata_is_reported() -> None:
    for answer in ((404, "not found"), (200, "<html>"), (200, "[]")):
        found = look(Sidecars({"api-1": answer}))
        assert found.loaded is None
        assert "pod api-1: its sidecar's metadata cannot be read" in found.why


def test_the_port_is_the_one_on_daprds_command_line() -> None:
    kube = Sidecars({"api-1": metadata()})
    one = pod("api-1", namespace="ns")
    one["spec"]["containers"][-1]["args"] = ["/daprd", "--dapr-public-port", "4501"]
    components_of(kube, "api", [one], ([], ""))
    assert kube.asked == [("api-1", 4501, "/v1.0/metadata")]
