# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The broker's password and a generated secret are rotated while users add tasks."""

from __future__ import annotations

import base64

from tests.e2e.conftest import Cluster, User, until
from tests.outages.test_outages import Work, nothing_is_lost
from tests.support.canaries import shown

SERVICES = ("backend-api", "recurring-task-service", "frontend", "notification-service", "sse-gateway")


def decoded(app: Cluster, name: str, namespace: str = "todo-local") -> dict[str, str]:
    data = app.get("secret", name, namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def pods(app: Cluster) -> dict[str, set[str]]:
    return {name: {pod["metadata"]["uid"] for pod in app.pods(name)} for name in SERVICES}


def test_the_brokers_password_is_rotated_and_no_event_is_lost(app: Cluster, user: User) -> None:
    for expected in ("todo-local.b", "todo-local"):  # the two users take turns
        before, ran = decoded(app, "kafka-credentials"), pods(app)
        with Work(user, every=4) as work:
            run = app.playbook("playbooks/rotate_broker_password.yml").ok()
        after, users = decoded(app, "kafka-credentials"), decoded(app, "kafka-users", "kafka")
        print(f"\n{after['username']} in {run.seconds:.0f} s: {len(work.taken)} tasks, {len(work.refused)} refused")
        assert (after["username"], after["password"] != before["password"]) == (expected, True)
        assert sorted(users) == ["admin_password", "todo-local_password", "todo-local_user"], "the old user is gone"
        now = pods(app)
        assert all(not now[name] & ran[name] for name in SERVICES if name != "frontend"), "each rolled"
        assert now["frontend"] == ran["frontend"], "it has no sidecar"
        assert not shown(run.output, [before["password"], after["password"]])
        assert work.refused == []
        nothing_is_lost(app, user, work)
    assert app.playbook("site.yml").ok().count("changed") == 0


def test_a_rotated_value_rolls_the_services_that_read_it_and_nothing_else(app: Cluster, user: User) -> None:
    """The token by which the recurring task service calls the backend: both have the new one, and no event is lost."""
    had, ran = decoded(app, "app"), pods(app)
    others = {name: decoded(app, name) for name in ("kafka-credentials", "database", "dapr-app-token")}
    task = user.add("water the plants", due="2030-01-31", recurrence="monthly")
    with Work(user) as work:
        run = app.playbook("playbooks/rotate_secrets.yml", "-e", "secret=app", "-e", "key=service_token").ok()
    assert "read by backend-api, recurring-task-service" in " ".join(run.output.split())
    now = decoded(app, "app")
    assert now["service_token"] != had["service_token"]
    assert now["secret_key"] == had["secret_key"], "so nobody is signed out"
    assert {name: decoded(app, name) for name in others} == others
    after = pods(app)
    rolled = [name for name in SERVICES if not after[name] & ran[name]]
    assert rolled == ["backend-api", "recurring-task-service"]
    assert not shown(run.output, [had["service_token"], now["service_token"]])
    assert user.http.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    until(lambda: sum(t["title"] == task["title"] for t in user.tasks()) == 2, 60, "the next one is made")
    print(f"\nservice_token in {run.seconds:.0f} s: {len(work.taken)} tasks taken, {len(work.refused)} refused")
    assert work.refused == []
    nothing_is_lost(app, user, work)
