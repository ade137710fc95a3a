# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topics from the names of a broker's folders."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kafka.disk import on_disk, seen
from ansible_collections.todo.cloud.plugins.module_utils.kafka.job import Broker
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import Topic
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, POD

from tests.support.fake_kube import FakeKube

LISTED = """__consumer_offsets-0
__cluster_metadata-0
meta.properties
task-events-0
task-events-1
task-events-10
task-events-dead-0
other-0
task-events-2.5f3c1e-delete
"""


class Cluster(FakeKube):
    asked: tuple[Any, ...] = ()

    def exec_(self, *arguments: Any, **_: Any) -> str:
        self.asked = arguments
        return LISTED


def pod(kube: FakeKube, phase: str) -> None:
    metadata = {"name": "kafka-0", "labels": {"app.kubernetes.io/instance": "kafka"}}
    kube.put(
        POD, "kafka", {"metadata": metadata, "spec": {"containers": [{"name": "kafka"}]}, "status": {"phase": phase}}
    )


def test_folders_are_partitions() -> None:
    kube = Cluster()
    pod(kube, "Running")
    assert on_disk(kube, Broker("kafka"), ["task-events", "task-events-dead", "missing"]) == {
        "task-events": Topic("task-events", 3, config=None),
        "task-events-dead": Topic("task-events-dead", 1, config=None),
    }
    assert kube.asked == ("kafka", "kafka-0", "kafka", ["ls", "/data/kafka"])


def test_a_broker_that_does_not_run_is_told() -> None:
    kube = Cluster()
    pod(kube, "Pending")
    with pytest.raises(TodoCloudError, match="No pod of the broker runs in namespace kafka"):
        on_disk(kube, Broker("kafka"), ["a"])


@pytest.mark.parametrize(
    ("phase", "data", "said"),
    [
        ("Running", {"topics": '[{"name": "task-events"}]', "broker_namespace": "kafka"}, "topics: 1, all there"),
        ("Running", {"topics": '[{"name": "task-events"}, {"name": "x"}]', "broker_namespace": "kafka"},
         "topics: x missing, of 2"),
        ("Pending", {"topics": '[{"name": "x"}]', "broker_namespace": "kafka"},
         "topics are not looked at: No pod of the broker runs in namespace kafka."),
        ("Running", {"topics": '[{"name": "x"}]', "broker_namespace": ""},
         "topics: 1 wanted (the broker is not asked here)"),
        ("Running", {"topics": "[1", "broker_namespace": "kafka"},
         "topics are not known: somebody changed ConfigMap kafka-topics"),
    ],
)  # fmt: skip
def test_a_line_for_people(phase: str, data: dict[str, str], said: str) -> None:
    kube = Cluster()
    pod(kube, phase)
    assert seen(kube, "todo") == []
    kube.put(CONFIG_MAP, "todo", {"metadata": {"name": "kafka-topics"}, "data": data})
    assert seen(kube, "todo") == [said]
