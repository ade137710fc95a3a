# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults are retried until a deadline; credentials are renewed; the server's clock is noted."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube import transport
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    Unauthorized,
    Unreachable,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import Answer, Request, failure, fake_api, obj


def test_get_sends_token_and_user_agent() -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api, KubeSession(api.params, "tests") as kube:
        assert kube.get(POD, "ns", "x")["metadata"]["name"] == "x"
    assert api.requests[0].headers["authorization"] == "Bearer token"
    assert api.requests[0].headers["user-agent"] == "tests"


@pytest.mark.parametrize("text", ["\U0001f600 \u2028\x85\ufeff\x7f", 'a "quote"\n\ttab', "\ud83d"])
def test_what_is_applied_is_read_as_yaml_which_has_no_surrogates(text: str) -> None:
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api, KubeSession(api.params) as kube:
        kube.patch(POD, "ns", "x", {"data": {"a": text}}, content_type=APPLY, field_manager="tests")
    sent = api.requests[0].raw
    assert b"\\ud83d\\ude00" not in sent
    assert not re.search("[\x7f-\x9f\u2028\u2029\ufeff]", sent.decode())
    assert api.requests[0].body == {"data": {"a": text}}


@pytest.mark.parametrize("fault", [failure(429, Retry_After="0"), failure(500), failure(503), Answer(cut=True)])
def test_transient_faults_are_retried(fault: Answer) -> None:
    with fake_api(lambda request, n: fault if n < 2 else Answer(body=obj("x"))) as api, KubeSession(api.params) as kube:
        assert kube.get(POD, "ns", "x")["metadata"]["name"] == "x"
        assert (kube.counts.requests, kube.counts.retries) == (3, 2)


def test_retry_after_is_kept_to_and_other_pauses_grow() -> None:
    class Response:
        def __init__(self, **headers: str) -> None:
            self.headers = headers

    assert transport.pause_before(2, Response(**{"Retry-After": "7"})) == 7.0
    assert transport.pause_before(2, Response(**{"Retry-After": "900"})) == 30.0
    assert [transport.pause_before(attempt, Response()) for attempt in (2, 3, 4, 20)] == [0.2, 0.4, 0.8, 5.0]


def test_no_answer_until_the_deadline() -> None:
    with (
        fake_api(lambda request, n: failure(503, message="etcd has no leader")) as api,
        KubeSession(api.params) as kube,
        pytest.raises(
            Unreachable, match=r"gave no usable response to list pods in namespace \"ns\": HTTP 503 etcd has"
        ),
    ):
        kube.list_(POD, "ns", deadline=Deadline.after(1.5))


def test_refused_connection_is_reported_without_python_objects() -> None:
    with fake_api(lambda request, n: Answer()) as api:
        pass
    with KubeSession(api.params, patience=0.3) as kube, pytest.raises(Unreachable) as caught:
        kube.raw("/version")
    assert caught.value.failure.code is Code.UNREACHABLE
    assert "Connection refused" in str(caught.value)
    assert "0x" not in str(caught.value)


def test_a_server_that_answered_is_waited_for_longer_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_SILENCE_SECONDS", 0.1)
    lines: list[str] = []

    def answer(request: Request, n: int) -> Answer:
        return failure(503, message="no leader") if 1 <= n <= 3 else Answer(body=obj("x"))

    with fake_api(answer) as api, KubeSession(api.params, patience=0.3) as kube:
        kube.outlast(60, lines.append)
        kube.get(POD, "ns", "x")
        assert kube.get(POD, "ns", "x")["metadata"]["name"] == "x"
    (line,) = lines
    assert re.fullmatch(r"the API server does not answer \(HTTP 503 no leader\): waiting for it, at most \d\d s", line)


def test_a_server_that_never_answered_is_not_waited_for() -> None:
    with fake_api(lambda request, n: failure(503)) as api, KubeSession(api.params, patience=0.3) as kube:
        kube.outlast(60, print)
        with pytest.raises(Unreachable):
            kube.get(POD, "ns", "x")


def test_401_is_reported_at_once() -> None:
    with fake_api(lambda request, n: failure(401, "Unauthorized", "Unauthorized")) as api:
        kube = KubeSession(api.params)
        with pytest.raises(Unauthorized, match="token expired or rejected"):
            kube.get(POD, "ns", "x")
    assert len(api.requests) == 1


def test_401_is_mended_by_a_token_that_was_renewed(tmp_path: Path) -> None:
    path = tmp_path / "config"

    def write(url: str, token: str) -> None:
        user = {"name": "a", "user": {"token": token}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        clusters = [{"name": "a", "cluster": {"server": url}}]
        path.write_text(
            json.dumps({"clusters": clusters, "users": [user], "contexts": [context], "current-context": "a"})
        )

    def answer(request: Request, n: int) -> Answer:
        if request.headers["authorization"] == "Bearer new":
            return Answer(body=obj("x"))
        write(api.url, "new")
        return failure(401)

    with fake_api(answer) as api:
        write(api.url, "old")
        with KubeSession({"kubeconfig": str(path)}) as kube:
            assert kube.get(POD, "ns", "x")


DATE = "Tue, 01 Jan 2030 00:00:00 GMT"
SECONDS = 1893456000


def test_server_clock_comes_from_the_answers() -> None:
    # The library's server adds its own Date first; the API's is the one that is read when it stands alone.
    with fake_api(lambda request, n: Answer(body=obj("x"))) as api, KubeSession(api.params) as kube:
        kube.get(POD, "ns", "x")
        kube._http._clock.note(DATE, time.monotonic(), time.monotonic())
        assert kube.server_now() == pytest.approx(SECONDS, abs=60)


def test_a_date_has_whole_seconds_but_many_of_them_tell_the_server_s_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock is 0.75 s past a full second at monotonic 0; each response takes 0.125 s."""
    clock, now = transport.ServerClock(), 0.0
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: now, time=time.time))
    behind = []
    for number in range(9):
        now = number * 0.375
        clock.note(f"Tue, 01 Jan 2030 00:00:{int(now + 0.75 + 0.0625):02} GMT", now, now := now + 0.125)
        behind.append(SECONDS + 0.75 + now - clock.now())
    assert all(each >= 0 for each in behind), "never ahead"
    assert behind == sorted(behind, reverse=True)
    assert behind[0] == 0.875
    assert behind[-1] == 0.125, "by the responses' own time"


@pytest.mark.parametrize("moved", [-3600, 3600])
def test_a_server_s_clock_that_was_set_counts_at_once(moved: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = transport.ServerClock()
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: 5.0, time=time.time))
    clock.note(format_datetime(datetime.fromtimestamp(SECONDS - moved, UTC), usegmt=True), 4.0, 4.5)
    clock.note(DATE, 4.5, 5.0)
    assert clock.now() == SECONDS


@pytest.mark.parametrize("date", [None, "", "yesterday", "Tue, 99 Jan 2030"])
def test_a_response_without_a_date_says_nothing(date: str | None) -> None:
    clock = transport.ServerClock()
    clock.note(date, 1.0, 2.0)
    assert clock.now() == pytest.approx(time.time(), abs=60)


def test_all_threads_go_on_with_credentials_that_one_of_them_renewed(tmp_path: Path) -> None:
    """The token of a kubeconfig is replaced while eight requests are on their way with the old one."""
    arrived = threading.Barrier(8)

    def answer(request: Request, n: int) -> Answer:
        if request.headers["authorization"] == "Bearer new":
            return Answer(body=obj("x"))
        if arrived.wait(120) == 0:
            write("new")
        arrived.wait(120)
        return failure(401, "Unauthorized")

    def write(token: str) -> None:
        config = {"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                  "clusters": [{"name": "k", "cluster": {"server": api.url}}],
                  "users": [{"name": "u", "user": {"token": token}}]}  # fmt: skip
        (tmp_path / "config").write_text(yaml.safe_dump(config))

    with fake_api(answer) as api:
        write("old")
        with KubeSession({"kubeconfig": str(tmp_path / "config")}) as kube, ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: kube.get(POD, "ns", "x")["metadata"]["name"], range(8)))
    assert found == ["x"] * 8
