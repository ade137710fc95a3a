"""The local cluster itself: a second one beside the test cluster comes up, works, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import state
from tests.cluster.node import cgroups, lifecycle
from tests.cluster.paths import BIN, TOP
from tests.support.patience import patience

NAME = "beside"
LIMIT_SECONDS = 60
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: default}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: c, image: "{image}", command: [sleep, "3600"]}}]
"""


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the cluster package, as people type it."""
    argv = [sys.executable, "-m", "tests.cluster", *arguments]
    return subprocess.run(argv, cwd=TOP, capture_output=True, text=True, timeout=patience(300), check=False)


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition holds and return what it gave."""
    deadline = time.monotonic() + patience(LIMIT_SECONDS)
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {patience(LIMIT_SECONDS):.0f} s: {what}"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def beside() -> Iterator[state.Cluster]:
    """A cluster of this module's own."""
    if state.exists(NAME):
        command("down", NAME, "--purge")
    done = command("up", NAME, "--kwok-nodes", "2")
    assert done.returncode == 0, done.stderr
    yield state.load(NAME)
    if state.exists(NAME):
        command("down", NAME, "--purge")


def kubectl(cluster: state.Cluster, *arguments: str, document: str | None = None) -> str:
    argv = [
        str(BIN / "kubectl"),
        f"--kubeconfig={cluster.kubeconfig}",
        f"--request-timeout={patience(60):.0f}s",
        *arguments,
    ]
    done = subprocess.run(argv, input=document, capture_output=True, text=True, timeout=patience(150), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_pod(cluster: state.Cluster, name: str, image: str) -> None:
    kubectl(cluster, "apply", "--filename=-", document=POD.format(name=name, image=image))


@pytest.fixture(scope="module")
def pod(beside: state.Cluster) -> str:
    """A running pod with a shell."""
    start_pod(beside, "shell", "docker.io/library/busybox:1.36")
    kubectl(beside, "wait", "pod/shell", "--for=condition=Ready", f"--timeout={patience(LIMIT_SECONDS):.0f}s")
    return "shell"


def test_clusters_side_by_side_share_no_address(beside: state.Cluster) -> None:
    others = [entry for entry in state.known() if entry.name != NAME and entry.provider == "local"]

    assert os.environ["TODO_CLOUD_TEST_CLUSTER"] in {entry.name for entry in others}
    assert beside.node_ip not in {entry.node_ip for entry in others}
    assert all(lifecycle.pid(entry) for entry in others if entry.name == os.environ["TODO_CLOUD_TEST_CLUSTER"])


def test_up_again_changes_nothing(beside: state.Cluster) -> None:
    before = lifecycle.pid(beside)
    done = command("up", NAME)

    assert done.returncode == 0, done.stderr
    assert f"cluster {NAME} is up already" in done.stdout
    assert lifecycle.pid(beside) == before


def test_names_inside_resolve_and_names_outside_do_not(beside: state.Cluster, pod: str) -> None:
    inside = kubectl(beside, "exec", pod, "--", "nslookup", "kubernetes.default.svc.cluster.local")
    outside = kubectl(beside, "exec", pod, "--", "sh", "-c", "nslookup example.com || true")

    assert beside.subnets.api_ip in inside
    assert "NXDOMAIN" in outside


def test_nothing_leads_out(beside: state.Cluster) -> None:
    routes = subprocess.run(
        [sys.executable, "-m", "tests.cluster", "exec", NAME, "--", "ip", "route", "show", "default"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    )

    assert routes.stdout.strip() == "unreachable default"


def test_a_missing_tag_is_not_found(beside: state.Cluster) -> None:
    start_pod(beside, "missing", "ghcr.io/todo-app/frontend:v0.0.0-nowhere")

    def failed_pull() -> str:
        events = json.loads(kubectl(beside, "get", "events", "--field-selector=involvedObject.name=missing", "-o=json"))
        return next((item["message"] for item in events["items"] if item["reason"] == "Failed"), "")

    assert "not found" in until(failed_pull, "an event that says the pull failed")


def test_the_database_answers_to_machine_and_pods(beside: state.Cluster, pod: str) -> None:
    with psycopg.connect(beside.database_url) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == ("todo", "todo")

    # What a PostgreSQL server answers to an SSLRequest (message formats of the protocol, 3.x): one byte, N or S.
    ask = rf"printf '\000\000\000\010\004\322\026\057' | nc -w 20 {beside.node_ip} 5432 | head -c 1"
    assert kubectl(beside, "exec", pod, "--", "sh", "-c", ask) in ("N", "S")


def test_fake_nodes_run_pods(beside: state.Cluster) -> None:
    toleration = {"key": "kwok.x-k8s.io/node", "operator": "Exists"}
    spec = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [toleration],
        "containers": [{"name": "c", "image": "example.test/none:1"}],
    }
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fake", "namespace": "default"}, "spec": spec}
    kubectl(beside, "apply", "--filename=-", document=json.dumps(document))
    kubectl(beside, "wait", "pod/fake", "--for=condition=Ready", f"--timeout={patience(LIMIT_SECONDS):.0f}s")

    node = kubectl(beside, "get", "pod/fake", "--output=jsonpath={.spec.nodeName}")
    assert node.startswith("kwok-")
    lease = ("get", "lease", node, "--namespace=kube-node-lease", "--ignore-not-found", "--output=jsonpath={.spec}")
    until(lambda: "renewTime" in kubectl(beside, *lease), "a heartbeat: else the node is not ready after a minute")


def test_a_killed_node_takes_everything_with_it_and_comes_back_with_its_state(beside: state.Cluster) -> None:
    kubectl(beside, "create", "configmap", "kept", "--namespace=default", "--from-literal=a=b")
    first = lifecycle.pid(beside)
    assert first
    inside = namespace(first)
    assert len(processes_in(inside)) > 9
    os.kill(first, signal.SIGKILL)
    until(lambda: not processes_in(inside), "all processes of the node gone")

    done = command("up", NAME)

    assert done.returncode == 0, done.stderr
    assert kubectl(beside, "get", "configmap", "kept", "--namespace=default", "--output=jsonpath={.data.a}") == "b"
    with psycopg.connect(beside.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_down_leaves_nothing(beside: state.Cluster) -> None:
    inside = namespace(lifecycle.pid(beside) or 0)
    done = command("down", NAME, "--purge")

    assert done.returncode == 0, done.stderr
    assert inside
    assert not (Path("/sys/class/net") / beside.subnets.veth).exists()
    assert not processes_in(inside)
    assert not [folder for folder in cgroups.folders(beside.cgroup) if folder.exists()]
    assert beside.subnets.overlap(state.machine_routes()) is None
    assert not beside.folder.exists()


def namespace(process: int | str) -> str:
    """The mount namespace of a process: the node's programs share one, container shims included."""
    try:
        return os.readlink(f"/proc/{process}/ns/mnt")
    except OSError:  # it has ended
        return ""


def processes_in(wanted: str) -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and namespace(entry.name) == wanted]
