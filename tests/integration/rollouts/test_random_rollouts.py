# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rollouts generated at random: whatever is put into them, the verdict is right.

API server, controllers and scheduler are real, the kubelets are played (rollouts/nodes.py), the RolloutWaiter judges.
TODO_CLOUD_ROLLOUTS: how many; `make rollouts` plays more of them, others each time. TODO_CLOUD_SEED: the first seed,
or several with commas to repeat just these.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.rollouts.nodes import PlayedNodes
from tests.integration.rollouts.performance import Outcome, Performance
from tests.integration.rollouts.scenarios import scenario

COUNT = int(os.environ.get("TODO_CLOUD_ROLLOUTS", "120"))
FIRST = [int(seed) for seed in os.environ.get("TODO_CLOUD_SEED", "1").split(",")]
AT_ONCE = int(os.environ.get("TODO_CLOUD_AT_ONCE", "32"))
SEEDS = FIRST if len(FIRST) > 1 else list(range(FIRST[0], FIRST[0] + COUNT))


@pytest.fixture(scope="module")
def outcomes(kubeconfig: str, make_namespace: Callable[..., str]) -> Iterator[dict[int, Future[Outcome]]]:
    """All of them, many at once: they mostly wait."""
    stages: SimpleQueue[tuple[KubeSession, str]] = SimpleQueue()
    admin = KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud played nodes")

    def stage(number: int) -> tuple[KubeSession, str]:
        return KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests"), make_namespace()

    def play(seed: int) -> Outcome:
        session, namespace = stages.get()
        try:
            return Performance(session, nodes, namespace, scenario(seed)).run()
        finally:
            stages.put((session, namespace))

    with PlayedNodes(admin) as nodes, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for made in pool.map(stage, range(min(AT_ONCE, len(SEEDS)))):
            stages.put(made)
        yield {seed: pool.submit(play, seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_verdict_is_right(seed: int, outcomes: dict[int, Future[Outcome]]) -> None:
    told = scenario(seed)
    outcome = outcomes[seed].result()
    verdict = outcome.verdict
    story = f"seed {seed}: {told}\nlines: {outcome.lines}\nfailures: {[one.message for one in verdict.failures]}"
    if told.code is None:
        assert verdict.ok, story
        assert outcome.settled >= told.settled, f"said Current with {outcome.settled} pods well; {story}"
        return
    assert [one.code for one in verdict.failures] == [told.code], story
    assert not told.container or verdict.failures[0].details["container"] == told.container, story
