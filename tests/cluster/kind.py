"""The same cluster by kind, where Docker is. Its command lines are unit-tested; we have not run it from end to end.

Images are built by Docker and loaded into the node; PostgreSQL is a container on kind's network; Kafka's and Dapr's
images are the published ones, pulled by the node.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.build.images import APPS, FAULTS, SERVICES, VERSIONS
from tests.cluster.build.parts import DAPR, DAPR_CHART
from tests.cluster.errors import ClusterError
from tests.cluster.paths import BIN, HERE, cache
from tests.cluster.say import Step, say
from tests.cluster.state import PUBLIC_PORT, Cluster, folder_of, save

CONFIG = HERE / "kind.yaml"
POSTGRES = "docker.io/library/postgres:15"
DAPR_CHARTS = "https://dapr.github.io/helm-charts"
_DATABASE_LIMIT_SECONDS = 60


def usable() -> bool:
    """Whether kind is installed and Docker answers."""
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def up(name: str, known: Cluster | None) -> Cluster:
    """Create the kind cluster and its database unless they are there, and load the stand-ins' images.

    Raises:
        ClusterError: a tool is missing or fails.
    """
    for tool in ("docker", "kind", "kubectl", "helm"):
        if not shutil.which(tool):
            raise ClusterError(
                f"LOCAL_CLUSTER=kind needs {tool}: install it, or use LOCAL_CLUSTER=local (Linux, as root)."
            )
    step = Step()
    folder_of(name).mkdir(parents=True, exist_ok=True)
    kubeconfig = str(folder_of(name) / "kubeconfig")
    if name not in _run(["kind", "get", "clusters"]).split():
        _run(create_command(name, kubeconfig))
        say(f"kind cluster {name} created ({step})")
    cluster = known or _new(name, kubeconfig)
    save(cluster)  # the password is kept before the database is made with it
    if not _run(["docker", "ps", "--quiet", "--filter", f"name=^{_database(name)}$"]):
        password = urlsplit(cluster.database_url).password or ""
        _run(["docker", "rm", "--force", _database(name)])
        _run(database_command(name), {"POSTGRES_PASSWORD": password})
    _wait_for_database(name)
    cluster = _with_addresses(cluster)
    save(cluster)
    _tools()
    say(f"kind cluster {name} is up ({step})")
    return cluster


def build_images() -> None:
    """Build the stand-ins' images; Docker's own cache makes an unchanged one cheap."""
    step = Step()
    for service, version, fault in app_images():
        _run(build_command(service, version, fault))
    say(f"images built by Docker ({step})")


def load_images(name: str) -> None:
    """Load the stand-ins' images into the node."""
    step = Step()
    _run(["kind", "load", "docker-image", "--name", name, *(reference(*image) for image in app_images())])
    say(f"images loaded into kind cluster {name} ({step})")


def load_archive(name: str, archive: Path) -> None:
    """Load the images of a ``docker save`` archive into the node."""
    _run(["kind", "load", "image-archive", "--name", name, str(archive)])


def down(name: str, *, purge: bool) -> None:
    """Remove the kind cluster and its database container; with ``purge`` the database's volume and the state too."""
    _run(["kind", "delete", "cluster", "--name", name])
    _run(["docker", "rm", "--force", _database(name)])
    if purge:
        _run(["docker", "volume", "rm", "--force", _database(name)])
        shutil.rmtree(folder_of(name))
    say(f"kind cluster {name} is removed")


def running(name: str) -> bool:
    """Whether the node's container runs."""
    return bool(_run(["docker", "ps", "--quiet", "--filter", f"name=^{node(name)}$"]))


def app_images() -> list[tuple[str, str, str]]:
    """Service, version and fault of every stand-in image."""
    sound = [(service, version, "") for service in SERVICES for version in VERSIONS]
    return [*sound, *(("backend-api", VERSIONS[-1], fault) for fault in FAULTS)]


def reference(service: str, version: str, fault: str) -> str:
    """The image's name as the cluster pulls it."""
    return f"ghcr.io/todo-app/{service}:{version}{f'-{fault}' if fault else ''}"


def build_command(service: str, version: str, fault: str) -> list[str]:
    """How Docker builds one stand-in image."""
    tag = reference(service, version, fault)
    arguments = [f"SERVICE={service}", f"VERSION={tag.rpartition(':')[2]}", f"FAULT={fault}"]
    return [
        "docker",
        "build",
        "--quiet",
        *(word for value in arguments for word in ("--build-arg", value)),
        "--tag",
        tag,
        str(APPS),
    ]


def create_command(name: str, kubeconfig: str) -> list[str]:
    """How kind creates the cluster; the public endpoint is port 30080 of the node and of this machine."""
    return [
        "kind",
        "create",
        "cluster",
        "--name",
        name,
        "--config",
        str(CONFIG),
        "--kubeconfig",
        kubeconfig,
        "--wait",
        "120s",
    ]


def database_command(name: str) -> list[str]:
    """How PostgreSQL runs beside the cluster; its password comes by the environment."""
    options = ["--detach", "--name", _database(name), "--network", "kind", "--restart", "unless-stopped"]
    variables = ["--env", "POSTGRES_USER=todo", "--env", "POSTGRES_DB=todo", "--env", "POSTGRES_PASSWORD"]
    return ["docker", "run", *options, *variables, "--volume", f"{_database(name)}:/var/lib/postgresql/data", POSTGRES]


def node(name: str) -> str:
    """The container that is the node."""
    return f"{name}-control-plane"


def _database(name: str) -> str:
    return f"todo-cloud-{name}-postgres"


def _new(name: str, kubeconfig: str) -> Cluster:
    url = f"postgresql://todo:{secrets.token_urlsafe(18)}@unknown:5432/todo"
    return Cluster(name, "kind", -1, "", kubeconfig, "", url, url, url=f"http://127.0.0.1:{PUBLIC_PORT}")


def _with_addresses(cluster: Cluster) -> Cluster:
    """The cluster with the addresses that Docker gave to its containers."""
    database = _address(_database(cluster.name))
    password = urlsplit(cluster.database_url).password
    url = f"postgresql://todo:{password}@{database}:5432/todo"
    return replace(
        cluster, node_ip=_address(node(cluster.name)), database_ip=database, database_url=url, database_url_admin=url
    )


def _address(container: str) -> str:
    found = json.loads(_run(["docker", "inspect", container]))[0]["NetworkSettings"]["Networks"]["kind"]["IPAddress"]
    return str(found)


def _wait_for_database(name: str) -> None:
    deadline = time.monotonic() + _DATABASE_LIMIT_SECONDS
    argv = ["docker", "exec", _database(name), "pg_isready", "--username=todo", "--dbname=todo", "--host=127.0.0.1"]
    while subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"PostgreSQL in container {_database(name)} does not answer: see `docker logs {_database(name)}`."
            )
        time.sleep(0.5)


def _tools() -> None:
    """What the local inventory expects in the cache: helm, and Dapr's chart."""
    BIN.mkdir(parents=True, exist_ok=True)
    for tool in ("helm", "kubectl"):
        if not (BIN / tool).exists():
            (BIN / tool).unlink(missing_ok=True)
            (BIN / tool).symlink_to(str(shutil.which(tool)))
    chart = cache() / DAPR_CHART.place
    if not chart.exists():
        fresh = chart.with_suffix(".new")
        source = ["dapr", "--repo", DAPR_CHARTS, "--version", DAPR]
        _run(["helm", "pull", *source, "--untar", "--untardir", str(fresh)])
        (fresh / "dapr").rename(chart)


def _run(argv: Sequence[str], more: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, env={**os.environ, **(more or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(argv[:3])}` failed: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout.strip()
