"""One ``rollout_wait`` task on a workload that is ready already, beside one ``kubernetes.core.k8s_info`` task.

Whole runs of ansible-playbook are timed, in turn, and so is a run of one task that does nothing: the difference is what
the task itself costs. Memory is the proportional set size of the whole process tree at its highest, in runs of their
own, since looking costs time.
"""

from __future__ import annotations

import time
from typing import Any

import psutil

from tests.bench.figures import Findings, Goal, median, times
from tests.bench.world import World, serving_pod
from tests.integration.support import apply

_TIMED = 7
_WEIGHED = 3
_LOOK_SECONDS = 0.02
_NOISE = 1.1  # "not slower" allows for the spread of medians on a small machine
OURS, PEER, NOTHING = "todo.cloud.rollout_wait", "kubernetes.core.k8s_info, wait", "ansible.builtin.debug"


def measure(world: World) -> Findings:
    """Seconds and MB of both."""
    with world.namespace("single") as namespace:
        labels = {"app": "ready"}
        spec = {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": serving_pod(1)},
        }
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ready"}, "spec": spec}
        apply(world.kube, namespace, [body])
        commands = {name: world.playbook_command({"tasks": [task]}) for name, task in _tasks(namespace).items()}
        for command in commands.values():  # once for nothing: files are read, the workload gets ready
            world.run(*command).ok()
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(_TIMED):
            for name, command in commands.items():
                seconds[name].append(world.run(*command).ok().seconds)
        peaks = {name: median([_peak(world, command) for _ in range(_WEIGHED)]) for name, command in commands.items()}
    middle = {name: median(values) or 0.0 for name, values in seconds.items()}
    found = Findings("single", f"One task on a ready workload (median of {_TIMED} playbook runs, in turn)")
    found.rows = [
        {
            "task": name,
            "playbook s": middle[name],
            "of that the task s": middle[name] - middle[NOTHING],
            "fastest s": min(seconds[name]),
            "slowest s": max(seconds[name]),
            "peak MB": peaks[name],
        }
        for name in commands
    ]
    found.goals = [
        Goal("rollout_wait beside k8s_info: seconds of the run", middle[OURS], times(_NOISE, middle[PEER])),
        Goal("rollout_wait beside k8s_info: peak memory", peaks[OURS], times(_NOISE, peaks[PEER]), "MB"),
    ]
    return found


def _tasks(namespace: str) -> dict[str, dict[str, Any]]:
    info = {"api_version": "apps/v1", "kind": "Deployment", "name": "ready", "namespace": namespace, "wait": True}
    return {
        NOTHING: {"ansible.builtin.debug": {"msg": "nothing"}},
        PEER: {"kubernetes.core.k8s_info": info},
        OURS: {"todo.cloud.rollout_wait": {"workloads": [{"name": "ready", "namespace": namespace}], "timeout": 60}},
    }


def _peak(world: World, command: list[str]) -> float:
    """The highest sum of proportional set sizes (smaps_rollup) of a command and its children, in MB."""
    one = world.start(command)
    tree = psutil.Process(one.process.pid)
    highest = 0.0
    while one.process.poll() is None:
        highest = max(highest, sum(map(_weight, [tree, *_children(tree)])))
        time.sleep(_LOOK_SECONDS)
    one.output.close()
    return highest / 1e6


def _children(tree: psutil.Process) -> list[psutil.Process]:
    try:
        return list(tree.children(recursive=True))
    except psutil.Error:
        return []


def _weight(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0
