"""Topics of the broker are there after every run, and messages that nobody could process can be had back."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.e2e.conftest import Cluster, until

_DELETE = (
    "java=$(command -v /opt/jre/bin/java || command -v java) && exec $java -Xmx64m -cp '/opt/kafka/libs/*' "
    "org.apache.kafka.tools.TopicCommand --bootstrap-server 127.0.0.1:9094 --delete --topic {}"
)
_PUBLISH = """
import json, urllib.request
event = {{"specversion": "1.0", "id": "{id}", "source": "test", "type": "reminder.due", "data": {{"password": "{id}"}}}}
headers = {{"content-type": "application/cloudevents+json"}}
url = "http://127.0.0.1:3500/v1.0/publish/pubsub/reminders"
urllib.request.urlopen(urllib.request.Request(url, json.dumps(event).encode(), headers), timeout=30)
"""


def in_broker(app: Cluster, *command: str) -> str:
    return app.kubectl("exec", "-n", "kafka", "kafka-0", "-c", "kafka", "--", *command)


@pytest.fixture
def topics(app: Cluster) -> dict[str, str]:
    """The topics of the app, with their names at the broker."""
    noted = json.loads(app.get("configmap", "kafka-topics")["data"]["topics"])
    known = ("task-events", "task-events-dead", "reminders", "reminders-dead")
    return {name: each["name"] for name in known for each in noted if each["name"].endswith(name)}


def test_a_topic_that_somebody_deleted_is_made_by_the_next_run(app: Cluster, topics: dict[str, str]) -> None:
    name = topics["task-events-dead"]  # nobody uses it now
    in_broker(app, "/bin/sh", "-c", _DELETE.format(name))
    until(lambda: f"{name}-0\n" not in in_broker(app, "ls", "/data/kafka"), 30, "the topic is gone")
    assert f"{name} missing, of {len(topics)}" in app.playbook("playbooks/status.yml").ok().output
    run = app.playbook("site.yml", "--limit", "kafka_topics").ok()
    assert f"topic {name}: created with 1 partitions" in run.output
    assert f"{name}-0\n" in in_broker(app, "ls", "/data/kafka")
    assert not app.get("jobs", namespace="kafka")


def test_what_nobody_can_process_is_shown_and_goes_back(app: Cluster, topics: dict[str, str]) -> None:
    ident, dead = f"poison-{uuid.uuid4().hex}", topics["reminders-dead"]
    app.kubectl("exec", "deploy/backend-api", "-n", "todo-local", "--", "python3", "-c", _PUBLISH.format(id=ident))

    def deaths() -> int:
        found = f'grep -o \'"id":"{ident}"\' /data/kafka/{dead}-0/00000000000000000000.log | wc -l'
        return int(in_broker(app, "/bin/sh", "-c", found))

    until(lambda: deaths() == 1, 60, "the message is a dead letter")
    run = app.playbook("playbooks/dead_letters.yml", "-e", "dead_letters_replay=reminders").ok()
    assert f"{dead}: 1 waiting" in run.output
    assert "1 messages went back to reminders" in run.output
    assert run.output.count(ident) == 1, "its id is shown, its password is not"
    until(lambda: deaths() == 2, 60, "it came back, and is refused again")
