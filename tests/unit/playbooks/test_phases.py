"""A phase of site.yml that not every host came through ends the run: nothing after it is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

ROLES = {
    "cluster": "cluster",
    "environment": "environment",
    "platform": "kafka",
    "components": "redpanda_secrets",
    "dependencies": "database",
}
DEPLOYED = [*ROLES.values(), "release_apply", "release_verify"]
GROUPS: dict[str, Any] = {
    "cluster": {"kubernetes": {}},
    "environment": {"namespace": {}},
    "platform": {"kafka": {}},
    "components": {"dapr_components": {}},
    "dependencies": {"database": {}},
    "core_services": {"backend_api": {}},
}


class Site(Protocol):
    """site.yml with roles of one call each; these groups have other hosts than one. See ``Stubbed.run``."""

    def __call__(self, groups: dict[str, Any], *arguments: str, **stub: Any) -> Run: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Stubbed(tmp_path_factory.mktemp("site"), roles=list(ROLES.values())) as stubbed:
        stubbed.add_role("end_early", {"name": "This host ends here", "ansible.builtin.meta": "end_host"})
        yield lambda groups, *arguments, **stub: stubbed.run(
            "site", inventory({**GROUPS, **groups}), *arguments, **stub
        )


def deployed(run: Run) -> list[str]:
    """What was called, in its order, each once: roles by their names."""
    called = [call["args"].get("of") or call["module"].rpartition(".")[2] for call in run.calls]
    return [name for name in dict.fromkeys(called) if name in DEPLOYED]


def hosts(phase: str, count: int) -> dict[str, Any]:
    """So many hosts of a phase, the first of them as it is in ``GROUPS``."""
    (first,) = GROUPS[phase]
    further = {"platform": {"platform_role": "kafka"}, "dependencies": {"dependency_role": "database"}}.get(
        phase, {"service_role": "dapr_components"}
    )
    return {first: {}, **{f"other{number}": further for number in range(2, count + 1)}}


FAILING = [
    ("platform", 1),
    ("platform", 2),
    ("platform", 3),
    ("cluster", 2),
    ("environment", 2),
    ("components", 2),
    ("dependencies", 2),
]


@pytest.mark.parametrize(("phase", "count"), FAILING)
def test_nothing_is_deployed_after_a_phase_that_failed(phase: str, count: int, site: Site) -> None:
    group = hosts(phase, count)
    run = site({phase: group}, fail=[next(iter(group))])
    assert run.code != 0, run.output
    assert deployed(run) == DEPLOYED[: DEPLOYED.index(ROLES[phase]) + 1], run.output


@pytest.mark.parametrize("phase", ROLES)
def test_nor_after_one_with_an_unreachable_host(phase: str, site: Site) -> None:
    run = site({}, unreachable=[next(iter(GROUPS[phase]))])
    assert run.code != 0, run.output
    assert deployed(run) == DEPLOYED[: DEPLOYED.index(ROLES[phase]) + 1], run.output


def test_nor_after_one_that_a_host_did_not_come_through(site: Site) -> None:
    """One ends before its time without having failed, one has no role that could be run."""
    other = {"ends": {"platform_role": "end_early"}, "nothing": {"platform_role": "there_is_none"}}
    run = site({"platform": {"kafka": {}, **other}})
    assert run.code != 0, run.output
    assert deployed(run) == ["cluster", "environment", "kafka"], run.output
    assert "ends, nothing did not come through (platform), see above" in run.text


def test_a_service_that_is_not_described_stops_all(site: Site) -> None:
    run = site({"event_services": {"ends": {"service_role": "end_early"}}})
    assert run.code != 0, run.output
    assert deployed(run) == [*ROLES.values()], run.output


def test_all_phases_follow_each_other_without_the_hosts_that_a_limit_leaves_out(site: Site) -> None:
    run = site({"platform": hosts("platform", 3)}, "--limit", "!other2", fail=["other2"])
    assert (run.code, deployed(run)) == (0, DEPLOYED), run.output


def test_a_limit_to_a_service_leaves_out_whole_phases(site: Site) -> None:
    run = site({}, "--limit", "backend_api", fail=["kafka", "dapr_components"])
    assert (run.code, deployed(run)) == (0, ["release_apply", "release_verify"]), run.output
    assert "todo-test: backend-api is current" in run.text


def test_an_inventory_without_dependencies_goes_on_as_before(site: Site) -> None:
    run = site({"dependencies": {}})
    assert (run.code, deployed(run)) == (0, [name for name in DEPLOYED if name != "database"]), run.output
    assert "Could not match supplied host pattern" not in run.output


@pytest.fixture(scope="module")
def as_described(site: Site) -> Run:
    """Only one of two hosts of the platform is not as its role describes it."""
    parts = {"current": ["kubernetes", "namespace", "kafka"], "parts": []}
    return site({"platform": hosts("platform", 2)}, answers={"todo.cloud.platform_info": parts})


def test_roles_whose_part_is_as_described_do_nothing(as_described: Run) -> None:
    run = as_described
    assert (run.code, deployed(run)) == (
        0,
        ["kafka", "redpanda_secrets", "database", "release_apply", "release_verify"],
    ), run.output
    assert [call["host"] for call in run.calls if call["args"].get("of") == "kafka"] == ["other2"]


def test_parts_are_compared_in_one_call_and_are_never_a_list_there(as_described: Run) -> None:
    """As a list, each of its words would be hidden in the result."""
    (call,) = as_described.arguments("platform_info")
    parts = json.loads(call["parts"])
    assert [part["name"] for part in parts] == [
        "kubernetes",
        "namespace",
        "kafka",
        "other2",
        "dapr_components",
        "database",
    ]


def test_what_release_apply_verified_last_is_not_verified_again(site: Site) -> None:
    verification = {"verdict": "Current", "sidecars": "2 of 2 pods have their Dapr sidecar ready"}
    run = site({}, answers={"todo.cloud.release_apply": {"verification": verification}})
    assert (run.code, deployed(run)) == (0, DEPLOYED[:-1]), run.output
    assert [call["verify"] for call in run.arguments("release_apply")] == [True]
    assert "todo-test: dapr-components, backend-api are current, 2 of 2 pods have their Dapr sidecar ready." in run.text


def test_the_last_sentence_claims_nothing_that_was_not_checked(site: Site) -> None:
    run = site({}, answers={"todo.cloud.release_verify": {"verdict": "Current"}})
    assert "backend-api are current, sidecars were not checked." in run.text


@pytest.mark.parametrize("failed", [False, True])
def test_how_the_public_endpoint_did_is_shown_however_the_deployment_ends(failed: bool, site: Site) -> None:
    availability = {"summary": "7 requests, 1 failed", "failures": [{"why": "status 502"}]}
    answer = {"failed": failed, "msg": "the end", "availability": availability}
    extra = ("-e", "environment_url=http://todo.example.com")
    run = site({}, *extra, answers={"todo.cloud.release_apply": answer})
    assert bool(run.code) is failed, run.output
    assert "http://todo.example.com: 7 requests, 1 failed" in run.text
    assert "status 502" in run.text
