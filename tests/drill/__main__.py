# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python3 -m tests.drill back-up|restore FOLDER``: the drill for the day on which a cluster is lost.

The first deploys the Todo app, gives it data and backs it up to a folder. The second restores that on a cluster that
has nothing, and compares what users see and what is on the topics. Both say how
many seconds each step took.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import NAMESPACE, Cluster, PlaybookRun, User, until
from tests.e2e.test_app import broker_messages
from tests.support.patience import patience

TOPICS = (f"{NAMESPACE}task-events", f"{NAMESPACE}reminders")
USERS, TASKS = 5, 20
NOTED = "noted.json"


def main(arguments: Sequence[str]) -> int:
    """Run one half of the drill."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.drill", description=__doc__)
    parser.add_argument("step", choices=("back-up", "restore"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    kubeconfig = os.environ["TODO_CLOUD_TEST_KUBECONFIG"]
    facts = json.loads((Path(kubeconfig).parent / "cluster.json").read_text())
    cluster = Cluster(os.environ["TODO_CLOUD_CLUSTER"], kubeconfig, facts)
    (back_up if options.step == "back-up" else restore)(cluster, options.folder.absolute())
    return 0


def back_up(cluster: Cluster, folder: Path) -> None:
    """Deploy, make data, note what there is, back up."""
    with step("site.yml from nothing"):
        cluster.playbook("site.yml").ok()
    with step(f"{USERS} users with {TASKS} tasks each"):
        passwords = {f"user-{uuid.uuid4().hex[:8]}": uuid.uuid4().hex for _ in range(USERS)}
        for name, password in passwords.items():
            with session(cluster, name, password, new=True) as user:
                made = [user.add(f"task {number}", due="2030-01-31") for number in range(TASKS)]
                assert user.http.post(f"/api/tasks/{made[0]['id']}/complete").status_code == 200
        until(
            lambda: len(broker_messages(cluster, TOPICS[0])) >= USERS * (TASKS + 1), 120, "every event is on the topic"
        )
    noted: dict[str, Any] = {"passwords": passwords, "tasks": tasks(cluster, passwords), "messages": messages(cluster)}
    with step("backup.yml, database and broker, and the copy on this machine"):
        show(cluster.playbook("playbooks/backup.yml", "-e", "backup_broker=true", "-e", f"backup_to={folder}"))
    (folder / NOTED).write_text(json.dumps(noted))
    with step("the app serves again, with its broker"), session(cluster, *next(iter(passwords.items()))) as user:
        before = len(noted["messages"][TOPICS[0]])
        user.add("after the backup")
        until(lambda: len(broker_messages(cluster, TOPICS[0])) > before, 120, "the event of a task after the backup")
    print(
        f"backups: {sum(each.stat().st_size for each in folder.rglob('*') if each.is_file()) // 1024} KiB", flush=True
    )


def restore(cluster: Cluster, folder: Path) -> None:
    """Restore all of it on a cluster that has nothing, and compare."""
    noted = json.loads((folder / NOTED).read_text())
    arguments = ("playbooks/restore.yml", "-e", "backup_broker=true", "-e", f"restore_from={folder}")
    with step("restore.yml: platform, data, services"):
        show(cluster.playbook(*arguments))
    with step("compared"):
        assert tasks(cluster, noted["passwords"]) == noted["tasks"], "tasks differ"
        found = messages(cluster)
        for topic in TOPICS:
            assert found[topic][: len(noted["messages"][topic])] == noted["messages"][topic], f"{topic} differs"
    many = sum(len(each) for each in noted["tasks"].values())
    print(
        f"same: {many} tasks of {USERS} users; messages: { {name: len(each) for name, each in found.items()} }",
        flush=True,
    )
    with step("a new task and its event"), session(cluster, *next(iter(noted["passwords"].items()))) as user:
        user.add("after the restore")
        before = len(found[TOPICS[0]])
        until(lambda: len(broker_messages(cluster, TOPICS[0])) > before, 120, "the event of a task after the restore")
    with step("a second restore is refused"):
        again = cluster.playbook(*arguments)
        assert again.code != 0
        assert "has data" in again.output, again.output[-3000:]
        assert "nothing was restored" in again.output, again.output[-3000:]


@contextmanager
def session(cluster: Cluster, name: str, password: str, *, new: bool = False) -> Iterator[User]:
    """A user who has logged in."""
    url = str(cluster.facts["url"])
    with httpx.Client(base_url=url, timeout=patience(30), headers={"Origin": url}) as http:
        for asked in ("register", "login") if new else ("login",):
            answer = http.post(f"/api/auth/{asked}", json={"username": name, "password": password})
            assert answer.status_code in (200, 201), f"{asked}: {answer.status_code} {answer.text}"
        yield User(http, name)


def tasks(cluster: Cluster, passwords: dict[str, str]) -> dict[str, list[Any]]:
    """Every field of every task, by user."""
    found = {}
    for name, password in passwords.items():
        with session(cluster, name, password) as user:
            found[name] = sorted(user.tasks(), key=lambda task: str(task["id"]))
    return found


def messages(cluster: Cluster) -> dict[str, list[str]]:
    """What is on each topic, sorted by itself: partitions are read in any order, so by time and id."""
    return {
        topic: [
            json.dumps(each, sort_keys=True)
            for each in sorted(
                broker_messages(cluster, topic), key=lambda m: (str(m.get("time", "")), str(m.get("id", "")))
            )
        ]
        for topic in TOPICS
    }


def show(run: PlaybookRun) -> None:
    """What a playbook says of backups, and whether it went well."""
    run.ok()
    for line in run.output.splitlines():
        if " KiB" in line or "restored" in line:
            print(line.strip(), flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Prints the seconds that it took."""
    began = time.monotonic()
    yield
    print(f"[{time.monotonic() - began:5.0f} s] {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
