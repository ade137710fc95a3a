"""A consumer that stops is seen, and told of."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

from tests.e2e.conftest import NAMESPACE, Cluster, User, until
from tests.monitoring.conftest import Prometheus

CONSUMER = "recurring-task-service"
GROUP = f"{NAMESPACE}.{CONSUMER}"
LAG = f'todo:consumer_lag{{group="{GROUP}",topic="{NAMESPACE}task-events"}}'
TASKS = 6
Arrived = Callable[[], list[tuple[str, ...]]]


def test_a_consumer_that_stopped_is_seen_within_a_minute(
    watched: Cluster, prometheus: Prometheus, alerts: Arrived, user: User
) -> None:
    """The exporter asks the broker every 10 s; metrics are read every 5 s here, and every 30 s as a rule."""
    user.add("before")
    until(lambda: prometheus.number(LAG) == 0, 120, "nothing is behind", 1)
    watched.kubectl("scale", "-n", NAMESPACE, f"deployment/{CONSUMER}", "--replicas=0")
    until(lambda: not watched.pods(CONSUMER), 120, "its pods are gone", 1)
    for number in range(TASKS):
        user.add(f"unread {number}")
    began = time.monotonic()
    try:
        until(lambda: (prometheus.number(LAG) or 0) >= TASKS, 60, "the lag is seen", 0.5)
        print(f"\nlag is in Prometheus after {time.monotonic() - began:.1f} s")
        fired = until(
            lambda: next((each for each in alerts() if each[:2] == ("firing", "ConsumerLag")), ()), 120, "it arrives", 1
        )
        print(f"its alert arrives after {time.monotonic() - began:.0f} s (lagFor: 10 s, group_wait: 5 s): {fired[2]}")
        assert fired[2] == f"consumer group {GROUP} has {TASKS} messages of {NAMESPACE}task-events still to read"
    finally:
        watched.kubectl("scale", "-n", NAMESPACE, f"deployment/{CONSUMER}", "--replicas=1")
    until(lambda: prometheus.number(LAG) == 0, 180, "all is read", 1)


def test_no_login_is_in_what_is_deployed(watched: Cluster) -> None:
    secret = watched.get("secret", "kafka-credentials")["data"]["password"]
    password = base64.b64decode(secret).decode()
    told = watched.run("helm", "get", "all", "consumer-lag", "-n", NAMESPACE).stdout
    assert "NAME: consumer-lag" in told
    assert password not in told
    assert password not in json.dumps(watched.pods("consumer-lag"))
    assert password not in watched.kubectl("logs", "-n", NAMESPACE, "deployment/consumer-lag")
