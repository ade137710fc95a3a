"""The command lines of the kind provider, which has not been run by us from end to end."""

from __future__ import annotations

import yaml

from tests.cluster import kind
from tests.cluster.state import PUBLIC_PORT


def test_create() -> None:
    assert kind.create_command("local", "/cache/kubeconfig") == [
        "kind",
        "create",
        "cluster",
        "--name",
        "local",
        "--config",
        str(kind.CONFIG),
        "--kubeconfig",
        "/cache/kubeconfig",
        "--wait",
        "120s",
    ]


def test_the_public_endpoint_is_a_port_of_the_machine() -> None:
    (node,) = yaml.safe_load(kind.CONFIG.read_text())["nodes"]

    assert node["extraPortMappings"] == [
        {"containerPort": PUBLIC_PORT, "hostPort": PUBLIC_PORT, "listenAddress": "127.0.0.1"}
    ]


def test_an_image_is_built_under_its_real_name() -> None:
    argv = kind.build_command("backend-api", "v1.1.0", "crash")

    assert argv[:3] == ["docker", "build", "--quiet"]
    assert argv[3:-1] == [
        "--build-arg",
        "SERVICE=backend-api",
        "--build-arg",
        "VERSION=v1.1.0-crash",
        "--build-arg",
        "FAULT=crash",
        "--tag",
        "ghcr.io/todo-app/backend-api:v1.1.0-crash",
    ]
    assert argv[-1].endswith("examples/todo-app")


def test_all_services_in_both_versions_and_the_broken_ones() -> None:
    names = [kind.reference(*image) for image in kind.app_images()]

    assert len(names) == len(set(names)) == 15
    assert "ghcr.io/todo-app/sse-gateway:v1.1.0" in names


def test_the_database_s_password_is_not_on_the_command_line() -> None:
    argv = kind.database_command("local")

    assert argv[:4] == ["docker", "run", "--detach", "--name"]
    assert argv[argv.index("POSTGRES_PASSWORD") - 1] == "--env"
    assert argv[argv.index("--network") : argv.index("--network") + 2] == ["--network", "kind"]
