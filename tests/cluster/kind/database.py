"""PostgreSQL beside the cluster, as a managed database is: a container on kind's network."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit

from tests.cluster.errors import ClusterError
from tests.cluster.kind.program import Program
from tests.cluster.state import Cluster

POSTGRES = "docker.io/library/postgres:15"
DIGEST = "sha256:9b1d34adbce1dd07ee6e94b4a2cf698884b89bd44a6c9c12f5da8f3acbfe4957"  # 15.19, of all platforms
_LIMIT_SECONDS = 600


def start(cluster: Cluster, program: Program) -> Cluster:
    """Start the database unless it runs; returns the cluster with its address.

    Raises:
        ClusterError: it does not answer within 600 s.
    """
    name = container(cluster.name)
    if not program.inspect(name).get("State", {}).get("Running"):
        password = urlsplit(cluster.database_url).password or ""
        _remove_container(name, program)
        program.run(*arguments(cluster.name, image(program)), more={"POSTGRES_PASSWORD": password})
    _wait(name, program)
    address = address_of(name, program)
    url = f"postgresql://todo:{urlsplit(cluster.database_url).password}@{address}:5432/todo"
    return replace(cluster, database_ip=address, database_url=url, database_url_admin=url)


def remove(name: str, program: Program, *, purge: bool) -> None:
    """Remove the container; with ``purge`` its data too."""
    _remove_container(container(name), program)
    if purge and program.there("volume", "inspect", container(name)):
        program.run("volume", "rm", container(name))


def container(name: str) -> str:
    """The container, and the volume with its data."""
    return f"todo-cloud-{name}-postgres"


def image(program: Program) -> str:
    """The published image by digest; in the engine of `make engine` the image of our own that has its name."""
    return POSTGRES if program.is_ours else f"{POSTGRES}@{DIGEST}"


def arguments(name: str, image: str) -> list[str]:
    """How PostgreSQL runs; its password comes by the environment."""
    options = ["--detach", "--name", container(name), "--network", "kind", "--restart", "unless-stopped"]
    variables = ["--env", "POSTGRES_USER=todo", "--env", "POSTGRES_DB=todo", "--env", "POSTGRES_PASSWORD"]
    return ["run", *options, *variables, "--volume", f"{container(name)}:/var/lib/postgresql/data", image]


def address_of(name: str, program: Program) -> str:
    """A container's address on kind's network."""
    return str(program.inspect(name)["NetworkSettings"]["Networks"]["kind"]["IPAddress"])


def _remove_container(name: str, program: Program) -> None:
    if program.inspect(name):
        program.run("rm", "--force", name)


def _wait(name: str, program: Program) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    asked = ("exec", name, "pg_isready", "--username=todo", "--dbname=todo", "--host=127.0.0.1")
    while not program.there(*asked):
        if time.monotonic() > deadline:
            raise ClusterError(f"PostgreSQL in container {name} does not answer: see `{program.name} logs {name}`.")
        time.sleep(0.5)
