from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import otlp
from ansible_collections.todo.cloud.plugins.module_utils.deploy.otlp import body_of, send
from ansible_collections.todo.cloud.plugins.module_utils.deploy.timeline import Timeline
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure

from tests.support.otlp_receiver import receiving
from tests.support.served import served

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_arrives_is_what_was_done_and_when() -> None:
    timeline = Timeline()
    before = time.time_ns()
    with timeline.span("wave", "wave 1 of 2", "api") as wave:
        wave.ends(Failure(Code.CRASH_LOOP, "api: password=hunter2\nend " + "x" * 900, {}))
    timeline.close("deployment of staging", None)
    about = {"todo.set": 7, "todo.outage_ms": 0.5}
    with receiving() as receiver:
        body = body_of(timeline, PARENT, {"deployment.environment.name": "staging"}, about)
        assert send(receiver.url + "/", {"Authorization": "Bearer abc"}, body) == ""
    root, part = receiver.spans
    assert (root.trace, root.parent, part.parent) == (PARENT[3:35], PARENT[36:52], root.id)
    assert abs(root.began - before) < 60 * 10**9
    assert root.began <= part.began <= part.ended <= root.ended
    assert (root.name, part.name) == ("run: deployment of staging", "wave 1 of 2")
    assert (root.code, part.code) == (1, 2)
    assert part.message.startswith("api: password=*** end xxx")
    assert len(part.message) < 600
    assert root.attributes == {"todo.kind": "run", "todo.outcome": "ok", **about}
    assert part.attributes == {
        "todo.kind": "wave", "todo.outcome": "failed", "todo.service": "api", "todo.code": "crash_loop",
    }  # fmt: skip
    assert receiver.resource == {"service.name": "todo.cloud", "deployment.environment.name": "staging"}
    assert receiver.headers[0]["Authorization"] == "Bearer abc"


def test_what_is_a_part_of_nothing_that_was_kept_is_the_runs() -> None:
    timeline = Timeline()
    with timeline.span("wave", "of too many parts"):
        for number in range(200):
            with timeline.span("helm", str(number)):
                pass
    spans = body_of(timeline, "", {}, {})["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len(spans) == 201
    assert {span["parentSpanId"] for span in spans[1:]} == {spans[0]["spanId"]}


@pytest.mark.parametrize(
    "parent", ["", "nonsense", PARENT.replace("00-4", "ff-4"), f"00-{'0' * 32}-00f067aa0ba902b7-01", PARENT[:-3]]
)
def test_what_is_no_parent_counts_as_none(parent: str) -> None:
    ids = set()
    for _time in range(2):
        (span,) = body_of(Timeline(), parent, {}, {})["resourceSpans"][0]["scopeSpans"][0]["spans"]
        assert "parentSpanId" not in span
        ids.add(span["traceId"])
    assert len(ids) == 2


def test_one_that_does_not_take_it_is_told_without_its_words() -> None:
    body = body_of(Timeline(), "", {}, {})
    with receiving(status=401, answer="no, secret-7d1f") as receiver:
        assert send(f"{receiver.url}/v1/traces", {}, body) == "it answered 401"
    assert len(receiver.bodies) == 1
    with receiving(answer=json.dumps({"partialSuccess": {"rejectedSpans": "1"}})) as receiver:
        assert send(receiver.url, {}, body) == "it refused 1 of its spans"
    with receiving(answer="thanks") as receiver:
        assert send(receiver.url, {}, body) == ""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert send(f"http://127.0.0.1:{port}", {}, body) == "it gave no answer (URLError)"


@pytest.fixture
def trickling() -> Iterator[tuple[str, threading.Event]]:
    """One that answers a little at a time, until the test is over."""
    over = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not over.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Trickle) as address:
        try:
            yield f"http://{address}", over
        finally:
            over.set()


def test_one_that_trickles_is_left(trickling: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "SECONDS", 1.5)
    url, over = trickling
    assert send(url, {}, body_of(Timeline(), "", {}, {})) == "it gave no answer within 1.5 s"
    assert not over.is_set()
