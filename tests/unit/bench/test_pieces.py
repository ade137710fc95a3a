"""The arithmetic between what was measured and what the tables and goals say."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import create_autospec

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.bench import releases, site, traffic, users, verdicts
from tests.bench.deployers import Deployer
from tests.bench.failures import CASES, condition, ends_again, waits
from tests.bench.figures import Findings
from tests.bench.releases import BACK, CHANGED, FEW_SAME, SAME, WAVES, Figures
from tests.bench.traffic import Wait
from tests.bench.world import Broken, World


def met(found: Findings) -> dict[str, bool]:
    return {goal.what: goal.met for goal in found.goals}


def pod(**state: object) -> dict[str, object]:
    return {"status": {"containerStatuses": [{"restartCount": 0, "state": {}, **state}]}}


def test_signs_of_failure() -> None:
    assert waits("ErrImagePull")(pod(state={"waiting": {"reason": "ErrImagePull"}}))
    assert not waits("ErrImagePull")(pod(state={"waiting": {"reason": "ContainerCreating"}}))
    assert not waits("ErrImagePull")({"status": {}})
    assert ends_again()(pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=1))
    assert ends_again()(pod(state={"terminated": {"exitCode": 3}}, restartCount=1))
    assert not ends_again()(pod(state={"terminated": {"exitCode": 3}})), "one end may recover"
    assert not ends_again("initContainerStatuses")(pod(state={"terminated": {}}, restartCount=1))
    unscheduled = {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}
    assert condition("PodScheduled", "False", "Unschedulable")(unscheduled)
    assert not condition("PodScheduled", "False", "SchedulingGated")(unscheduled)
    assert not condition("PodScheduled", "True")(unscheduled)


def test_verdicts_count_from_the_sight_and_beyond_the_grace() -> None:
    first = dict.fromkeys(CASES, 100.0)
    judged = {name: 100.0 + case.grace + 1.0 for name, case in CASES.items()}
    codes = {name: case.code for name, case in CASES.items()}
    ended = {("helm", name): (160.0, 1) for name in CASES} | {("kubectl", "quota"): (97.0, 0)}
    found = verdicts.findings(first, judged, codes, ended)
    assert all(met(found).values())
    row = next(row for row in found.rows if row["failure"] == "quota")
    assert (row["rollout_wait s"], row["beyond the grace s"]) == (21.0, 1.0)
    assert (row["helm --wait s"], row["helm --wait says"]) == (60.0, "failed")
    assert (row["kubectl rollout status s"], row["kubectl rollout status says"]) == (None, "ready (wrong)")


def test_a_verdict_that_is_late_wrong_or_missing_misses_its_goal() -> None:
    first = dict.fromkeys(CASES, 100.0)
    judged = {name: 100.0 + case.grace + 1.0 for name, case in CASES.items()} | {"crash-loop": 103.1}
    codes = {name: case.code for name, case in CASES.items()} | {"quota": "timeout"}
    del judged["missing-secret"], first["out-of-memory"]
    missed = {
        what.partition(":")[0] for what, good in met(verdicts.findings(first, judged, codes, {})).items() if not good
    }
    assert missed == {"crash-loop", "quota", "missing-secret", "out-of-memory"}


def test_requests_that_grow_with_the_workloads_miss_the_goal() -> None:
    constant = [Wait(traffic.OURS, size, 60.0, 20, 1000 * size) for size in traffic.SIZES]
    peer = [Wait(traffic.PEER, size, 60.0, 12 * size, 1000 * size) for size in traffic.SIZES]
    assert all(met(traffic.findings([*constant, *peer])).values())
    growing = [Wait(traffic.OURS, size, 60.0, 12 * size, 1000) for size in traffic.SIZES]
    assert not any(met(traffic.findings(growing)).values())
    assert traffic.findings(constant).rows[-1]["kB a workload"] == 1.0


def test_releases_are_compared_with_the_right_peers() -> None:
    tools = [
        Figures(releases.ReleaseApply.name,
                {FEW_SAME: 1.0, SAME: 1.0, CHANGED: 6.0, WAVES: 9.0, BACK: 6.0}, {SAME: (9, 0, 9000)}),
        Figures(releases.Helmfile.name, {FEW_SAME: 2.0, SAME: 1.9}),
        Figures(releases.Ideal.name, {CHANGED: 5.0, WAVES: 7.0}),
        Figures(releases.AtOnce.name, {CHANGED: 4.7, WAVES: 8.0, BACK: 8.0}),
    ]  # fmt: skip
    goals = list(met(releases.findings(tools)).values())
    assert goals == [True, False, True, True, False, False, True, True]


def test_without_a_peer_its_goals_are_missed_and_the_others_stand() -> None:
    found = releases.findings([Figures(releases.ReleaseApply.name, {SAME: 1.0}, {SAME: (9, 2, 9000)})])
    assert not any(met(found).values())
    assert found.rows[0]["unchanged: requests"] == 9


LINE = {
    "Request Count": "10",
    "Failure Count": "0",
    "50%": "20",
    "95%": "1900",
    "99%": "2500",
    "Max Response Time": "2600",
}


def test_users_goals() -> None:
    lines = [{"Name": "page", **LINE, "95%": "2900"}, {"Name": "add", **LINE}, {"Name": "Aggregated", **LINE},
             {"Name": "never", **LINE, "Request Count": "0", "95%": "N/A"}]  # fmt: skip
    rows = users.operations(lines)
    assert [row["operation"] for row in rows] == ["page", "add"]
    assert all(met(users.findings(rows, {"status.yml": 2.0})).values())
    rows[1]["failures"], rows[1]["p95 s"] = 1, 2.1
    missed = [what for what, good in met(users.findings(rows, {"status.yml": 3.5})).items() if not good]
    assert missed == ["failed requests", "p95 of add", "status.yml"]
    with pytest.raises(Broken):
        users.findings([], {})


class _Fails(Deployer):
    name = "fails"

    def install(self, text: str) -> None:
        raise Broken("it prints a reason")


def test_a_tool_that_fails_does_not_cost_the_others_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    world = create_autospec(World, instance=True)
    monkeypatch.setattr(releases, "DEPLOYERS", (_Fails,))
    found = releases.measure(world)
    assert found.rows == []
    assert not any(met(found).values())
    assert "fails: no figures: it prints a reason" in found.notes


def runs(seconds: float, cpu: float = 2.0, output: str = "") -> list[site.Run]:
    return [site.Run(seconds, cpu, output), site.Run(seconds + 9, cpu, output), site.Run(seconds - 1, 3.0, output)]


def test_a_run_with_nothing_to_do_is_compared_with_the_quicker_helmfile_and_one_new_image_with_helm() -> None:
    ours = {site.SITE: runs(12.0, output="TASK [a] ***\nTASK [b] ***\n"), site.NEW_IMAGE: runs(17.4)}
    peers = {site.ALL_AT_ONCE: runs(9.0), site.IN_ORDER: runs(8.0), site.HELM_UPGRADE: runs(12.0)}
    found = site.findings({**ours, **peers})
    assert met(found) == {"site.yml, nothing to do": True, site.NEW_IMAGE: True}
    assert found.rows[0] == {
        "command": site.SITE, "s": 12.0, "min s": 11.0, "max s": 21.0, "CPU s": 2.0, "tasks": 2,
    }  # fmt: skip
    slower = {site.SITE: runs(12.1), site.NEW_IMAGE: runs(17.5)}
    assert not any(met(site.findings({**ours, **peers, **slower})).values())
    assert not any(met(site.findings(ours)).values()), "without its peer a goal is not met"


def test_an_older_checkout_s_processor_time_is_the_limit_where_it_was_measured() -> None:
    both = {site.SITE + site.BEFORE: runs(40.0, cpu=8.0), site.SITE: runs(12.0)}
    assert met(site.findings(both))["site.yml, nothing to do, processor"]
    slower = {**both, site.SITE: runs(12.0, cpu=2.1)}
    assert not met(site.findings(slower))["site.yml, nothing to do, processor"]


def test_helmfile_gets_all_nine_releases_in_their_order_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "_values", lambda world, name, namespace: f"{name}.json")
    world = World("", create_autospec(KubeSession, instance=True), tmp_path)
    for needs in (False, True):
        releases = yaml.safe_load(Path(site._helmfile(world, "x", needs=needs)).read_text())["releases"]
        assert len(releases) == 9
        wanted = {r["name"]: r.get("needs", []) for r in releases}
        assert wanted["environment"] == []
        assert wanted["dapr-components"] == (
            ["todo-local/environment", "dapr-system/dapr", "kafka/kafka"] if needs else []
        )
