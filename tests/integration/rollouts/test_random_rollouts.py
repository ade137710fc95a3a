# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random rollouts: the verdict is right for all injected faults.

API server, controllers and scheduler are real, the kubelets and the operators of custom kinds are simulated
(rollouts/nodes.py, rollouts/operators.py), the RolloutWaiter judges. TODO_CLOUD_ROLLOUTS: how many; `make rollouts`
runs more of them, others each time. TODO_CLOUD_SEED: the first seed, or several with commas to repeat just these.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.rollouts.nodes import SimulatedNodes
from tests.integration.rollouts.operators import KIND
from tests.integration.rollouts.runner import Outcome, ScenarioRunner
from tests.integration.rollouts.scenarios import scenario
from tests.integration.support import custom_kinds

COUNT = int(os.environ.get("TODO_CLOUD_ROLLOUTS", "120"))
FIRST = [int(seed) for seed in os.environ.get("TODO_CLOUD_SEED", "1").split(",")]
AT_ONCE = int(os.environ.get("TODO_CLOUD_AT_ONCE", "32"))
SEEDS = FIRST if len(FIRST) > 1 else list(range(FIRST[0], FIRST[0] + COUNT))


@pytest.fixture(scope="module")
def outcomes(kubeconfig: str, make_namespace: Callable[..., str]) -> Iterator[dict[int, Future[Outcome]]]:
    """All of them in parallel, since they mostly wait."""
    stages: SimpleQueue[tuple[KubeSession, str]] = SimpleQueue()
    group = f"r{secrets.token_hex(3)}.example.org"
    admin = KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud simulated nodes")

    def stage(number: int) -> tuple[KubeSession, str]:
        return KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests"), make_namespace()

    def play(seed: int) -> Outcome:
        session, namespace = stages.get()
        try:
            return ScenarioRunner(session, nodes, namespace, scenario(seed), group).run()
        finally:
            stages.put((session, namespace))

    with (
        custom_kinds(admin, group, {KIND: True}),
        SimulatedNodes(admin) as nodes,
        ThreadPoolExecutor(max_workers=AT_ONCE) as pool,
    ):
        for made in pool.map(stage, range(min(AT_ONCE, len(SEEDS)))):
            stages.put(made)
        yield {seed: pool.submit(play, seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_verdict_is_right(seed: int, outcomes: dict[int, Future[Outcome]]) -> None:
    expected = scenario(seed)
    outcome = outcomes[seed].result()
    verdict = outcome.verdict
    context = f"seed {seed}: {expected}\nlines: {outcome.lines}\nfailures: {[one.message for one in verdict.failures]}"
    if expected.code is None:
        assert verdict.ok, context
        assert outcome.settled >= expected.settled, f"reported Current with {outcome.settled} pods settled; {context}"
        return
    assert [one.code for one in verdict.failures] == [expected.code], context
    assert not expected.container or verdict.failures[0].details["container"] == expected.container, context
