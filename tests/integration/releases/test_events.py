# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs are kept as events by a real API server: those that changed something, those that failed, and no others."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.records.events import KEEP, add, read

from tests.integration.releases.world import ENVIRONMENT, World
from tests.integration.support import run_module


def test_runs_are_kept_and_the_oldest_go(world: World) -> None:
    a = world.release("a", text="one")
    world.apply(a, commit="1111111aaaa").ok()
    unchanged = world.apply(a, commit="1111111aaaa").ok()
    assert not unchanged.result["changed"]
    frozen = ChangeRules.parse({"freeze": [{"why": "holidays"}]})
    refused = world.apply(world.release("a", text="two"), commit="2222222bbbb", change_rules=frozen)
    assert refused.code == "deploy_frozen", refused.result
    info = run_module(
        "release_set_info", {"environment": ENVIRONMENT, "namespace": world.namespace, "events": 9}, world.kubeconfig
    )
    assert not info.failed, info.output
    kept = [(each["commit"], each["from_set"], each["to_set"], each["outcome"]) for each in info.result["events"]]
    assert kept == [("2222222bbbb", 1, 1, "refused"), ("1111111aaaa", 0, 1, "succeeded")]

    event = read(world.kube, world.namespace)[0]
    for number in range(KEEP + 25):
        add(world.kube, world.namespace, ENVIRONMENT, replace(event, to_set=number, message="x" * 300))
    assert [each.to_set for each in read(world.kube, world.namespace)] == list(range(KEEP + 24, 24, -1))
    stored = world.kube.get(CONFIG_MAP, world.namespace, "release-events")
    assert len(stored["data"]) <= KEEP + 20
