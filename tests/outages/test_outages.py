# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Broker and database go away while the app runs and while it is deployed; pods are killed one by one.

Users add tasks all the time. What was taken is listed afterwards, and its event is on the topic.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster import state
from tests.e2e.conftest import NAMESPACE, Cluster, PlaybookRun, User, until
from tests.e2e.test_app import broker_messages
from tests.faults.parts import PARTS, Place

EACH = {part.name: part for part in PARTS}
DATABASE_PORT = 5432


class Work:
    """A user who adds a task every so many seconds. ``taken``: ids; ``refused``: moments (seconds) without a task."""

    def __init__(self, user: User, every: float = 1.5) -> None:
        self.user = user
        self.every = every  # a user is shown 200 tasks
        self.taken: list[str] = []
        self.refused: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> Work:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _loop(self) -> None:
        user = self.user.http
        with httpx.Client(base_url=user.base_url, cookies=user.cookies, headers=user.headers, timeout=10) as http:
            while not self._end.wait(self.every):
                try:
                    answer = http.post("/api/tasks", json={"title": "outage"})
                except httpx.HTTPError:
                    self.refused.append(time.monotonic())
                    continue
                if answer.status_code == 201:
                    self.taken.append(str(answer.json()["id"]))
                else:
                    self.refused.append(time.monotonic())

    @property
    def longest(self) -> float:
        """Seconds between the first and the last refusal."""
        return self.refused[-1] - self.refused[0] if self.refused else 0.0


@pytest.fixture
def place(app: Cluster) -> Iterator[Place]:
    with KubeSession.from_params({"kubeconfig": app.kubeconfig}, user_agent="todo.cloud tests") as kube:
        yield Place(app.name, NAMESPACE, kube)


def down(place: Place, what: str) -> AbstractContextManager[None]:
    """The broker has no pod; or the database's port refuses connections."""
    return EACH["broker"].broken(place) if what == "broker" else place.refusing(DATABASE_PORT)


def nothing_is_lost(app: Cluster, user: User, work: Work) -> None:
    """All tasks that were taken are listed, and each has its event."""
    taken = set(work.taken)
    assert taken

    def listed() -> bool:
        try:
            return taken <= {str(task["id"]) for task in user.tasks()}
        except (AssertionError, httpx.HTTPError):
            return False

    def told() -> bool:
        events = broker_messages(app, f"{NAMESPACE}task-events")
        return taken <= {str(m["data"].get("task", m["data"])["id"]) for m in events if m["type"] == "task.created"}

    until(listed, 120, "every task is listed", interval=1)
    until(told, 180, "every event is on the topic", interval=1)


def revisions(app: Cluster) -> dict[str, str]:
    """The newest Helm revision of each release: a rollback makes another."""
    found = app.get("secrets", selector="owner=helm")
    newest: dict[str, int] = {}
    for each in found:
        labels = each["metadata"]["labels"]
        newest[labels["name"]] = max(newest.get(labels["name"], 0), int(labels["version"]))
    return {name: str(number) for name, number in newest.items()}


def ready(app: Cluster) -> bool:
    return all(d["status"].get("availableReplicas", 0) == d["spec"]["replicas"] for d in app.get("deployments"))


@pytest.mark.parametrize(("what", "seconds"), [("broker", 30), ("database", 60)])
def test_away_while_the_app_runs(app: Cluster, user: User, place: Place, what: str, seconds: int) -> None:
    before = revisions(app)
    with Work(user) as work:
        time.sleep(3)
        with down(place, what):
            began = time.monotonic()
            time.sleep(seconds / 2)
            unready = not ready(app)
            said = " ".join(app.playbook("playbooks/status.yml").output.split())
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        back = time.monotonic()
        until(lambda: ready(app), 180, "all services are ready again", interval=0.5)
        settled = time.monotonic() - back
        time.sleep(3)
    print(f"\n{what} away for {seconds} s: {len(work.taken)} tasks taken, {len(work.refused)} refused in"
          f" {work.longest:.0f} s; ready {settled:.0f} s after it was back")  # fmt: skip
    if what == "broker":
        assert work.refused == [], "events wait in the database"
    else:
        assert unready, "the backend is not ready without its database"
        assert "0/1" in said, said
    nothing_is_lost(app, user, work)
    assert revisions(app) == before, "nothing was deployed or taken back"


@pytest.mark.parametrize("what", ["database", "broker"])
def test_down_at_a_deployment(app: Cluster, user: User, place: Place, what: str) -> None:
    """The old version stays, the dependency is named, and the next run deploys what was asked for."""
    version = ("-e", "backend_api_version=v1.1.0", "-e", "release_timeout=60", "-e", "release_on_failure=set")
    with Work(user) as work:
        with down(place, what):
            time.sleep(5)
            run = app.playbook("playbooks/services.yml", *version)
        text = " ".join(run.output.split())
        print(f"\n{what} down at a deployment: exit {run.code} after {run.seconds:.0f} s")
        assert run.code != 0
        assert "dependency_down" in text, run.output[-4000:]
        assert what in text.lower() or str(DATABASE_PORT) in text, run.output[-4000:]
        assert "restored" not in text.split("PLAY RECAP")[0], run.output[-4000:]
        until(lambda: ready(app), 180, "all services are ready again", interval=0.5)
        again = app.playbook("playbooks/services.yml", *version[:2]).ok()
        assert app.image_of("backend-api").endswith(":v1.1.0")
        print(f"the next run: {again.seconds:.0f} s; {len(work.taken)} tasks taken, {len(work.refused)} refused")
    nothing_is_lost(app, user, work)


@pytest.mark.parametrize("what", ["database", "broker"])
def test_gone_amid_a_deployment_and_back(app: Cluster, user: User, place: Place, what: str) -> None:
    """The run waits for it and gets to its end."""
    runs: list[PlaybookRun] = []
    version = ("-e", "backend_api_version=v1.1.0")
    deploying = threading.Thread(target=lambda: runs.append(app.playbook("playbooks/services.yml", *version)))
    with Work(user) as work:
        deploying.start()
        until(lambda: len(app.pods("backend-api")) > 1, 120, "the new pod is there")
        with down(place, what):
            time.sleep(25)
        deploying.join()
        (run,) = runs
        assert run.code == 0, run.output[-4000:]
        assert app.image_of("backend-api").endswith(":v1.1.0")
        print(f"\n{what} away for 25 s amid a deployment of {run.seconds:.0f} s: {len(work.refused)} tasks refused")
    nothing_is_lost(app, user, work)


@pytest.mark.parametrize("who", ["backend-api", "recurring-task-service", "notification-service", "kafka"])
def test_a_pod_killed_alone_is_back_within_ten_seconds(app: Cluster, user: User, who: str) -> None:
    namespace = "kafka" if who == "kafka" else NAMESPACE
    with Work(user) as work:
        time.sleep(2)
        old = {pod["metadata"]["uid"] for pod in app.pods(who, namespace)}
        app.kubectl("delete", "pods", "-n", namespace, "-l", f"app.kubernetes.io/instance={who}", "--grace-period=0",
                    "--force", "--wait=false")  # fmt: skip
        began = time.monotonic()

        def back() -> bool:
            pods = [pod for pod in app.pods(who, namespace) if pod["metadata"]["uid"] not in old]
            conditions = [each for pod in pods for each in pod["status"].get("conditions", [])]
            return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

        until(back, 60, f"{who} is back")
        seconds = time.monotonic() - began
        time.sleep(2)
    print(f"\n{who} killed: ready again after {seconds:.1f} s; {len(work.refused)} of"
          f" {len(work.taken) + len(work.refused)} tasks refused in {work.longest:.0f} s")  # fmt: skip
    nothing_is_lost(app, user, work)
    assert seconds < 10


def test_a_database_that_sleeps_is_waited_for(app: Cluster, place: Place) -> None:
    """It takes connections and says nothing for a while, as a serverless one that starts."""
    app.kubectl("delete", "configmap", "logins", "-n", NAMESPACE)
    (pid,) = (
        line.split()[0] for line in place.in_node("ps", "-eo", "pid,args").splitlines() if "/bin/postgres -D" in line
    )
    place.in_node("kill", "-STOP", pid)
    waking = threading.Timer(40, lambda: place.in_node("kill", "-CONT", pid))
    waking.start()
    try:
        run = app.playbook("site.yml", "--limit", "kubernetes,namespace,database").ok()
    finally:
        waking.join()
    text = " ".join(run.output.split())
    assert f":{DATABASE_PORT} does not answer yet; waiting for it, at most 60 s" in text, run.output
    assert "tried by a Job in" in text
    assert state.load(app.name).todo_password not in run.output
