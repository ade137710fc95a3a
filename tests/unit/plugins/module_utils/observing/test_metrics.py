from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.observing.metrics import alerts_of, ask
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source

from tests.support.fake_kube import FakeKube

POINT = {"metric": {"service": "a"}, "value": [10.0, "0.5"]}


class Asked(FakeKube):
    """A Prometheus with one answer."""

    def __init__(self, kind: str, result: Any) -> None:
        super().__init__()
        self.body = json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})
        self.asked: list[tuple[str, dict[str, str]]] = []

    def service_get(
        self, namespace: str, service: str, port: int | str, path: str, query: Mapping[str, str], **more: Any
    ) -> tuple[int, str]:
        assert more["timeout"] > 0
        self.asked.append((path, dict(query)))
        return 200, self.body


def test_alerts_say_since_when() -> None:
    asked = Asked("vector", [])
    found = {"labels": {"alertname": "A"}, "annotations": {"summary": "so"}, "state": "firing", "value": "1e+00"}
    asked.body = json.dumps({"data": {"alerts": [{**found, "activeAt": "2026-11-30T11:24:57.123456789Z"}]}})
    assert alerts_of(of(asked)) == [
        {**{k: found[k] for k in ("labels", "annotations", "state")}, "since": 1796037897.0}
    ]
    assert [path for path, _query in asked.asked] == ["api/v1/alerts"]
    asked.body = json.dumps({"data": {"alerts": []}})
    assert alerts_of(of(asked)) == []


def of(asked: Asked) -> Source:
    return Source(asked, "Prometheus", "", "n", "s", 9090)


def test_each_query_has_its_series() -> None:
    asked = Asked("vector", [POINT, {"metric": {}, "value": [10.0, "NaN"]}])
    found = ask(of(asked), {"x": "up", "y": "down"}, now=10.0)
    assert found["x"] == found["y"] == [{"labels": {"service": "a"}, "points": [[10.0, 0.5]]},
                                        {"labels": {}, "points": [[10.0, None]]}]  # fmt: skip
    assert asked.asked[0] == ("api/v1/query", {"query": "up", "time": "10.000"})


def test_a_time_is_asked_from_its_beginning() -> None:
    asked = Asked("matrix", [{"metric": {}, "values": [[10.0, "1"], [20.0, "2"]]}])
    (series,) = ask(of(asked), {"x": "up"}, seconds=600, step=10, now=1000.0)["x"]
    assert series["points"] == [[10.0, 1.0], [20.0, 2.0]]
    expected = {"query": "up", "start": "400.000", "end": "1000.000", "step": "10"}
    assert asked.asked == [("api/v1/query_range", expected)]


def test_a_number_is_one_point() -> None:
    assert ask(of(Asked("scalar", [10.0, "3"])), {"x": "3"}, now=1.0) == {
        "x": [{"labels": {}, "points": [[10.0, 3.0]]}]
    }


@pytest.mark.parametrize(("seconds", "step"), [(-1, 60), (60, 0), (1_000_000, 10)])
def test_what_prometheus_would_refuse_is_not_asked(seconds: int, step: int) -> None:
    with pytest.raises(TodoCloudError, match="take a longer step"):
        ask(of(Asked("matrix", [])), {"x": "up"}, seconds=seconds, step=step, now=1.0)


HISTOGRAM = {"metric": {"le": "x"}, "histogram": [10.0, {"count": "1", "sum": "1", "buckets": []}]}


def test_histograms_are_no_numbers() -> None:
    """Native ones come without a value."""
    assert ask(of(Asked("vector", [HISTOGRAM, POINT])), {"x": "h"}, now=1.0)["x"] == [
        {"labels": {"le": "x"}, "points": []}, {"labels": {"service": "a"}, "points": [[10.0, 0.5]]}
    ]  # fmt: skip
    over = {"metric": {}, "histograms": [HISTOGRAM["histogram"]]}
    assert ask(of(Asked("matrix", [over])), {"x": "h"}, seconds=60, now=1.0)["x"] == [{"labels": {}, "points": []}]


@pytest.mark.parametrize(
    "data",
    [
        "text", ["list"], {"result": "text"}, {"result": [1]}, {"result": {"a": 1}}, {"resultType": "scalar"},
        {"resultType": "string", "result": [1.0, "text"]}, {"result": [{"value": [1]}]}, {"result": [{"metric": [1]}]},
        {"result": [{"value": "x"}]}, {"result": [{"values": [[1, "one"]]}]}, {"result": [{"values": [["1e999", {}]]}]},
    ],
    ids=str,
)  # fmt: skip
def test_what_prometheus_never_answers_is_one_sentence(data: Any) -> None:
    asked = Asked("", [])
    asked.body = json.dumps({"data": data})
    with pytest.raises(TodoCloudError, match=r"^What answers as Prometheus is something else: "):
        ask(of(asked), {"x": "up"}, now=1.0)


@pytest.mark.parametrize("alert", [1, {}, {"activeAt": 5}, {"activeAt": "now"}, {"labels": 1}], ids=str)
def test_alerts_of_something_else(alert: Any) -> None:
    asked = Asked("", [])
    asked.body = json.dumps({"data": {"alerts": [alert]}})
    with pytest.raises(TodoCloudError, match=r"^What answers as Prometheus is something else: "):
        alerts_of(of(asked))
