"""The frontend between 2 and 4 pods: more load, less load, the most, a deployment amid it, a full node, no metrics.

Prints its figures (pytest -s). The tests build on one another, in their order; the rate at which two pods are just not
too few is found first.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.autoscaling.load import Load
from tests.e2e.conftest import NAMESPACE, TOP, Cluster, PlaybookRun, until

SERVICE = "frontend"
LEAST, MOST, TARGET_PERCENT = 2, 4, 60
# Short windows, so that this takes minutes.
SCALE = {"min": LEAST, "max": MOST, "cpu": TARGET_PERCENT, "down": {"after": 30, "pods": 1, "every": 15}}
SERVING_SECONDS = 120  # the requirement: more pods serve by then at twice the load
FULL = "another"  # namespace of what fills the node


class Site:
    """The cluster, with an inventory in which the frontend has an autoscaler."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.inventory = cluster, str(folder / "local")
        shutil.copytree(TOP / "inventories", folder, dirs_exist_ok=True)
        hosts = folder / "local/host_vars/frontend.yml"
        said = yaml.safe_load(hosts.read_text())
        said["service"]["scale"] = SCALE
        hosts.write_text(yaml.safe_dump(said))

    def playbook(self, name: str, *arguments: str) -> PlaybookRun:
        return self.cluster.playbook(name, *arguments, inventory=self.inventory)

    def status(self) -> str:
        """What status.yml says, with single blanks: lines are wrapped."""
        return " ".join(self.playbook("playbooks/status.yml").ok().output.split())

    def scaler(self) -> dict[str, Any]:
        return dict(self.cluster.get("hpa", SERVICE))

    def percent(self) -> int:
        """The CPU of the frontend's containers as the autoscaler has it, of their request; 0 without metrics."""
        found = self.scaler()["status"].get("currentMetrics") or [{}]
        current = (found[0].get("containerResource") or {}).get("current") or {}
        return int(current.get("averageUtilization") or 0)

    def condition(self, kind: str) -> dict[str, str]:
        found = self.scaler()["status"].get("conditions") or []
        return next((each for each in found if each["type"] == kind), {"status": "", "reason": ""})

    def metrics_answer(self) -> bool:
        """As the API server has it, which looks every 30 s."""
        found = json.loads(self.cluster.kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "json"))
        conditions = found.get("status", {}).get("conditions") or []
        return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)

    def replicas(self) -> int:
        return int(self.cluster.get("deployment", SERVICE)["spec"]["replicas"])

    def serving(self) -> int:
        """Pods that the Service leads to."""
        slices = self.cluster.get("endpointslices", selector=f"kubernetes.io/service-name={SERVICE}")
        ends = [end for each in slices for end in each.get("endpoints") or []]
        return sum(bool(end["conditions"].get("ready")) for end in ends)

    @contextmanager
    def counts(self) -> Iterator[Callable[[], list[int]]]:
        """Every replica count that the Deployment is given meanwhile."""
        form = 'jsonpath={.spec.replicas}{"\\n"}'
        argv = ["kubectl", "get", "deployment", SERVICE, "-n", NAMESPACE, "--watch", "-o", form]
        with subprocess.Popen(argv, env=self.cluster.environ, stdout=subprocess.PIPE, text=True) as watch:
            seen: list[int] = []

            def all_of_them() -> list[int]:
                watch.terminate()
                seen.extend(int(line) for line in watch.communicate()[0].split())
                return seen

            try:
                yield all_of_them
            finally:
                watch.kill()


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(cluster, tmp_path_factory.mktemp("inventories"))
    site.playbook("site.yml").ok()
    return site


@pytest.fixture(scope="module")
def load(site: Site) -> Iterator[Load]:
    with Load(str(site.cluster.facts["url"])) as load:
        yield load


@pytest.fixture(scope="module")
def threshold(site: Site, load: Load) -> float:
    """Pages a second that two pods are just enough for."""
    load.rate = 8
    for _attempt in range(6):
        time.sleep(45)  # two looks of the metrics server, and one of the autoscaler
        percent = site.percent()
        print(f"\n{load.rate:.0f} pages a second: {percent} % of the request, {site.replicas()} pods", flush=True)
        if percent and 0.75 * TARGET_PERCENT <= percent * site.replicas() / LEAST <= 1.05 * TARGET_PERCENT:
            break
        load.rate *= max(0.3, min(3.0, 0.9 * TARGET_PERCENT * LEAST / (max(percent, 5) * site.replicas())))
    found = load.rate
    until(lambda: site.replicas() == LEAST, 240, "two pods again", interval=1)
    return found


def settled(site: Site, load: Load) -> None:
    load.rate = 0
    until(lambda: site.replicas() == LEAST == site.serving(), 300, "two pods again", interval=1)


def test_the_role_deployed_the_metrics_server(site: Site) -> None:
    assert site.cluster.get("deployment", "metrics-server", namespace="metrics-server")
    assert "node1" in site.cluster.kubectl("top", "nodes")
    again = site.playbook("site.yml").ok()
    assert again.count("changed") == 0, again.output
    assert "metrics_server: as described" in again.output
    until(lambda: site.percent() > 0, 90, "metrics of the frontend", interval=1)
    assert f"autoscaler frontend: {LEAST} pods now, {LEAST} to {MOST}" in site.status()


def test_twice_the_load_gets_more_pods_and_none_of_it_is_lost_on_the_way_back(
    site: Site, load: Load, threshold: float
) -> None:
    began, load.rate = time.monotonic(), 2 * threshold
    until(lambda: site.serving() > LEAST, SERVING_SECONDS, "more pods serve", interval=0.5)
    print(f"\ntwice the load ({load.rate:.0f} a second): {site.serving()} serve after {time.monotonic() - began:.0f} s")
    until(lambda: site.serving() == site.replicas() > LEAST, 120, "all of them serve", interval=0.5)
    load.streams += 12  # of which some go to the new pods
    time.sleep(5)
    began = time.monotonic()
    settled(site, load)
    print(f"load off: {LEAST} pods after {time.monotonic() - began:.0f} s; {load}")
    until(lambda: load.reconnects > 0, 60, "streams of the pods that go end in order and come back")
    assert load.failures == []


def test_at_the_maximum_it_is_said_no_more_are_made_and_a_deployment_keeps_the_count(
    site: Site, load: Load, threshold: float
) -> None:
    load.rate = 8 * threshold
    most = f"it is at its maximum of {MOST} pods, and the load asks for more"
    with site.counts() as counts:
        until(lambda: site.condition("ScalingLimited")["reason"] == "TooManyReplicas", 240, "the most", interval=1)
        until(lambda: site.serving() == MOST, 120, "all serve", interval=1)
        said = (
            f"HorizontalPodAutoscaler {SERVICE}: {most}",
            f"autoscaler {SERVICE}: {MOST} pods now, {LEAST} to {MOST}",
        )
        until(lambda: all(map(site.status().__contains__, said)), 120, "status says both", interval=2)
        assert max(counts()) == MOST
    with site.counts() as counts:
        done = site.playbook("playbooks/services.yml", "-e", "frontend_version=v1.1.0").ok()
        assert set(counts()) == {MOST}, "the deployment keeps what the autoscaler chose"
    assert site.cluster.image_of(SERVICE).endswith(":v1.1.0")
    assert most in " ".join(done.output.split())
    print(f"\nat the maximum, and through a deployment of {done.seconds:.0f} s: {load}")
    settled(site, load)
    assert load.failures == []


def test_a_full_node_is_said_and_the_pods_come_when_there_is_room(site: Site, load: Load, threshold: float) -> None:
    with filled(site.cluster):
        load.rate = 2 * threshold
        until(lambda: site.replicas() > LEAST, 240, "the autoscaler asks for more", interval=1)
        said = "cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu"
        until(lambda: said in site.status(), 60, "status.yml names the full node", interval=2)
        assert site.serving() == LEAST
    until(lambda: site.serving() > LEAST, 120, "they start by themselves", interval=1)
    print(f"\nfull node, then room: {load}")
    settled(site, load)
    assert load.failures == []


def test_without_the_metrics_server_a_deployment_passes_and_says_so(site: Site, load: Load) -> None:
    site.cluster.kubectl("scale", "deployment/metrics-server", "-n", "metrics-server", "--replicas=0")
    until(lambda: site.condition("ScalingActive")["reason"].startswith("FailedGet"), 180, "no metrics", interval=1)
    until(lambda: not site.metrics_answer(), 180, "the API server has noticed it, too", interval=1)
    before = site.playbook("playbooks/preflight.yml", "-e", "frontend_version=v1.0.0").ok()
    said = " ".join(before.output.split()).replace("''", "'")  # as YAML writes it
    assert "needs the cluster's metrics server, which does not answer" in said
    with site.counts() as counts:
        done = site.playbook("site.yml", "-e", "frontend_version=v1.0.0").ok()
        assert set(counts()) == {LEAST}
    assert site.cluster.image_of(SERVICE).endswith(":v1.0.0")
    text = " ".join(done.output.split())
    assert "The metrics server in namespace metrics-server answers for no node, so services with an autoscaler" in text
    assert "it gets no metrics, so it does not scale" in text
    assert "it gets no metrics, so it does not scale" in site.status()
    print(f"\nwithout metrics: site.yml with a change takes {done.seconds:.0f} s")
    site.cluster.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io")
    site.cluster.kubectl("scale", "deployment/metrics-server", "-n", "metrics-server", "--replicas=1")
    site.playbook("playbooks/platform.yml").ok()
    until(lambda: site.condition("ScalingActive")["status"] == "True", 180, "metrics again", interval=1)
    assert load.failures == []


@contextmanager
def filled(cluster: Cluster) -> Iterator[None]:
    """A pod that asks for all the CPU of the node that is left."""
    node = cluster.get("nodes", "node1")
    pods = json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))["items"]
    used = sum(
        millicores(container.get("resources", {}).get("requests", {}).get("cpu", "0"))
        for pod in pods
        if pod["status"]["phase"] in ("Running", "Pending") and "deletionTimestamp" not in pod["metadata"]
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
    )
    left = millicores(node["status"]["allocatable"]["cpu"]) - used
    image = cluster.get("deployment", SERVICE)["spec"]["template"]["spec"]["containers"][0]["image"]
    cluster.kubectl("create", "namespace", FULL)
    try:
        filler = {"containers": [{"name": "x", "image": image, "resources": {"requests": {"cpu": f"{left}m"}},
                                  "command": ["python3", "-c", "import time; time.sleep(9999)"]}],
                  "terminationGracePeriodSeconds": 0}  # fmt: skip
        overrides = json.dumps({"spec": filler})
        cluster.kubectl("run", "x", "-n", FULL, f"--image={image}", f"--overrides={overrides}")
        until(lambda: cluster.get("pods", "x", namespace=FULL)["spec"].get("nodeName"), 90, "the node is full")
        yield
    finally:
        cluster.kubectl("delete", "namespace", FULL, "--wait=false")
        cluster.kubectl("delete", "pod", "x", "-n", FULL, "--ignore-not-found", "--grace-period=0", "--force")


def millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)
