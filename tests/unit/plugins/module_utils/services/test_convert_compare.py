"""Two sets of objects say the same, or it is said where they do not."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compare import compared, source_of

from .conversions import INGRESS, SERVICE, deployment, item


def changed(**container: Any) -> list[dict[str, Any]]:
    return [deployment(container), SERVICE]


def test_the_same_by_other_names() -> None:
    other = copy.deepcopy(changed())
    other[0]["metadata"] = {"name": "web", "labels": {"app.kubernetes.io/name": "web"}}
    other[0]["spec"]["selector"] = {"matchLabels": {"app.kubernetes.io/name": "web"}}
    other[0]["spec"]["template"]["metadata"]["labels"] = {"team": "a", "app.kubernetes.io/name": "web"}
    other[1]["spec"]["selector"] = {"app.kubernetes.io/name": "web"}
    assert compared(changed(), other).same


def test_named_ports_defaults_and_order_do_not_count() -> None:
    one = changed(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                  livenessProbe={"httpGet": {"port": "web"}, "periodSeconds": 10})  # fmt: skip
    other = changed(env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}], imagePullPolicy="IfNotPresent",
                    livenessProbe={"httpGet": {"port": 3000, "scheme": "HTTP"}})  # fmt: skip
    found = compared(one, other)
    assert (found.same, found.added) == (True, [])


def test_what_is_lost_changed_and_added() -> None:
    found = compared([*changed(tty=True, workingDir="/a"), INGRESS], changed(workingDir="/b", stdin=True))
    where = "Deployment.spec.template.spec.containers.the service"
    assert found.lost == [f"{where}.tty", "Ingress"]
    assert found.changed == [f"{where}.workingDir: /a -> /b"]
    assert found.added == [f"{where}.stdin"]
    assert not found.same


def test_values_of_variables_are_not_shown() -> None:
    found = compared(changed(env=[{"name": "A", "value": "hunter2"}]), changed(env=[{"name": "A", "value": "x"}]))
    assert found.changed == ["Deployment.spec.template.spec.containers.the service.env.A"]


def test_a_credential_that_moved_into_a_secret_is_the_same() -> None:
    ref = {"secretKeyRef": {"name": "web", "key": "A"}}
    assert compared(changed(env=[{"name": "A", "value": "x"}]), changed(env=[{"name": "A", "valueFrom": ref}])).same


def test_objects_by_service() -> None:
    found = source_of([*changed(), item("ConfigMap", "x")])
    assert {name: [one["kind"] for one in objects] for name, objects in found.items()} == {
        "web": ["Deployment", "Service"]
    }
