# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading: lists in pages, kinds looked up, logs, pods' own pages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    KubeError,
    NotFound,
    Unreachable,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.support.fake_api import Answer, Request, failure, fake_api, listing, obj


def test_find_is_none_for_what_is_not_there() -> None:
    with fake_api(lambda request, n: failure(404)) as api, KubeSession(api.params) as kube:
        assert kube.find(POD, "ns", "x") is None


def test_list_reads_all_pages() -> None:
    pages = {None: listing([obj("a")], "7", "next"), "next": listing([obj("b")], "7")}
    with fake_api(lambda request, n: pages[request.query.get("continue")]) as api, KubeSession(api.params) as kube:
        items, version = kube.list_(POD, "ns", label_selector="a=b", metadata_only=True)
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
    assert version == "7"
    assert api.requests[0].query["labelSelector"] == "a=b"
    assert "PartialObjectMetadataList" in api.requests[0].headers["accept"]


def test_list_whose_pages_expired_begins_again() -> None:
    answers = [listing([obj("a")], "7", "next"), failure(410, "Expired"), listing([obj("a"), obj("b")], "9")]
    with fake_api(lambda request, n: answers[n]) as api, KubeSession(api.params) as kube:
        items, version = kube.list_(POD, "ns")
    assert len(items) == 2
    assert version == "9"


def test_logs_and_proxy() -> None:
    def answer(request: Request, n: int) -> Answer:
        return Answer(body=b"one\ntwo\n") if request.path.endswith("/log") else Answer(503, b"not yet")

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        assert kube.logs("ns", "x", "app", previous=True, tail=2) == "one\ntwo\n"
        assert kube.proxy_get("ns", "x", 8080, "/ready") == (503, "not yet")
    assert api.requests[0].query == {"container": "app", "tailLines": "2", "limitBytes": "65536", "previous": "true"}
    assert api.requests[1].path == "/api/v1/namespaces/ns/pods/x:8080/proxy/ready"


@pytest.mark.parametrize(("size", "number"), [(100, 60), (3000, 60), (70_000, 3), (400, 5000)])
def test_the_end_of_a_log_of_long_lines_is_read(size: int, number: int) -> None:
    """A kubelet begins with the first of the last lines, and stops when it has written limitBytes."""
    lines = [b"x" * size + b" line %d\n" % at for at in range(2 * number)]

    def answer(request: Request, n: int) -> Answer:
        return Answer(body=b"".join(lines[-int(request.query["tailLines"]) :])[: int(request.query["limitBytes"])])

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        found = kube.logs("ns", "x", "app", tail=number)
    assert len(api.requests) <= 10
    assert found.encode() == b"".join(lines)[-len(found) :] or size > 65_536
    assert len(found) > min(20_000, number * size)


def endless(size: int, pause: float) -> Iterator[str]:
    while True:
        yield "x" * size
        time.sleep(pause)


@pytest.mark.parametrize(("size", "pause"), [(1, 0.05), (1 << 20, 0.0)], ids=["trickles", "pours"])
def test_an_answer_of_a_pod_that_has_no_end_is_left(size: int, pause: float) -> None:
    """Its readiness path may be a stream of events."""
    answer = Answer(lines=endless(size, pause))  # type: ignore[arg-type]
    with fake_api(lambda request, n: answer) as api, KubeSession(api.params) as kube:
        status, body = kube.proxy_get("ns", "x", 8080, "/events", timeout=1.5)
    assert status == 200
    assert 1 < len(body) <= 32 << 20


def test_an_answer_of_a_pod_that_says_nothing_after_its_beginning_is_left() -> None:
    answer = Answer(lines=["x"], hang=30.0)
    left = pytest.raises(Unreachable, match="was cut off")
    with fake_api(lambda request, n: answer) as api, KubeSession(api.params) as kube, left:
        kube.proxy_get("ns", "x", 8080, "/events", timeout=2.0)


def test_unknown_kind_is_looked_up_once() -> None:
    served = {
        "resources": [
            {"name": "topics", "kind": "Topic", "namespaced": True},
            {"name": "topics/status", "kind": "Topic"},
        ]
    }
    with fake_api(lambda request, n: Answer(body=served)) as api, KubeSession(api.params) as kube:
        assert kube.resource("example.com/v1", "Topic").plural == "topics"
        assert kube.resource("example.com/v1", "Topic").namespaced
        with pytest.raises(NotFound, match='no kind "Other"'):
            kube.resource("example.com/v1", "Other")
    assert len(api.requests) == 2


def test_what_is_not_json_is_reported() -> None:
    page = Answer(body=b"<html>please log in</html>")
    refused = pytest.raises(KubeError, match="something other than JSON")
    with fake_api(lambda request, n: page) as api, KubeSession(api.params) as kube, refused:
        kube.get(POD, "ns", "x")


def test_the_version_is_asked_once_and_is_one() -> None:
    answers = [{"gitVersion": "v1.36.1-gke.7+meta"}, {"gitVersion": "--post-renderer=x"}, {}]
    with fake_api(lambda request, n: Answer(body=answers[n])) as api:
        with KubeSession(api.params) as kube:
            assert [kube.version(), kube.version()] == ["v1.36.1-gke.7+meta"] * 2
        for _answer in answers[1:]:
            with KubeSession(api.params) as kube, pytest.raises(KubeError):
                kube.version()
