"""Start, stop and look at a cluster of kind."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.cluster.build import charts
from tests.cluster.build.parts import CERT_MANAGER, CERT_MANAGER_CHART, DAPR, DAPR_CHART
from tests.cluster.engine import daemon, node_image
from tests.cluster.errors import ClusterError
from tests.cluster.kind import checks, database, images
from tests.cluster.kind.program import Program, find
from tests.cluster.locks import locked
from tests.cluster.node import pki
from tests.cluster.paths import BIN, CLUSTERS, cache
from tests.cluster.say import Step, say
from tests.cluster.state import PUBLIC_PORT, Cluster, exists, folder_of, load, save

DAPR_CHARTS = "https://dapr.github.io/helm-charts"
CERT_MANAGER_CHARTS = "oci://quay.io/jetstack/charts/cert-manager"
TRAEFIK_CHARTS, TRAEFIK_CHART = "oci://ghcr.io/traefik/helm/traefik", "41.3.0"  # as role ingress has them
_API_PORTS = range(36443, 36543)
_PUBLIC_PORTS = range(PUBLIC_PORT, PUBLIC_PORT + 100)
_HTTP_PORTS, _HTTPS_PORTS = range(32080, 32180), range(32443, 32543)
_WAIT_SECONDS = 600


def up(name: str, *, https: bool = False) -> Cluster:
    """Create the cluster and its database unless they are there, and load the stand-ins' images.

    Args:
        name: of the cluster.
        https: have inventories/local deploy Traefik and cert-manager; a cluster that has HTTPS goes on to.

    Raises:
        ClusterError: a tool is missing or fails, a cluster of that name is somebody else's, or has no port for HTTPS.
    """
    with locked(CLUSTERS / f".{name}.lock", f"cluster {name}"):
        step = Step()
        cluster, program = _known(name) if exists(name) else _new(name)
        cluster = _node(cluster, program)
        cluster = replace(cluster, https=cluster.https or https, node_ip=database.address_of(node(name), program))
        if cluster.https and not cluster.https_port:
            raise ClusterError(f"kind cluster {name} was made without a port for HTTPS: remove it with `make down`.")
        cluster = database.start(cluster, program)
        if cluster.https:
            pki.ensure_public_ca(cluster)
        save(cluster)
        images.ensure(program, https=cluster.https)
        images.load(cluster, program, str(program.inspect(node(name))["Id"]))
        _tools(https=cluster.https)
        say(f"kind cluster {name} is up: API server, public endpoint ({cluster.url}) and database answer ({step})")
    return cluster


def down(cluster: Cluster, *, purge: bool) -> None:
    """Remove the cluster, its database and the images that were built for it; with ``purge`` data and state too."""
    with locked(CLUSTERS / f".{cluster.name}.lock", f"cluster {cluster.name}"):
        program = program_of(cluster)
        if not program.is_ours or daemon.FOLDER.exists():  # else all that was in it is gone already
            _wake(program)
            if is_ours(cluster, program.inspect(node(cluster.name))):
                program.kind("delete", "cluster", "--name", cluster.name, "--kubeconfig", cluster.kubeconfig)
            database.remove(cluster.name, program, purge=purge)
            images.remove(program)
        if purge:
            shutil.rmtree(cluster.folder)
    say(f"kind cluster {cluster.name} is removed")


def remains(cluster: Cluster) -> list[str]:
    """A sentence for each thing that is there though the cluster was removed with its state."""
    program, name = program_of(cluster), database.container(cluster.name)
    nodes = program.run("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={cluster.name}").split()
    return [
        *(f"container {each} is there still" for each in nodes),
        *([f"container {name} is there still"] if program.inspect(name) else []),
        *([f"volume {name} is there still"] if program.there("volume", "inspect", name) else []),
        *(f"image {each} is there still" for each in images.built_here(program)),
        *([f"{cluster.folder} is there still"] if cluster.folder.exists() else []),
    ]


def running(cluster: Cluster) -> bool:
    """Whether the node's container runs."""
    program = program_of(cluster)
    if program.is_ours and not daemon.pid():
        return False
    found = program.inspect(node(cluster.name))
    return is_ours(cluster, found) and bool(found["State"]["Running"])


def execute(cluster: Cluster, command: list[str]) -> int:
    """Run a command in the node and return its exit code."""
    program = program_of(cluster)
    argv = [program.name, "exec", "--interactive", node(cluster.name), *command]
    return subprocess.run(argv, env=program.environment, check=False).returncode


def program_of(cluster: Cluster) -> Program:
    """The engine that the cluster was made with."""
    return Program(cluster.engine, cluster.engine_host)


def node(name: str) -> str:
    """The container that is the node."""
    return f"{name}-control-plane"


def is_ours(cluster: Cluster, container: dict[str, Any]) -> bool:
    """Whether a container is this cluster's node: its mark, a mount of the cluster's folder, says so at any moment."""
    return any(str(mount.get("Source", "")).endswith(str(_mark(cluster))) for mount in container.get("Mounts", []))


def configuration(cluster: Cluster, address: str, api_port: int, ports: Mapping[int, int]) -> dict[str, Any]:
    """One node; ``ports``: its ports that are ports of this machine. ``api_port`` 0: kind chooses one."""
    node = {
        "role": "control-plane",
        "extraPortMappings": [
            {"containerPort": inner, "hostPort": outer, "listenAddress": address} for inner, outer in ports.items()
        ],
        "extraMounts": [{"hostPath": str(_mark(cluster)), "containerPath": "/kind/todo-cloud", "readOnly": True}],
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"apiServerAddress": address, **({"apiServerPort": api_port} if api_port else {})},
        "nodes": [node],
    }


def create_arguments(cluster: Cluster, config: Path, image: str) -> list[str]:
    """How kind creates the cluster; without ``image`` from its own, which it pins by digest."""
    places = ["--config", str(config), "--kubeconfig", cluster.kubeconfig]
    return [
        *("create", "cluster", "--name", cluster.name, *places, "--wait", f"{_WAIT_SECONDS}s"),
        *(["--image", image] if image else []),
    ]


def _known(name: str) -> tuple[Cluster, Program]:
    cluster = load(name)
    program = program_of(cluster)
    _wake(program)
    return cluster, program


def _wake(program: Program) -> None:
    """The engine of `make engine` may have been stopped meanwhile."""
    if program.is_ours and not daemon.pid():
        daemon.start()


def _new(name: str) -> tuple[Cluster, Program]:
    """A cluster that is remembered before it is made, so that what a killed run leaves is known as ours."""
    program = find()
    checks.check(program, _address(program))
    if program.inspect(node(name)) or name in program.kind("get", "clusters").split():
        raise ClusterError(
            f"kind has a cluster {name} that this project did not make, and leaves alone: choose another name with "
            "TODO_CLOUD_CLUSTER=NAME."
        )
    folder = folder_of(name)
    url = f"postgresql://todo:{secrets.token_urlsafe(18)}@unknown:5432/todo"
    cluster = Cluster(name, "kind", -1, "", str(folder / "kubeconfig"), "", url, url, engine=program.name)
    cluster = replace(cluster, engine_host=program.host)
    save(cluster)
    return cluster, program


def _node(cluster: Cluster, program: Program) -> Cluster:
    """The cluster with its node running: a stopped one is started, a half-made one is made anew."""
    found = program.inspect(node(cluster.name))
    if found and not is_ours(cluster, found):
        raise ClusterError(
            f"Container {node(cluster.name)} was not made by this project, which leaves it alone: remove it, or choose "
            "another name with TODO_CLOUD_CLUSTER=NAME."
        )
    if found and _complete(cluster).exists():
        if not found["State"]["Running"]:
            program.run("start", node(cluster.name))
        _wait(cluster)
        return cluster
    step = Step()
    say(f"creating kind cluster {cluster.name} (half a minute; longer where the node's image is pulled first)")
    if found:
        program.kind("delete", "cluster", "--name", cluster.name)
    cluster = _create(cluster, program)
    say(f"kind cluster {cluster.name} created ({step})")
    return cluster


def _create(cluster: Cluster, program: Program) -> Cluster:
    address = _address(program)
    public, http, https = (_free_port(address, ports) for ports in (_PUBLIC_PORTS, _HTTP_PORTS, _HTTPS_PORTS))
    ports = {PUBLIC_PORT: public, 80: http, 443: https}  # the last two: what the node's address leads to Traefik
    api = _free_port(address, _API_PORTS) if program.is_ours else 0
    _complete(cluster).unlink(missing_ok=True)
    _mark(cluster).mkdir(parents=True, exist_ok=True)
    config = cluster.folder / "kind.json"
    config.write_text(json.dumps(configuration(cluster, address, api, ports), indent=1))
    program.kind(*create_arguments(cluster, config, image(program)))
    cluster = replace(cluster, url=f"http://{address}:{public}", http_port=http, https_port=https)
    save(cluster)
    _complete(cluster).touch()
    return cluster


def _wait(cluster: Cluster) -> None:
    """Wait until the API server answers.

    Raises:
        ClusterError: not within 600 s.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    argv = ["kubectl", f"--kubeconfig={cluster.kubeconfig}", "--request-timeout=5s", "get", "--raw=/readyz"]
    while subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"The API server of kind cluster {cluster.name} does not answer within {_WAIT_SECONDS} s."
            )
        time.sleep(0.5)


def image(program: Program) -> str:
    """The node's image: ``TODO_CLOUD_KIND_IMAGE``, else the one that `make engine` made, else kind's own choice."""
    return os.environ.get("TODO_CLOUD_KIND_IMAGE") or (node_image.ensure() if program.is_ours else "")


def _address(program: Program) -> str:
    """Where published ports answer on this machine."""
    return daemon.subnets().engine_ip if program.is_ours else "127.0.0.1"


def _free_port(address: str, ports: range) -> int:
    for port in ports:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address, port)) != 0:
                return port
    raise ClusterError(f"All ports from {ports[0]} to {ports[-1]} are taken at {address}: free one of them.")


def _mark(cluster: Cluster) -> Path:
    return cluster.folder / "mark"


def _complete(cluster: Cluster) -> Path:
    return cluster.folder / ".created"


def _tools(*, https: bool) -> None:
    """What the local inventory expects in the cache: helm, and the charts of the platform."""
    BIN.mkdir(parents=True, exist_ok=True)
    for tool in ("helm", "kubectl"):
        if not (BIN / tool).exists():
            (BIN / tool).unlink(missing_ok=True)
            (BIN / tool).symlink_to(str(shutil.which(tool)))
    _chart("Dapr", DAPR_CHART.place, ["dapr", "--repo", DAPR_CHARTS, "--version", DAPR])
    if https:
        _chart("cert-manager", CERT_MANAGER_CHART.place, [CERT_MANAGER_CHARTS, "--version", f"v{CERT_MANAGER}"])
        _chart("Traefik", charts.TRAEFIK_PLACE, [TRAEFIK_CHARTS, "--version", TRAEFIK_CHART])


def _chart(name: str, place: str, source: list[str]) -> None:
    """Unpack a published chart there, unless the parts of the local cluster have brought one."""
    chart = cache() / place
    if chart.exists():
        return
    chart.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chart.parent) as fresh:
        argv = [str(BIN / "helm"), "pull", *source, "--untar", "--untardir", fresh]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{name}'s chart cannot be had: {' '.join(done.stderr.split())[-300:]}")
        next(Path(fresh).glob("*/Chart.yaml")).parent.rename(chart)
