from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.observing import kept
from ansible_collections.todo.cloud.plugins.module_utils.observing.kept import KeptLogs, LogStore

from tests.support.fake_kube import FakeKube
from tests.support.served import served

OF = {"namespace": "todo", "pod": "api-1", "container": "api"}


class Store(BaseHTTPRequestHandler):
    """Answers with some lines, and notes the queries."""

    asked: list[str]
    status = 200
    told: tuple[dict[str, str], ...] = ()

    def do_GET(self) -> None:
        self.asked.append(parse_qs(urlsplit(self.path).query)["query"][0])
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write("".join(f"{json.dumps(line)}\n" for line in self.told).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


def logs_at(address: str) -> KeptLogs:
    return KeptLogs(FakeKube(), LogStore(url=f"http://{address}"))


def test_last_lines_come_as_a_program_writes_them() -> None:
    told = (
        {"_time": "2026-11-21T09:30:01.2Z", "_msg": 'no table "x"', "level": "error"},
        {"_time": "2026-11-21T09:30:01.19Z", "_msg": "level not told"},
        {"_time": "2026-11-21T09:30:01Z", "_msg": "first"},
    )
    asked: list[str] = []
    with served(Store, asked=asked, told=told) as address:
        found = logs_at(address).tail(OF, 90.2, 3)
    assert found.splitlines() == ["first", "level not told", r'level=error msg="no table \"x\""']
    assert asked == [
        '_time:91s "kubernetes.pod_namespace":="todo" "kubernetes.pod_name":="api-1" "kubernetes.container_name":="api"'
        " | sort by (_time) desc limit 3"
    ]


def test_one_that_fails_is_asked_once() -> None:
    asked: list[str] = []
    with served(Store, asked=asked, status=502) as address:
        logs = logs_at(address)
        assert [logs.tail(OF, 60, 3), logs.tail(OF, 60, 3)] == ["", ""]
    assert len(asked) == 1
    assert "VictoriaLogs" in logs.trouble
    assert "502" in logs.trouble


def test_nothing_kept_is_no_trouble() -> None:
    with served(Store, asked=[]) as address:
        logs = logs_at(address)
        assert (logs.tail(OF, 60, 3), logs.trouble) == ("", "")


def test_without_a_store_nobody_is_asked() -> None:
    nobody: Any = None
    logs = KeptLogs(nobody, LogStore.parse(None))
    assert (logs.tail(OF, 60, 3), logs.trouble) == ("", "")
    assert LogStore.parse({"namespace": "here", "port": None}) == LogStore("here")


@pytest.fixture
def trickling() -> Iterator[tuple[str, threading.Event]]:
    """One that sends a little all the time, until the test is over."""
    over = threading.Event()

    class Trickle(Store):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not over.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()

    with served(Trickle, asked=[]) as address:
        try:
            yield address, over
        finally:
            over.set()


def test_one_that_trickles_is_left(trickling: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SECONDS", 0.2)
    address, over = trickling
    logs = logs_at(address)
    assert logs.tail(OF, 60, 3) == ""
    assert not over.is_set()
    assert logs.trouble == "VictoriaLogs did not answer within 0.2 s"
