"""release_verify, and release_apply that does the same at its end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.events import read
from ansible_collections.todo.cloud.plugins.module_utils.releases import verify
from ansible_collections.todo.cloud.plugins.module_utils.releases.verify import verify_releases

from tests.support.fake_environment import A1, A2, BAD, C1, World, deployed, outcomes
from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.test_availability import serving

APPS = {"components": "", "api": "api"}
NOWHERE = Endpoint("http://127.0.0.1:1/health")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sidecars say that they have loaded the component."""
    monkeypatch.setattr(FakeKube, "proxy_get", lambda *_, **__: (200, '{"components": [{"name": "pubsub"}]}'))


def without_sidecar(world: World) -> None:
    """The pod of api runs without daprd, which nobody noticed yet."""
    (pod,) = [item for (kind, _, _), item in world.kube.objects.items() if kind == "Pod"]
    spec = {**pod["spec"], "containers": [c for c in pod["spec"]["containers"] if c["name"] != "daprd"]}
    statuses = [s for s in pod["status"]["containerStatuses"] if s["name"] != "daprd"]
    world.kube.put(POD, "ns", {**pod, "spec": spec, "status": {**pod["status"], "containerStatuses": statuses}})


@pytest.mark.usefixtures("loaded")
def test_everything_is_looked_at_and_nothing_is_written() -> None:
    world = deployed()
    with serving([503, 200]) as url:
        found = verify_releases(world.run(), APPS, Endpoint(url), pause=lambda _: None)
    assert (found["verdict"], [app["app_id"] for app in found["apps"]]) == ("Current", ["api"])
    assert world.writes() == []


def test_releases_without_sidecars_ask_for_none() -> None:
    world = deployed()
    found = verify_releases(world.run(), {"components": ""})
    assert "apps" not in found
    assert found["sidecars"] == "no pod asks for a Dapr sidecar"


@pytest.mark.usefixtures("loaded")
def test_what_should_have_a_sidecar_is_read_from_what_is_rendered() -> None:
    """Nobody named an app id: a chart of another team."""
    world = deployed()
    assert verify_releases(world.run(), {"api": ""})["sidecars"] == "1 of 1 pod has its Dapr sidecar ready"
    without_sidecar(world)
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(world.run(timeout=3), {"api": ""})
    assert caught.value.failure.code is Code.SIDECAR_MISSING


def test_what_dapr_does_not_take_for_true_is_a_note_where_nobody_named_an_app() -> None:
    world = World()
    world.manual("api", {"image": "r/api:v1.0.0", "podAnnotations": {"dapr.io/enabled": "yes"}})
    for pod in [item for (kind, _, _), item in world.kube.objects.items() if kind == "Pod"]:
        pod["spec"]["containers"] = pod["spec"]["containers"][:1]
    found = verify_releases(world.run(), {"api": ""})
    assert 'enabled: "yes"' in found["notes"][0]
    assert found["sidecars"] == "no pod asks for a Dapr sidecar"


def test_a_pod_without_its_sidecar_is_named_and_not_restarted() -> None:
    world = deployed()
    without_sidecar(world)
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(world.run(timeout=3), APPS)
    assert caught.value.failure.code is Code.SIDECAR_MISSING
    assert world.writes() == []


def test_a_component_that_a_sidecar_has_not_loaded_is_named() -> None:
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(deployed().run(), APPS)
    assert caught.value.failure.code is Code.COMPONENT_NOT_LOADED


@pytest.mark.usefixtures("loaded")
def test_an_endpoint_that_does_not_answer() -> None:
    pauses: list[float] = []
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(deployed().run(), APPS, NOWHERE, pause=pauses.append)
    assert caught.value.failure.code is Code.ENDPOINT_DOWN
    assert sum(pauses) >= 20


CERTIFICATE = Resource("cert-manager.io/v1", "Certificate", "certificates")
NOT_ISSUED = {"conditions": [{"type": "Ready", "status": "False", "message": "Issuing certificate"}]}


@pytest.mark.usefixtures("loaded")
def test_a_first_certificate_is_awaited_until_the_endpoint_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    pauses: list[float] = []
    world.kube.put(CERTIFICATE, "ns", {"metadata": {"name": "api-tls"}, "status": NOT_ISSUED})
    monkeypatch.setattr(verify, "problem_of", lambda _: "" if len(pauses) == 40 else "certificate verify failed")
    verify_releases(world.run(timeout=60), APPS, Endpoint("https://todo.example.com/health"), pause=pauses.append)
    assert len(pauses) == 40


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("failed", "timeout", "tail"),
    [
        ({}, 0, "Issuing certificate."),
        (
            {"failedIssuanceAttempts": 1, "lastFailureTime": "2026-11-22T09:30:00Z"},
            600,
            "Issuing certificate. cert-manager tries again at 2026-11-22T10:30:00Z.",
        ),
    ],
)
def test_one_that_does_not_come_is_explained(
    failed: dict[str, Any], timeout: float, tail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = deployed()
    world.kube.put(CERTIFICATE, "ns", {"metadata": {"name": "api-tls"}, "status": {**NOT_ISSUED, **failed}})
    monkeypatch.setattr(verify, "problem_of", lambda _: "certificate verify failed")
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(
            world.run(timeout=timeout), APPS, Endpoint("https://todo.example.com/health"), pause=lambda _: None
        )
    assert caught.value.failure.message == (
        "https://todo.example.com/health does not answer: certificate verify failed. "
        f"Certificate api-tls is not issued: {tail}"
    )


@pytest.mark.usefixtures("loaded")
def test_a_run_with_nothing_to_do_verifies_all_of_it_at_its_end() -> None:
    world = deployed()
    with serving([200]) as url:
        endpoint = Endpoint(url)
        report = world.apply({"components": C1}, {"api": A1}, verify=True, probe=True, endpoint=endpoint).as_result()
    assert outcomes(report) == {"components": "unchanged", "api": "unchanged"}
    assert [app["app_id"] for app in report["verification"]["apps"]] == ["api"]
    assert report["availability"]["requests"] >= 1
    assert report["availability"]["before_first"] == 0
    assert len(read(world.kube, "ns")) == 1, "it is no event"
    assert world.writes() == []


def test_what_fails_there_was_deployed_and_recorded() -> None:
    failed = deployed().fails({"api": A2}, verify=True)
    assert failed.failure.code is Code.COMPONENT_NOT_LOADED
    assert (outcomes(failed.results), failed.results["set"]) == ({"api": "verified"}, 2)
    assert [failure["code"] for failure in failed.results["failures"]] == ["component_not_loaded"]


def test_a_run_that_fails_says_what_visitors_met_and_verifies_nothing() -> None:
    world = deployed()
    with serving([200]) as url:
        failed = world.fails({"api": BAD}, verify=True, probe=True, endpoint=Endpoint(url))
    assert failed.failure.code is Code.CRASH_LOOP
    assert failed.results["availability"]["failed_requests"] == 0
    seen, kept = failed.results["availability"], read(world.kube, "ns")[0]
    assert (kept.requests, kept.longest_gap_ms) == (seen["requests"], seen["longest_gap_ms"])
    assert kept.requests > 0
    assert "verification" not in failed.results


def test_check_mode_neither_probes_nor_verifies() -> None:
    report = deployed().apply({"api": A2}, check=True, verify=True, probe=True, endpoint=NOWHERE).as_result()
    assert "availability" not in report
    assert "verification" not in report
