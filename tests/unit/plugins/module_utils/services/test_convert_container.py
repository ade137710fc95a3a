"""A container as values: variables, probes, resources."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_container import (
    Container,
    amount,
    container_values,
    env_values,
    number_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Group, Notes

from .conversions import deployment, is_credential

USUAL = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}


def container(port: int = 3000, **said: Any) -> Container:
    return Container({"name": "web", "image": "x", **said}, port, Group("web", deployment()), Notes(), is_credential)


def test_variables_by_where_they_come_from() -> None:
    one = container(env=[
        {"name": "PORT", "value": "3000"}, {"name": "A", "value": "1"}, {"name": "EMPTY"},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "c"}}},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ], envFrom=[
        {"secretRef": {"name": "all", "optional": True}, "prefix": "P_"}, {"configMapRef": {"name": "c"}},
    ])  # fmt: skip
    assert env_values(one) == {
        "env": {"A": "1", "EMPTY": ""},
        "secretEnv": {"S": {"secret": "db", "key": "url"}},
        "configEnv": {"C": {"configMap": "flags", "key": "c"}},
        "envFrom": [{"secret": "all", "prefix": "P_", "optional": True}, {"configMap": "c"}],
    }
    assert one.notes.unsaid == ["web: the variable NODE has its value from fieldRef."]


def test_another_port_in_the_environment_is_said() -> None:
    one = container(env=[{"name": "PORT", "value": "1"}])
    assert env_values(one) == {}
    assert one.notes.unsaid == ["web: PORT is always the service's port, 3000."]


@pytest.mark.parametrize(("probe", "values"), [
    ({"httpGet": {"path": "/x", "port": 3000}}, {"type": "http", "path": "/x"}),
    ({"httpGet": {"port": 9000, "scheme": "HTTPS"}}, {"type": "http", "path": "/", "port": 9000, "scheme": "HTTPS"}),
    ({"tcpSocket": {"port": 3000}, "periodSeconds": 5}, {"type": "tcp", "port": 3000, "periodSeconds": 5}),
    ({"grpc": {"port": 9, "service": "s"}}, {"type": "grpc", "port": 9, "service": "s"}),
    ({"exec": {"command": ["a", 1]}}, {"type": "exec", "command": ["a", "1"]}),
])  # fmt: skip
def test_probes(probe: dict[str, Any], values: dict[str, Any]) -> None:
    assert container(livenessProbe=probe).probes()["probes"]["liveness"] == values


def test_probes_that_are_not_said_follow_as_in_health() -> None:
    live = container(livenessProbe={"tcpSocket": {"port": 1}, "periodSeconds": 5}).probes()["probes"]
    assert live["startup"] == live["readiness"] == {"type": "tcp", "port": 1}
    ready = container(readinessProbe={"tcpSocket": {"port": 1}}).probes()["probes"]
    assert ready["liveness"] == ready["startup"] == {"type": "none"}, "nothing restarts that was not restarted"
    assert container().probes()["probes"]["readiness"] == {"type": "none"}
    assert container(port=0).probes() == {}


def test_resources_are_complete() -> None:
    asked = {"requests": {"cpu": "2"}, "limits": {"memory": 1000}}
    assert container(resources=asked).resources(USUAL) == {
        "requests": {"cpu": "2", "memory": "1000"}, "limits": {"cpu": "2", "memory": "1000"},
    }  # fmt: skip
    assert container().resources(USUAL) == USUAL


def test_a_container_beside_it_that_has_what_it_has() -> None:
    env, mounts = [{"name": "A", "value": "1"}], [{"name": "tmp", "mountPath": "/tmp"}]
    main = container(env=env, volumeMounts=mounts)
    other = {
        "name": "init",
        "image": "x",
        "env": [*env, {"name": "B", "value": "2"}],
        "volumeMounts": mounts,
        "tty": True,
    }
    assert container_values(other, main, USUAL) == {
        "name": "init", "env": {"B": "2"}, "likeService": True, "resources": USUAL,
    }  # fmt: skip
    assert main.notes.unsaid == ["web: tty of the container init."]


def test_ports_and_quantities() -> None:
    ports = {"ports": [{"name": "web", "containerPort": 80}]}
    assert [number_of(port, ports) for port in (1, "2", "web", "other")] == [1, 2, 80, 0]
    assert [amount(one) for one in ("100m", "2", "1Ki", "x")] == [0.1, 2, 1024, 0]
