"""The comparison with what ran before: what is worse, what is noise, and what cannot be told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import bake as oven
from ansible_collections.todo.cloud.plugins.module_utils.deploy.bake import Bake, Baked, Oven
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A2, C1, deployed
from tests.support.fake_kube import FakeKube

Seen = Mapping[str, tuple[float, float, float]]  # service -> requests, errors, seconds
BEFORE, AFTER = 1000.0, 2000.0
WELL: Seen = {"api": (1000, 1, 0.1)}


class Metrics(Source):
    """Answers for the window that ends at a time."""

    def __init__(self, before: Seen, after: Seen) -> None:
        super().__init__(FakeKube(), "Prometheus", "bake", "monitoring", "prometheus", 9090)
        object.__setattr__(self, "seen", {BEFORE: before, AFTER + 60: after})
        object.__setattr__(self, "queries", [])

    seen: Mapping[float, Seen]
    queries: list[str]

    def get(self, path: str, query: Mapping[str, str]) -> str:
        self.queries.append(query["query"])
        index = 2 if "duration" in query["query"] else int("status" in query["query"])
        values = {name: values[index] for name, values in self.seen[float(query["time"])].items()}
        result = [{"metric": {"container": name}, "value": [1, str(value)]} for name, value in values.items()]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Oven, "_wait", lambda self: None)


def bake(before: Seen, after: Seen, lines: list[str] | None = None, **given: Any) -> Baked:
    wanted = Bake(60, **given)
    return Oven(wanted, Metrics(before, after), "ns", ([] if lines is None else lines).append).bake(BEFORE, AFTER)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ((1000, 20, 0.1), "2.0% of its requests are answered with 5xx, before it was 0.1%"),
        ((1000, 1, 0.2), "a request takes 200 ms on average, before it was 100 ms"),
    ],
)
def test_more_errors_or_more_seconds_are_a_regression(after: tuple[float, float, float], why: str) -> None:
    found = bake(WELL, {"api": after})
    assert found.failures["api"].code is Code.REGRESSION
    assert found.failures["api"].message == f"api: {why} (bake of 60 s)."
    assert not found.as_result()["ok"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WELL, {"api": (1000, 9, 0.14)}),  # within what is allowed
        (WELL, {"api": (60, 4, 0.1)}),  # 4 errors are no rate
        ({"api": (1000, 0, 0.005)}, {"api": (1000, 0, 0.04)}),  # eight times nothing
        ({"api": (1000, 300, 0.1)}, {"api": (1000, 300, 0.1)}),  # as bad as before
        (WELL, {"api": (1000, 0, float("nan"))}),
    ],
)
def test_noise_is_none(before: Seen, after: Seen) -> None:
    found = bake(before, after)
    assert (found.failures, found.judged, found.warnings) == ({}, ["api"], [])


def test_one_request_that_hung_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves the mean, and not the quantile."""
    was, now = oven.Window({"api": 60}, {}, {"api": 0.1}, {"api": 0.2}), {"api": 60}
    windows = iter([was, oven.Window(now, {}, {"api": 0.3}, {"api": 0.21})])
    monkeypatch.setattr(Oven, "_window", lambda self, at: next(windows))
    assert bake(WELL, WELL).failures == {}


def test_who_had_too_few_requests_is_not_judged() -> None:
    lines: list[str] = []
    found = bake({**WELL, "web": (10, 0, 0.1)}, {**WELL, "web": (1000, 900, 9)}, lines)
    assert (found.failures, found.judged) == ({}, ["api"])
    assert lines == [
        "bake: web was not judged, with fewer than 50 requests before or after",
        "bake: api as well as before",
    ]
    assert bake({}, WELL).warnings == ["bake: no service had enough requests before and after to be compared."]


def test_nobody_waits_where_nothing_could_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []
    monkeypatch.setattr(Oven, "_wait", lambda self: waits.append("a wait"))
    quiet = {"web": (10.0, 0.0, 0.1)}
    assert Oven(Bake(60), Metrics(quiet, WELL), "ns", print).bake(BEFORE, AFTER).warnings
    assert waits == []
    assert Oven(Bake(60), Metrics(WELL, WELL), "ns", print).bake(BEFORE, AFTER).judged == ["api"]
    assert len(waits) == 1


def test_queries_are_for_the_namespace_and_the_window_and_can_be_others() -> None:
    source = Metrics(WELL, WELL)
    own = {"requests": 'sum by (container) (rate(spans{ns="$namespace"}[$window]))'}
    Oven(Bake(60, queries=own, latency_quantile=0.5), source, "ns", print).bake(BEFORE, AFTER)
    assert source.queries[0] == 'sum by (container) (rate(spans{ns="ns"}[60s]))'
    assert 'namespace="ns",status=~"5.."}[60s]' in source.queries[1]
    assert source.queries[2].startswith(
        'sum by (container) (increase(http_request_duration_seconds_sum{namespace="ns",route!~'
    )
    assert source.queries[3].startswith("histogram_quantile(0.5, ")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ([{"metric": {"container": "api"}, "histogram": [1, {}]}], "had enough requests"),
        ([{"value": 1}], "something else"),
    ],
    ids=["histogram", "nonsense"],
)
def test_an_answer_without_numbers_is_a_warning(result: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a query of one's own; everything is deployed by then."""
    body = json.dumps({"data": {"resultType": "vector", "result": result}})
    monkeypatch.setattr(Metrics, "get", lambda *_args: body)
    found = bake(WELL, WELL)
    assert (dict(found.failures), list(found.judged)) == ({}, [])
    assert why in found.warnings[0]


class Silent(FakeKube):
    """No Service answers."""

    def service_get(
        self, namespace: str, service: str, port: int | str, path: str, query: Mapping[str, str], **_: Any
    ) -> tuple[int, str]:
        self.asked = (namespace, service, port, path)
        raise NotFound("There is no Service.", 404)


def test_prometheus_is_asked_through_the_api_server_and_no_answer_is_a_warning() -> None:
    kube, bake = Silent(), Bake(60, namespace="monitoring", service="prometheus")
    found = Oven(bake, bake.prometheus(kube), "ns", print).bake(BEFORE, AFTER)
    assert kube.asked == ("monitoring", "prometheus", 9090, "api/v1/query")
    [warning] = found.warnings
    assert warning.startswith("bake: errors and latency were not compared, since Prometheus does not tell: Prometheus")
    assert "There is no Service." in warning
    assert found.failures == {}


def test_a_run_with_a_regression_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = bake(WELL, {"api": (1000, 500, 0.1)})

    def worse(self: Oven, began: float, verified: float) -> Baked:
        assert began > 0
        return seen

    monkeypatch.setattr(oven.Oven, "bake", worse)
    world = deployed()
    failed = world.fails({"components": C1}, {"api": A2}, bake={"seconds": 60})
    assert failed.failure.code is Code.REGRESSION
    assert "the whole set is back" in failed.failure.message
    assert failed.results["bake"] == {"ok": False, "judged": ["api"]}


def test_a_worse_service_that_the_run_left_alone_is_laid_to_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = bake({"web": (99, 0, 0.1)}, {"web": (99, 99, 0.1)})
    monkeypatch.setattr(oven.Oven, "bake", lambda self, began, verified: seen)
    world = deployed()
    failed = world.fails({"components": C1}, {"api": A2}, bake={"seconds": 60}, on_failure=OnFailure.RELEASE)
    assert failed.failure.message.startswith("web: 100.0% of its requests are answered with 5xx, before it was 0.0%")
    assert [row["outcome"] for row in failed.results["releases"]] == ["unchanged", "restored"]


def test_without_seconds_nothing_is_compared() -> None:
    assert Bake.parse({"seconds": 0}) is None
    assert Bake.parse(None) is None
    report = deployed().apply({"components": C1}, {"api": A2}, bake={"seconds": 0})
    assert report.bake is None


def test_a_plan_says_it() -> None:
    report = deployed().apply({"components": C1}, {"api": A2}, bake={"seconds": 60, "port": None}, check=True)
    assert "bake: errors and latency of 60 s after the last wave are compared with those before" in report.notes
