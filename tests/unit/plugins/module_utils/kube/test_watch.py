# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube import watch
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, Unauthorized
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import EVENT, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.kube.watch import Feed, Watcher

from tests.support.fake_api import Answer, FakeApi, Request, eventually, failure, fake_api, listing, obj
from tests.unit.plugins.module_utils.kube.test_errors import RBAC

PODS = Feed(POD, "ns")


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": obj(name, version)}


def gone() -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}


@contextmanager
def watching(
    lists: list[Answer], watches: list[Answer], *feeds: Feed, seconds: float = 60.0
) -> Iterator[tuple[Watcher, FakeApi, KubeSession]]:
    """A watcher on a server that gives these answers in turn; the last watch is repeated as silence."""
    given = {"": iter(lists), "1": iter(watches)}

    def answer(request: Request, n: int) -> Answer:
        return next(given[request.query.get("watch", "")], Answer(lines=[], hang=30))

    with (
        fake_api(answer) as api,
        KubeSession(api.params) as kube,
        Watcher(kube, feeds or [PODS], Deadline.after(seconds)) as watcher,
    ):
        yield watcher, api, kube


def names(watcher: Watcher) -> list[str]:
    watcher.update(0.05)
    return sorted(item["metadata"]["name"] for item in watcher.objects(POD))


def until(watcher: Watcher, wanted: list[str]) -> None:
    eventually(lambda: names(watcher) == wanted)


def test_list_then_watch() -> None:
    events = [event("ADDED", "b", "2"), event("DELETED", "a", "3"), event("MODIFIED", "b", "4")]
    with watching([listing([obj("a")], "1")], [Answer(lines=events, hang=30)]) as (watcher, api, _):
        until(watcher, ["b"])
        assert watcher.complete
        found = watcher.find(POD, "ns", "b")
        assert found is not None
        assert found["metadata"]["resourceVersion"] == "4"
        assert api.of(watch="1")[0].query["resourceVersion"] == "1"


def test_items_of_a_list_get_their_kind() -> None:
    with watching([listing([obj("a")])], []) as (watcher, _, _):
        until(watcher, ["a"])
        assert watcher.objects(POD)[0]["kind"] == "Pod"


@pytest.mark.parametrize("cut", [False, True], ids=["ended", "cut"])
def test_a_watch_that_ends_is_resumed_from_its_last_event(cut: bool) -> None:
    watches = [Answer(lines=[event("ADDED", "b", "5")], cut=cut), Answer(lines=[event("ADDED", "c", "6")], hang=30)]
    with watching([listing([obj("a")], "1")], watches) as (watcher, api, kube):
        until(watcher, ["a", "b", "c"])
        assert [request.query["resourceVersion"] for request in api.of(watch="1")][:2] == ["1", "5"]
        assert kube.counts.relists == 0


def test_bookmarks_move_the_version_and_nothing_else() -> None:
    watches = [Answer(lines=[event("BOOKMARK", "", "90")]), Answer(lines=[event("ADDED", "c", "91")], hang=30)]
    with watching([listing([obj("a")], "1")], watches) as (watcher, api, _):
        until(watcher, ["a", "c"])
        assert api.of(watch="1")[1].query["resourceVersion"] == "90"


@pytest.mark.parametrize("answer", [Answer(lines=[gone()]), failure(410, "Expired")], ids=["event", "status"])
def test_410_lists_again(answer: Answer) -> None:
    lists = [listing([obj("a")], "1"), listing([obj("b")], "50")]
    with watching(lists, [answer, Answer(lines=[event("ADDED", "c", "51")], hang=30)]) as (watcher, api, kube):
        until(watcher, ["b", "c"])
        assert kube.counts.relists == 1
        assert api.of(watch="1")[1].query["resourceVersion"] == "50"


@pytest.mark.parametrize("answer", [failure(429), failure(503), Answer(cut=True)])
def test_faults_of_a_watch_are_gone_through(answer: Answer) -> None:
    with watching([listing([], "1")], [answer, Answer(lines=[event("ADDED", "c", "2")], hang=30)]) as (
        watcher,
        _,
        kube,
    ):
        until(watcher, ["c"])
        assert kube.counts.relists == 0
        assert watcher.fault == ""


def test_a_silent_watch_is_cut_and_listed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(watch, "SILENCE_MARGIN", 0.2)
    lists = [listing([], "1"), listing([obj("c")], "2")]
    with watching(lists, [Answer(lines=[], hang=30)]) as (watcher, _, _):
        until(watcher, ["c"])


def test_forbidden_ends_a_required_feed() -> None:
    denied = watching([failure(403, "Forbidden", RBAC)], [])
    with denied as (watcher, _, _), pytest.raises(Forbidden, match="may not list pods"):
        watcher.update(10)


def test_forbidden_leaves_an_optional_feed_out() -> None:
    events = Feed(EVENT, "ns", optional=True)
    with watching([failure(403, "Forbidden", RBAC)], [], events) as (watcher, _, _):
        eventually(lambda: watcher.update(0.05) or watcher.complete)
        assert events in watcher.denied
        assert watcher.objects(EVENT) == []


def test_401_in_a_watch_is_reported_after_one_more_list() -> None:
    with watching([listing([], "1"), failure(401)], [failure(401)]) as (watcher, _, _), pytest.raises(Unauthorized):
        eventually(lambda: watcher.update(0.1) and False)


def test_no_answer_is_reported_as_a_fault_while_it_lasts() -> None:
    refusing = [failure(503, message="etcd has no leader")] * 100
    with watching(refusing, []) as (watcher, _, _):
        eventually(lambda: watcher.update(0.05) or watcher.fault)
        assert watcher.fault == "HTTP 503 etcd has no leader"
        assert not watcher.complete


def test_one_feed_however_often_it_is_asked_for() -> None:
    with watching([listing([obj("a")])], [], PODS, PODS, Feed(POD, "ns")) as (watcher, api, _):
        until(watcher, ["a"])
        assert len(api.of(limit="500")) == 1


def test_single_object_is_asked_for_by_name() -> None:
    with watching([listing([obj("a")])], [], Feed(POD, "ns", "a")) as (watcher, api, _):
        until(watcher, ["a"])
        eventually(lambda: api.of(watch="1"))
        assert {request.query["fieldSelector"] for request in api.requests} == {"metadata.name=a"}


def on_retry(watcher: Watcher, over: bool = False) -> None:
    def look() -> bool:
        watcher.update(0.05)
        return bool(watcher.fault) is not over

    eventually(look)


def test_only_listed_when_nothing_is_to_be_followed() -> None:
    with fake_api(lambda request, n: listing([obj("a")])) as api, KubeSession(api.params) as kube:
        with Watcher(kube, [PODS, Feed(POD, "other")], Deadline.after(60), follow=False) as watcher:
            eventually(lambda: (watcher.update(0.05), watcher.complete)[1])
        assert len(api.requests) == 2
        assert not api.of(watch="1")


def test_what_is_old_is_confirmed_by_a_list() -> None:
    """A half-open watch says nothing of what has happened since."""
    lists = [listing([obj("a")], "1"), listing([obj("b")], "9")]
    with watching(lists, []) as (watcher, api, kube):
        until(watcher, ["a"])
        eventually(lambda: api.of(watch="1"))
        assert watcher.confirmed(60)
        assert names(watcher) == ["a"]
        assert not watcher.confirmed(0.0)
        until(watcher, ["b"])
        assert watcher.confirmed(60)
        eventually(lambda: len(api.of(watch="1")) == 2)
        assert api.of(watch="1")[1].query["resourceVersion"] == "9"
        assert kube.counts.retries == 0


def test_nothing_is_confirmed_while_a_feed_has_no_answer() -> None:
    with watching([listing([obj("a")], "1")], [failure(503)] * 3) as (watcher, _, _):
        on_retry(watcher)
        assert watcher.complete
        assert not watcher.confirmed(60)


def test_a_fault_is_over_when_the_watch_is_open_again() -> None:
    with watching([listing([obj("a")], "1")], [Answer(cut=True), failure(503)]) as (watcher, _, _):
        on_retry(watcher)
        eventually(lambda: (watcher.update(0.05), watcher.fault.startswith("HTTP 503"))[1])
        assert watcher.fault_seconds >= 0.2, "since the first of them"
        on_retry(watcher, over=True)
        assert watcher.fault_seconds == 0


def test_a_fault_of_one_feed_stays_though_others_go_on() -> None:
    others = Feed(POD, "other")

    def answer(request: Request, n: int) -> Answer:
        if request.path.endswith("/ns/pods"):
            return failure(500, message="broken")
        return Answer(lines=[event("ADDED", "x", "2")], hang=30) if request.query.get("watch") else listing([])

    with (
        fake_api(answer) as api,
        KubeSession(api.params) as kube,
        Watcher(kube, [PODS, others], Deadline.after(60)) as watcher,
    ):
        on_retry(watcher)
        eventually(lambda: watcher.update(0.05) and watcher.find(POD, "ns", "x"))
        assert watcher.fault == "HTTP 500 broken"
