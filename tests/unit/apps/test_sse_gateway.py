"""sse-gateway: each user's events to that user's browsers, and to nobody else."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.ports import free_port
from tests.unit.apps.conftest import User
from tests.unit.apps.processes import Launcher, Running, wait_until
from tests.unit.apps.sidecar import Sidecar
from tests.unit.apps.wire import stream


@pytest.fixture(scope="module")
def start_gateway(launcher: Launcher, backend: Running, sidecar: Sidecar) -> Callable[..., Running]:
    def start(**env: Any) -> Running:
        settings: dict[str, Any] = {
            "BACKEND_URL": backend.url,
            "PUBSUB_NAME": "pubsub-broadcast",
            "APP_VERSION": "v1.0.0",
        }
        return launcher.start("sse_gateway", **settings | {"DAPR_HTTP_PORT": sidecar.port} | env)

    return start


@pytest.fixture(scope="module")
def gateway(start_gateway: Callable[..., Running]) -> Running:
    return start_gateway()


def _event(user: User, title: str = "x", kind: str = "task.created", number: str = "1") -> dict[str, Any]:
    return {"id": number, "type": kind, "data": {"user_id": user.id, "task": {"id": "t", "title": title}}}


def _bearer(user: User) -> dict[str, str]:
    return {"authorization": f"Bearer {user.token}"}


def _after_hello(frames: Iterator[dict[str, str]]) -> None:
    hello = next(frames)
    assert (hello["event"], hello["retry"]) == ("hello", "1000")
    assert json.loads(hello["data"]) == {"version": "v1.0.0", "pod": "sse_gateway-pod"}


def test_it_subscribes_to_both_topics_of_the_broadcast(gateway: Running) -> None:
    subscriptions = gateway.call("GET", "/dapr/subscribe").json
    assert {(item["pubsubname"], item["topic"]) for item in subscriptions} == {
        ("pubsub-broadcast", "task-events"),
        ("pubsub-broadcast", "reminders"),
    }


def test_a_user_gets_their_own_events_only(gateway: Running, new_user: Callable[[], User], sidecar: Sidecar) -> None:
    one, other = new_user(), new_user()
    with stream(gateway.url, **_bearer(one)) as mine, stream(gateway.url, f"/events?token={other.token}") as theirs:
        assert mine.response.status == theirs.response.status == 200
        assert mine.headers["content-type"].startswith("text/event-stream")
        assert mine.headers["cache-control"] == "no-cache, no-transform"
        assert mine.headers["x-accel-buffering"] == "no"
        frames, others = mine.frames(), theirs.frames()
        _after_hello(frames)
        _after_hello(others)
        assert sidecar.deliver(gateway, _event(one, "mine")) == "SUCCESS"
        assert sidecar.deliver(gateway, _event(other, "theirs", "reminder.due", "2"), "reminders") == "SUCCESS"
        first, second = next(frames), next(others)
        assert (first["id"], first["event"], json.loads(first["data"])["task"]["title"]) == (
            "1",
            "task.created",
            "mine",
        )
        assert (second["id"], second["event"]) == ("2", "reminder.due")
        assert json.loads(second["data"])["task"]["title"] == "theirs"
        assert gateway.metric("sse_streams") == 2
    wait_until(lambda: gateway.metric("sse_streams") == 0, "closed streams are forgotten")


def test_all_browsers_of_a_user_get_an_event(gateway: Running, user: User, sidecar: Sidecar) -> None:
    with stream(gateway.url, **_bearer(user)) as one, stream(gateway.url, **_bearer(user)) as two:
        frames = [one.frames(), two.frames()]
        for each in frames:
            _after_hello(each)
        sidecar.deliver(gateway, _event(user))
        assert [next(each)["event"] for each in frames] == ["task.created"] * 2


def test_an_event_cannot_write_frames_of_its_own(gateway: Running, user: User, sidecar: Sidecar) -> None:
    with stream(gateway.url, **_bearer(user)) as mine:
        frames = mine.frames()
        _after_hello(frames)
        sidecar.deliver(gateway, _event(user, "a\n\nevent: evil", "x\n\nevent: evil", "1\r\ndata: evil"))
        sidecar.deliver(gateway, _event(user, "the next"))
        assert json.loads(next(frames)["data"])["task"]["title"] == "a\n\nevent: evil"
        assert json.loads(next(frames)["data"])["task"]["title"] == "the next"


def test_a_heartbeat_keeps_a_silent_stream_alive(gateway: Running, user: User) -> None:
    with stream(gateway.url, **_bearer(user)) as mine:
        frames = mine.frames()
        _after_hello(frames)
        assert next(frames) == {"": "heartbeat"}


@pytest.mark.parametrize("path", ["/events", "/events?token=", "/events?token=forged"])
def test_without_a_good_token_there_is_no_stream(gateway: Running, path: str) -> None:
    answer = gateway.call("GET", path)
    assert (answer.status, answer.json["detail"]) == (401, "log in first")


def test_tokens_do_not_get_into_the_log(gateway: Running, user: User) -> None:
    with stream(gateway.url, f"/events?token={user.token}") as mine:
        _after_hello(mine.frames())
    wait_until(lambda: gateway.logged("GET /events 200"), "the request is logged")
    assert user.token not in gateway.log.read_text()


def test_without_the_backend_it_says_so(start_gateway: Callable[..., Running], user: User) -> None:
    gateway = start_gateway(BACKEND_URL=f"http://127.0.0.1:{free_port()}")
    answer = gateway.call("GET", f"/events?token={user.token}")
    assert (answer.status, answer.json["detail"]) == (503, "the backend does not answer")


def test_a_user_has_so_many_streams_and_no_more(gateway: Running, user: User) -> None:
    opened = [stream(gateway.url, **_bearer(user)) for _ in range(20)]
    streams = [each.__enter__() for each in opened]
    try:
        for each in streams:
            _after_hello(each.frames())
        assert gateway.call("GET", f"/events?token={user.token}").status == 429
    finally:
        for each in streams:
            each.close()
    wait_until(lambda: gateway.metric("sse_streams") == 0, "closed streams are forgotten")


def test_a_browser_that_does_not_keep_up_is_let_go(gateway: Running, user: User, sidecar: Sidecar) -> None:
    """It reads nothing while more comes than any buffer holds; the gateway ends its stream and lives on."""
    with stream(gateway.url, **_bearer(user)) as slow:
        frames = slow.frames()
        _after_hello(frames)
        big = "x" * 200_000
        for number in range(200):
            assert sidecar.deliver(gateway, _event(user, big, number=str(number))) == "SUCCESS"
        received = [frame for frame in frames if "event" in frame]  # ends: the stream was cut
        assert 0 < len(received) < 200
        assert [frame["id"] for frame in received] == [str(number) for number in range(len(received))]


def test_an_event_that_belongs_to_nobody_is_dropped(gateway: Running, sidecar: Sidecar) -> None:
    assert sidecar.deliver_raw(gateway, b'{"id": "1", "type": "task.created", "data": {}}') == "DROP"


def test_sigterm_ends_streams_with_a_hint_and_takes_no_new_ones(
    start_gateway: Callable[..., Running], user: User, sidecar: Sidecar
) -> None:
    gateway = start_gateway()
    with stream(gateway.url, **_bearer(user)) as mine:
        frames = mine.frames()
        _after_hello(frames)
        gateway.signal(signal.SIGTERM)
        assert list(frames) == [{"retry": "1000"}]
    refused = gateway.call("GET", f"/events?token={user.token}")
    assert refused.status == 503
    assert refused.headers["retry-after"] == "1"
    ready = gateway.call("GET", "/ready")
    assert (ready.status, ready.json["reasons"]) == (503, {"lifecycle": "shutting down"})
    assert gateway.stop() == 0
