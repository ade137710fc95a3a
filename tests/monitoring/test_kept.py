"""Last words by the real VictoriaLogs, without a cluster: what is asked means there what it should."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.observing.kept import KeptLogs, LogStore
from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import decisive_line

from tests.cluster.paths import cache
from tests.e2e.conftest import until

NOBODY: Any = None  # the URL is asked


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a VictoriaLogs that holds the lines below."""
    folder = tmp_path_factory.mktemp("logs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [
        str(cache() / "bin/victoria-logs"), f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr={url.removeprefix('http://')}", "-loggerLevel=ERROR", "-memory.allowedBytes=64MiB",
    ]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: _is_up(url), 60, "VictoriaLogs answers", 0.2)
            parameters = {"_stream_fields": "kubernetes.pod_name,kubernetes.container_name"}
            body = "\n".join(json.dumps(each) for each in _lines(datetime.now(UTC)))
            httpx.post(f"{url}/insert/jsonline", params=parameters, content=body).raise_for_status()
            until(lambda: KeptLogs(NOBODY, LogStore(url=url)).tail({"namespace": "n"}, 60, 1), 60, "they are kept", 0.2)
            yield url
        finally:
            process.terminate()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def _lines(now: datetime) -> Iterator[dict[str, str]]:
    def line(message: str, ago: float, pod: str = "api-1", container: str = "api", **more: str) -> dict[str, str]:
        at = now - timedelta(seconds=ago)
        about = {"pod_namespace": "n", "pod_name": pod, "container_name": container, **more}
        told = {f"kubernetes.{key}": text for key, text in about.items() if key != "level"}
        return {"_time": at.isoformat(), "_msg": message, "level": more.get("level", ""), **told}

    yield line("long ago", 900)
    yield from (line(f"line {number}", 20 - number / 100) for number in range(20))
    yield line('table "tasks" is missing', 19, level="error")
    yield line("stopping", 18)
    yield line("of another container", 17, container="daprd")
    yield line("of another pod", 16, pod="api-2")
    yield line("of a job", 15, pod="migrate-x1", **{"pod_labels.batch.kubernetes.io/job-name": "migrate"})


def test_the_last_lines_of_one_container_come_in_their_order(store: str) -> None:
    logs = KeptLogs(NOBODY, LogStore(url=store))
    found = logs.tail({"namespace": "n", "pod": "api-1", "container": "api"}, 600, 5).splitlines()
    assert found == ["line 17", "line 18", "line 19", r'level=error msg="table \"tasks\" is missing"', "stopping"]
    assert decisive_line("\n".join(found)) == 'table "tasks" is missing'
    assert "long ago" in logs.tail({"namespace": "n", "pod": "api-1", "container": "api"}, 3600, 100)
    assert logs.tail({"namespace": "other", "pod": "api-1"}, 600, 5) == logs.trouble == ""


def test_a_jobs_pods_are_found_by_its_name(store: str) -> None:
    logs = KeptLogs(NOBODY, LogStore(url=store))
    assert logs.tail({"namespace": "n", "labels": {"batch.kubernetes.io/job-name": "migrate"}}, 600, 5) == "of a job"
