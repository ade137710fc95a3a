"""The application as its users and its team meet it: deployed by the playbooks, used through its public endpoint."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.environ import clean_environ
from tests.support.patience import patience

TOP = Path(__file__).resolve().parents[2]
NAMESPACE = "todo-local"
PLAYBOOK_LIMIT_SECONDS = 900


@dataclass(frozen=True)
class PlaybookRun:
    """What one run of ansible-playbook did: exit code, output, and the counts of its recap summed over hosts."""

    code: int
    output: str
    seconds: float

    def count(self, what: str) -> int:
        """The sum of one recap column (``changed``, ``failed``, ...) over all hosts."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return sum(int(n) for n in re.findall(rf"\b{what}=(\d+)", recap))

    def ok(self) -> PlaybookRun:
        """This run, which must have succeeded; its tail is shown otherwise."""
        assert self.code == 0, self.output[-6000:]
        return self


@dataclass(frozen=True)
class Cluster:
    """The test cluster and the commands that are run against it."""

    name: str
    kubeconfig: str
    facts: dict[str, Any]

    @property
    def public_ip(self) -> str:
        """Where the public endpoints answer."""
        return str(urlsplit(self.facts["url"]).hostname)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **clean_environ(),
            "TODO_CLOUD_CLUSTER": self.name,
            "KUBECONFIG": self.kubeconfig,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
        }

    def run(self, *argv: str, cwd: Path = TOP, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        """``timeout``: seconds, see patience."""
        return subprocess.run(
            argv,
            cwd=cwd,
            env={**self.environ, **env},
            text=True,
            timeout=patience(timeout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def playbook(
        self, name: str, *args: str, cwd: Path = TOP, inventory: str = "inventories/local", **env: str
    ) -> PlaybookRun:
        begun, limit = time.monotonic(), PLAYBOOK_LIMIT_SECONDS
        done = self.run("ansible-playbook", name, "-i", inventory, *args, cwd=cwd, timeout=limit, **env)
        return PlaybookRun(done.returncode, done.stdout, time.monotonic() - begun)

    def kubectl(self, *args: str) -> str:
        done = subprocess.run(
            ["kubectl", f"--request-timeout={patience(60):.0f}s", *args],
            env=self.environ,
            text=True,
            timeout=patience(120),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def get(self, kind: str, name: str = "", namespace: str = NAMESPACE, selector: str = "") -> Any:
        """One object, or the list of objects, of a kind as the API server has it now."""
        args = [
            "get",
            kind,
            *([name] if name else []),
            "-n",
            namespace,
            *(["-l", selector] if selector else []),
            "-o",
            "json",
        ]
        found = json.loads(self.kubectl(*args))
        return found if name else found["items"]

    def pods(self, release: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """The pods of a release that are not being deleted."""
        found = self.get("pods", namespace=namespace, selector=f"app.kubernetes.io/instance={release}")
        return [p for p in found if not p["metadata"].get("deletionTimestamp")]

    def count_of(self, prefix: str, namespace: str) -> int:
        """How many pods of a namespace have names that begin so."""
        return sum(p["metadata"]["name"].startswith(prefix) for p in self.get("pods", namespace=namespace))

    def image_of(self, release: str) -> str:
        """The image that a release's pods are to run, as it is named; the digest beside the tag is left out."""
        image = str(self.get("deployment", release)["spec"]["template"]["spec"]["containers"][0]["image"])
        return image.partition("@")[0]


INJECTOR, DAPR = "dapr-sidecar-injector", "dapr-system"


@contextlib.contextmanager
def without_injector(app: Cluster, policy: str = "Fail") -> Iterator[None]:
    """Dapr's injector has no pods; at the end it is ready. ``policy``: what its webhook says about that."""

    def say(failure_policy: str) -> None:
        patch = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": failure_policy}]
        app.kubectl("patch", "mutatingwebhookconfigurations", INJECTOR, "--type=json", "--patch", json.dumps(patch))

    app.kubectl("scale", "deployment", "-n", DAPR, INJECTOR, "--replicas=0")
    try:
        say(policy)
        until(lambda: not app.count_of(INJECTOR, DAPR), 60, "no injector pods")
        yield
    finally:
        say("Fail")
        app.kubectl("scale", "deployment", "-n", DAPR, INJECTOR, "--replicas=1")
        app.kubectl("rollout", "status", "-n", DAPR, f"deployment/{INJECTOR}", f"--timeout={patience(60):.0f}s")


def until(condition: Callable[[], Any], within: float, what: str, interval: float = 0.1) -> Any:
    """The first true answer of ``condition`` within so many seconds (see patience), or fails naming ``what``."""
    within = patience(within)
    deadline = time.monotonic() + within
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"after {within:g} s still not so: {what}"
        time.sleep(interval)


@dataclass
class Watcher:
    """A request loop against the public endpoint that notes every answer that is not the expected one."""

    url: str
    cookies: httpx.Cookies | None = None
    interval: float = 0.05
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    def loop(self, stop: threading.Event) -> None:
        with httpx.Client(timeout=patience(5), cookies=self.cookies) as client:
            while not stop.is_set():
                self.requests += 1
                try:
                    answer = client.get(self.url)
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text[:80]}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                stop.wait(self.interval)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watcher]:
        stop = threading.Event()
        thread = threading.Thread(target=self.loop, args=(stop,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    kubeconfig = os.environ.get("TODO_CLOUD_TEST_KUBECONFIG")
    if not kubeconfig or not Path(kubeconfig).exists():
        pytest.fail(
            "TODO_CLOUD_TEST_KUBECONFIG names no kubeconfig: run these tests by `make e2e`, which starts a cluster."
        )
    facts = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())
    return Cluster(os.environ.get("TODO_CLOUD_TEST_CLUSTER", "test"), kubeconfig, facts)


@pytest.fixture(autouse=True)
def _registry(request: pytest.FixtureRequest, cluster: Cluster) -> None:
    """Tests marked ``registry`` ask an image registry, which the bare-machine cluster has; elsewhere they say so."""
    if request.node.get_closest_marker("registry") and not cluster.facts["registry"]:
        pytest.skip("needs the image registry of the bare-machine cluster (LOCAL_CLUSTER=local)")


@pytest.fixture(scope="session")
def first_site(cluster: Cluster) -> PlaybookRun:
    """site.yml run from nothing: the test cluster is made for one run of the tests."""
    return cluster.playbook("site.yml").ok()


@pytest.fixture
def app(cluster: Cluster, first_site: PlaybookRun) -> Cluster:
    """The cluster with the application deployed, all services at v1.0.0 and verified."""
    if any(not cluster.image_of(s).endswith(":v1.0.0") for s in ("backend-api", "frontend")):
        cluster.playbook("site.yml").ok()
    return cluster


@dataclass
class User:
    """A registered user at the public endpoint."""

    http: httpx.Client
    name: str

    def add(self, title: str, **more: Any) -> dict[str, Any]:
        answer = self.http.post("/api/tasks", json={"title": title, **more})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def tasks(self) -> list[dict[str, Any]]:
        answer = self.http.get("/api/tasks")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["tasks"])


@pytest.fixture
def endpoint(app: Cluster) -> str:
    """The address of the public endpoint."""
    return str(app.facts["url"])


@pytest.fixture
def user(endpoint: str) -> Iterator[User]:
    with httpx.Client(base_url=endpoint, timeout=patience(10), headers={"Origin": endpoint}) as http:
        name = f"user-{uuid.uuid4().hex[:8]}"
        credentials = {"username": name, "password": uuid.uuid4().hex}
        for step in ("register", "login"):
            answer = http.post(f"/api/auth/{step}", json=credentials)
            assert answer.status_code in (200, 201), f"{step}: {answer.status_code} {answer.text}"
        yield User(http, name)
