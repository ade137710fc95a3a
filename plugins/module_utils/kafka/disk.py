# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a broker of the role kafka has, from the names of its folders: no start of Java, nothing written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..kube.resources import CONFIG_MAP, POD
from ..parsing import read_json
from .job import Broker
from .topics import Topic

_PARTITION = re.compile(r"([a-zA-Z0-9._-]{1,249})-([0-9]{1,5})")
_DATA = "/data/kafka"
NOTE = "kafka-topics"  # ConfigMap, see roles/kafka_topics/vars/main.yml
_CONTAINER = "kafka"


def on_disk(kube: Any, broker: Broker, names: Iterable[str]) -> dict[str, Topic]:
    """Those of the topics that are there, with their partitions alone. Needs the right to exec into its pod."""
    pods = kube.list_(POD, broker.namespace, label_selector=f"app.kubernetes.io/instance={broker.release}")[0]
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running" and _has(pod)]
    if not running:
        raise error(Code.NOT_READY, f"No pod of the broker runs in namespace {broker.namespace}.")
    wanted, count = set(names), dict[str, int]()
    listed = kube.exec_(broker.namespace, running[0]["metadata"]["name"], _CONTAINER, ["ls", _DATA])
    for line in listed.splitlines():
        found = _PARTITION.fullmatch(line.strip())
        if found and found[1] in wanted:
            count[found[1]] = count.get(found[1], 0) + 1
    return {name: Topic(name, partitions, config=None) for name, partitions in count.items()}


def seen(kube: Any, namespace: str) -> list[str]:
    """A line on the topics of an environment, for people: those that the role kafka_topics noted in its namespace."""
    note = kube.find(CONFIG_MAP, namespace, NOTE)
    if note is None:
        return []
    data = note.get("data") or {}
    try:
        names = sorted(str(topic["name"]) for topic in read_json(data.get("topics") or "[]"))
        if not data.get("broker_namespace"):
            return [f"topics: {len(names)} wanted (the broker is not asked here)"]
        missing = sorted(set(names) - set(on_disk(kube, Broker(str(data["broker_namespace"])), names)))
    except TodoCloudError as exc:
        return [f"topics are not looked at: {exc.failure.message}"]
    except (ValueError, TypeError, KeyError):
        return [f"topics are not known: somebody changed ConfigMap {NOTE}"]
    return [f"topics: {', '.join(missing)} missing, of {len(names)}" if missing else f"topics: {len(names)}, all there"]


def _has(pod: Any) -> bool:
    return any(container["name"] == _CONTAINER for container in pod["spec"]["containers"])
