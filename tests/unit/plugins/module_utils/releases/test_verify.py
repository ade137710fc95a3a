"""release_verify, and release_apply that does the same at its end."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
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
    assert "apps" not in verify_releases(world.run(), {"components": ""})


def test_a_pod_without_its_sidecar_is_named_and_not_restarted() -> None:
    world = deployed()
    without_sidecar(world)
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(world.run(timeout=1), APPS)
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
    assert "verification" not in failed.results


def test_check_mode_neither_probes_nor_verifies() -> None:
    report = deployed().apply({"api": A2}, check=True, verify=True, probe=True, endpoint=NOWHERE).as_result()
    assert "availability" not in report
    assert "verification" not in report
