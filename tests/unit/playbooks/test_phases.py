"""A phase of site.yml that not every host came through ends the run: nothing after it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

ROLES = {
    "cluster": "cluster",
    "environment": "environment",
    "platform": "kafka",
    "components": "redpanda_secrets",
}
DEPLOYED = [*ROLES.values(), "release_apply", "rollout_wait"]
GROUPS: dict[str, Any] = {
    "cluster": {"kubernetes": {}},
    "environment": {"namespace": {}},
    "platform": {"kafka": {}},
    "components": {"dapr_components": {}},
    "core_services": {"backend_api": {}},
}


def site(folder: Path, groups: dict[str, Any], *arguments: str, **stub: Any) -> Run:
    """site.yml with roles of one call each; these groups have other hosts than one."""
    stubbed = Stubbed(folder, roles=list(ROLES.values()), **stub)
    stubbed.role("end_early", {"name": "This host ends here", "ansible.builtin.meta": "end_host"})
    return stubbed.run("site", inventory({**GROUPS, **groups}), *arguments)


def deployed(run: Run) -> list[str]:
    """What was called, in its order, each once: roles by their names."""
    called = [call["args"].get("of") or call["module"].rpartition(".")[2] for call in run.calls]
    return [name for name in dict.fromkeys(called) if name in DEPLOYED]


def hosts(phase: str, count: int) -> dict[str, Any]:
    """So many hosts of a phase, the first of them as it is in ``GROUPS``."""
    (first,) = GROUPS[phase]
    further = {"platform_role": "kafka"} if phase == "platform" else {"service_role": "dapr_components"}
    return {first: {}, **{f"other{number}": further for number in range(2, count + 1)}}


FAILING = [("platform", 1), ("platform", 2), ("platform", 3), ("cluster", 2), ("environment", 2), ("components", 2)]


@pytest.mark.parametrize(("phase", "count"), FAILING)
def test_nothing_is_deployed_after_a_phase_that_failed(phase: str, count: int, tmp_path: Path) -> None:
    group = hosts(phase, count)
    run = site(tmp_path, {phase: group}, fail=[next(iter(group))])
    assert run.code != 0, run.output
    assert deployed(run) == DEPLOYED[: DEPLOYED.index(ROLES[phase]) + 1], run.output


@pytest.mark.parametrize("phase", ROLES)
def test_nor_after_one_with_an_unreachable_host(phase: str, tmp_path: Path) -> None:
    run = site(tmp_path, {}, unreachable=[next(iter(GROUPS[phase]))])
    assert run.code != 0, run.output
    assert deployed(run) == DEPLOYED[: DEPLOYED.index(ROLES[phase]) + 1], run.output


def test_nor_after_one_that_a_host_did_not_come_through(tmp_path: Path) -> None:
    """One ends before its time without having failed, one has no role that could be run."""
    other = {"ends": {"platform_role": "end_early"}, "nothing": {"platform_role": "there_is_none"}}
    run = site(tmp_path, {"platform": {"kafka": {}, **other}})
    assert run.code != 0, run.output
    assert deployed(run) == ["cluster", "environment", "kafka"], run.output
    assert "ends, nothing did not come through (platform), see above" in run.text


def test_a_service_that_is_not_described_stops_all(tmp_path: Path) -> None:
    run = site(tmp_path, {"event_services": {"ends": {"service_role": "end_early"}}})
    assert run.code != 0, run.output
    assert deployed(run) == [*ROLES.values()], run.output


def test_all_phases_follow_each_other_without_the_hosts_that_a_limit_leaves_out(tmp_path: Path) -> None:
    run = site(tmp_path, {"platform": hosts("platform", 3)}, "--limit", "!other2", fail=["other2"])
    assert (run.code, deployed(run)) == (0, DEPLOYED), run.output


def test_a_limit_to_a_service_leaves_out_whole_phases(tmp_path: Path) -> None:
    run = site(tmp_path, {}, "--limit", "backend_api", fail=["kafka", "dapr_components"])
    assert (run.code, deployed(run)) == (0, ["release_apply", "rollout_wait"]), run.output
