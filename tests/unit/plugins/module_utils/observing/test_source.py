from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.observing import source as source_module
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source, json_of, source_of

from tests.support.fake_api import Answer, failure, fake_api

PATH = "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/query"
OPTIONS = {"namespace": "monitoring", "service": "prometheus-operated", "port": 9090, "url": ""}

MAY_NOT = 'services "x" is forbidden: User "a" cannot get resource "services/proxy" in API group ""'


def get(answer: Answer, options: Mapping[str, object] = OPTIONS) -> tuple[str, str]:
    """What is read, and where the request went."""
    with fake_api(lambda request, n: answer) as api, KubeSession(api.params) as kube:
        given = {**options, "url": api.params["host"]} if options["url"] else options
        body = source_of(kube, "Prometheus", "monitoring_prometheus_url", given).get("api/v1/query", {"query": "a b"})
        (request,) = api.requests
        assert request.query == {"query": "a b"}
        return body, request.path


def test_a_service_is_asked_through_the_api_server() -> None:
    assert get(Answer(body={"a": 1})) == ('{"a": 1}', PATH)


def test_a_url_is_asked_itself() -> None:
    assert get(Answer(body={"a": 1}), {**OPTIONS, "url": "given"})[1] == "/api/v1/query"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Answer(422, {"error": "parse error"}), Code.INVALID_INPUT, "does not understand the query: .*parse"),
        (Answer(503, {"error": "starting"}), Code.UNREACHABLE, r"Prometheus \(Service prometheus-operated in namespace "
         "monitoring\\) answers with HTTP 503"),
        (failure(404, "NotFound", 'services "x" not found'), Code.NOT_FOUND, "Is it installed\\? monitoring_"),
        (failure(403, "Forbidden", MAY_NOT), Code.FORBIDDEN, "cannot be asked"),
    ],
)  # fmt: skip
def test_why_it_could_not_be_asked_is_told(answer: Answer, code: Code, words: str) -> None:
    with pytest.raises(TodoCloudError, match=words) as caught:
        get(answer)
    assert caught.value.failure.code == code


@pytest.mark.parametrize("status", [200, 503])
def test_a_url_whose_answer_is_cut_off(status: int) -> None:
    with pytest.raises(TodoCloudError, match="does not answer") as caught:
        get(Answer(status, lines=[{"a": 1}], cut=True), {**OPTIONS, "url": "given"})
    assert caught.value.failure.code is Code.UNREACHABLE


def test_a_url_whose_answer_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_MOST_BYTES", 1 << 20)
    with pytest.raises(TodoCloudError, match="does not answer: its answer is larger than 1 MiB"):
        get(Answer(body=b"x" * (2 << 20)), {**OPTIONS, "url": "given"})


def test_a_url_where_nothing_answers_is_named() -> None:
    source = Source(None, "Prometheus", "monitoring_prometheus_url", "", "", 0, "http://127.0.0.1:1")  # type: ignore[arg-type]
    with pytest.raises(TodoCloudError, match=r"Prometheus at http://127\.0\.0\.1:1 does not answer: .*refused"):
        source.get("x", {})
    with pytest.raises(TodoCloudError, match=r"What answers as Prometheus is something else: <html>\."):
        json_of(source, "<html>")
